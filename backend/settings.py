"""Everything that can be set, read from the environment here and nowhere else.

Names begin with CHATBOT_, and `__` separates the levels: CHATBOT_API__PORT is `settings.api.port`. An unknown name is
refused with the nearest known one, so that a typing mistake does not silently keep a default.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from agents.errors import ToolsetInvalid
from agents.tools.commands.allowed import check_entry
from backend.accounts.origins import is_loopback, read_authority, read_origin
from backend.errors import SettingsInvalid
from knowledge.config import ArchiveConfig, FetchConfig, ParsingConfig
from sandbox.config import SandboxLimits
from sandbox.images.recipe import DEFAULT_LANGUAGES
from sandbox.languages import LANGUAGES, find_language
from sandbox.network.hosts import HostRule
from sandbox.network.limits import NetworkLimits
from sandbox.network.policy import index_rule

PREFIX = "CHATBOT_"
MEGABYTE = 1024 * 1024
SHORTEST_SECRET_KEY = 32
SHORTEST_TOKEN = 16

Port = Annotated[int, Field(ge=0, le=65535)]


def _listed(value: Any) -> Any:
    """`a, b` as well as `["a", "b"]` is a list of names."""
    if not isinstance(value, str):
        return value
    if not value.lstrip().startswith("["):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError('write the names with commas between them, or as JSON: ["a", "b"]') from None


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ApiSettings(Section):
    """Where the API listens and who may speak to it."""

    host: str = "127.0.0.1"
    port: Port = 8000
    url: str = Field(default="", description="Where the browser reaches the API, when not at host and port.")
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Host names accepted besides loopback ones; empty: any, where a token is asked for."
    )
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Origins (https://chat.example) whose pages may call the API from a browser."
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("127.0.0.1", "::1"),
        description="Addresses and networks of proxies whose X-Forwarded-Proto and X-Forwarded-For are believed.",
    )
    max_body_bytes: int = Field(default=8 * MEGABYTE, gt=0, description="Largest body that is not an upload.")
    half_open_seconds: float = Field(
        default=20.0, gt=0, description="How long the headers of a request may take, and each silence of its body."
    )

    _split = field_validator("allowed_hosts", "allowed_origins", "trusted_proxies", mode="before")(_listed)

    @field_validator("allowed_hosts")
    @classmethod
    def _host_names(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        hosts = [read_authority("http", value) for value in values]
        wrong = [value for value, host in zip(values, hosts, strict=True) if host is None]
        if wrong:
            raise ValueError(f"{wrong[0][:100]!r} is not a host name; write chat.example, without scheme and path")
        return tuple(host.name for host in hosts if host is not None)

    @field_validator("allowed_origins")
    @classmethod
    def _whole_origins(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [value for value in values if read_origin(value.rstrip("/")) is None]
        if wrong:
            raise ValueError(f"{wrong[0][:100]!r} is not an origin; write https://chat.example, with its scheme")
        return tuple(value.rstrip("/").lower() for value in values)

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            ipaddress.ip_network(value, strict=False)
        return values


class UiSettings(Section):
    """Where the browser interface listens."""

    host: str = "127.0.0.1"
    port: Port = 8501


class UploadSettings(Section):
    max_file_bytes: int = Field(default=512 * MEGABYTE, gt=0, description="Largest file taken; others are refused.")
    max_files: int = Field(default=10_000, gt=0, description="Files in one request.")
    max_body_bytes: int = Field(
        default=16 * 1024 * MEGABYTE, gt=0, description="Largest upload as a whole, fields and files together."
    )
    max_question_file_bytes: int = Field(default=64 * MEGABYTE, gt=0, description="Largest file of questions.")


class SourceSettings(Section):
    roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        default=(), description="Folders of the server below which folder and zip sources may be named by others."
    )

    _split = field_validator("roots", mode="before")(_listed)


class ModelSettings(Section):
    """The default language model: an OpenAI-compatible endpoint. Without a name or a URL answers are extractive."""

    base_url: str = ""
    api_key: SecretStr = SecretStr("")
    name: str = ""
    tool_calls: Literal["native", "text"] = "native"
    input_price: float = Field(default=0.0, ge=0, description="Of a million tokens read, in the currency of budgets.")
    output_price: float = Field(default=0.0, ge=0, description="Of a million tokens written.")
    at_once: int = Field(default=0, ge=0, description="How often one process asks it at the same time; 0: no limit.")
    per_minute: int = Field(default=0, ge=0, description="How often one process asks it in a minute; 0: no limit.")


class EmbedderSettings(Section):
    """An embedder besides the built-in ones: any sentence-transformers model, or an OpenAI-compatible endpoint."""

    name: str = Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    kind: Literal["sentence-transformers", "openai"]
    model: str = Field(min_length=1)
    base_url: str = ""
    api_key: SecretStr = SecretStr("")
    dimension: int | None = Field(default=None, gt=0)
    languages: tuple[Literal["en", "zh", "other"], ...] = ("en", "zh", "other")


class RunSettings(Section):
    lease_seconds: float = Field(default=15.0, gt=1, description="A run not heard of for so long is taken over.")
    approval_hours: float = Field(
        default=24.0, gt=0, description="How long a person has to decide on what a run waits for."
    )
    max_attempts: int = Field(default=25, ge=1, description="How often a run is begun before it is given up.")
    trace_days: int = Field(
        default=90,
        ge=0,
        description="How long the steps of a run that has ended are kept, 0: for ever; answers and citations stay.",
    )
    max_active: int = Field(
        default=500, ge=1, description="Runs, completions and embeddings at once in one process; more are refused."
    )


class Neo4jSettings(Section):
    uri: str = ""
    user: str = "neo4j"
    password: SecretStr = SecretStr("")


class SandboxNetworkSettings(Section):
    """What sessions of the sandbox may reach if they ask for it. Nothing, unless it is named here."""

    hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="example.org, *.example.org, with a port where it is neither 443 nor 80."
    )
    private_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Of these hosts, those that may lead to addresses which are not public."
    )
    packages: bool = Field(default=False, description="Sessions may install packages.")
    package_index: str = Field(default="https://pypi.org/simple", description="Where pip finds them.")
    package_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("files.pythonhosted.org",), description="Further hosts that the indexes lead to."
    )
    npm_registry: str = Field(default="", description="Where npm finds its packages, such as a mirror of yours.")
    agent_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="What sessions of agents reach, of the hosts above; `packages` stands for the indexes."
    )
    ca_file: Path | None = Field(default=None, description="PEM file of what sessions trust; None: as the image does.")
    limits: NetworkLimits = NetworkLimits()

    _split = field_validator("hosts", "private_hosts", "package_hosts", "agent_hosts", mode="before")(_listed)

    @model_validator(mode="after")
    def _known(self) -> SandboxNetworkSettings:
        for each in (*self.hosts, *self.private_hosts, *self.package_hosts):
            HostRule.parse(each)
        for url in filter(None, (self.package_index, self.npm_registry)):
            index_rule(url)
        return self


class SandboxSettings(Section):
    """What runs untrusted code, and within which limits."""

    adapter: Literal["docker", "bubblewrap", "off"] | None = Field(default=None, description="None: what is there.")
    docker_host: str = Field(default="", description="The engine's address; empty: DOCKER_HOST, or the usual socket.")
    image: str = Field(default="", description="An image of your own; empty: the one that `sandbox build` makes.")
    runtime: str = Field(default="", description="The engine's runtime, such as runsc (gVisor); empty: its default.")
    root: Path | None = Field(default=None, description="The folder jails see as their root; None: the one built.")
    languages: Annotated[tuple[str, ...], NoDecode] = Field(
        default=DEFAULT_LANGUAGES, description="What `sandbox build` installs; java and go may be added."
    )
    limits: SandboxLimits = SandboxLimits()
    network: SandboxNetworkSettings = SandboxNetworkSettings()

    _split = field_validator("languages", mode="before")(_listed)

    @field_validator("languages")
    @classmethod
    def _known(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        found = [find_language(value) for value in values]
        if None in found:
            raise ValueError(f"{values[found.index(None)][:40]!r} is none of {', '.join(LANGUAGES)}")
        return tuple(each.name for each in found if each is not None)


class ToolSettings(Section):
    approval_minutes: int = Field(default=15, ge=1, description="How long a call outside a run waits for a decision.")
    audit_days: int = Field(default=365, ge=0, description="How long the record of calls is kept; 0: for ever.")
    read_commands: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Programs of this machine that tools may read with, each with the words that must follow it, such "
        "as `df` or `systemctl status`; separated by commas, empty: none.",
    )

    mcp_commands: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Programs that MCP servers may be started with on this machine, such as `npx`; separated by "
        "commas, empty: none. They may do whatever the server itself may.",
    )

    _split = field_validator("read_commands", "mcp_commands", mode="before")(_listed)

    @field_validator("read_commands")
    @classmethod
    def _only_reads(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(map(check_entry, values))
        except ToolsetInvalid as error:
            raise ValueError(str(error)) from None


class LogSettings(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Settings(BaseSettings):
    """All settings of all processes of one installation."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, env_ignore_empty=True
    )

    data_dir: Path = Field(default_factory=lambda: user_data_path("devops-chatbot", appauthor=False))
    database_url: str = Field(default="", description="A SQLAlchemy URL; empty: SQLite in the data folder.")
    token: SecretStr = Field(default=SecretStr(""), description="Asked for on any address but loopback.")
    secret_key: SecretStr = Field(
        default=SecretStr(""),
        description="Seals the keys stored in the database; empty: one made in the data folder. Several, the newest "
        "first, are separated by commas.",
    )
    api: ApiSettings = ApiSettings()
    ui: UiSettings = UiSettings()
    uploads: UploadSettings = UploadSettings()
    sources: SourceSettings = SourceSettings()
    runs: RunSettings = RunSettings()
    model: ModelSettings = ModelSettings()
    embedders: tuple[EmbedderSettings, ...] = ()
    default_embedders: Annotated[tuple[str, ...] | None, NoDecode] = Field(
        default=None, description="Embedders of new knowledge bases, the fastest first; None: the built-in ones."
    )
    parsing: ParsingConfig = ParsingConfig()
    archives: ArchiveConfig = ArchiveConfig()
    fetch: FetchConfig = FetchConfig()
    sample_guide: bool = Field(default=True, description="Make the user guide a knowledge base at the first start.")
    guide_dir: Path | None = Field(default=None, description="The user guide's folder; None: the one in the package.")
    neo4j: Neo4jSettings = Neo4jSettings()
    sandbox: SandboxSettings = SandboxSettings()
    tools: ToolSettings = ToolSettings()
    log: LogSettings = LogSettings()

    _split = field_validator("default_embedders", mode="before")(_listed)

    @field_validator("token")
    @classmethod
    def _hard_to_guess(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < SHORTEST_TOKEN:
            raise ValueError(f"a token has at least {SHORTEST_TOKEN} characters; make one with: openssl rand -hex 24")
        return value

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if any(len(key) < SHORTEST_SECRET_KEY for key in _listed(value.get_secret_value())):
            raise ValueError(
                f"a key has at least {SHORTEST_SECRET_KEY} characters; make one with: openssl rand -hex 32"
            )
        return value

    @property
    def strangers(self) -> tuple[str, ...]:
        """The addresses, hosts and origins by which others than the local user may reach the product."""
        origins = (read_origin(origin) for origin in self.api.allowed_origins)
        names = (self.api.host, self.ui.host, *self.api.allowed_hosts, *(each.name for each in origins if each))
        return tuple(dict.fromkeys(name for name in names if not is_loopback(name)))

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """The keys that seal and open stored secrets, the newest first; none: the key in the data folder."""
        return tuple(_listed(self.secret_key.get_secret_value()))

    @property
    def effective_database_url(self) -> str:
        """The database of this installation, as SQLAlchemy names it."""
        return self.database_url or f"sqlite:///{(self.data_dir.expanduser().absolute() / 'chatbot.db').as_posix()}"


def load_settings(environment: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """The settings of this process. Raises SettingsInvalid with one sentence for each thing to correct."""
    unknown = [_suggestion(name) for name in _unknown_names(os.environ if environment is None else environment)]
    if unknown:
        raise SettingsInvalid(" ".join(unknown))
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsInvalid(" ".join(_sentence(each) for each in error.errors(include_input=False))) from None
    except ValueError as error:
        raise SettingsInvalid(f"{error}. Lists and objects are written as JSON.") from None


def require_token(settings: Settings, host: str) -> None:
    """Raises SettingsInvalid when others can reach us without a token: what is to listen on `host` does so for them, or
    a host or origin of theirs is allowed, which a proxy on this machine passes on."""
    if settings.token.get_secret_value():
        return
    if not is_loopback(host):
        raise SettingsInvalid(
            f"{host} can be reached from other machines, so a token is needed: set CHATBOT_TOKEN to a long random "
            "string, or listen on 127.0.0.1."
        )
    origins = (read_origin(origin) for origin in settings.api.allowed_origins)
    allowed = (*settings.api.allowed_hosts, *(each.name for each in origins if each))
    strange = [name for name in allowed if not is_loopback(name)]
    if strange:
        raise SettingsInvalid(
            f"{strange[0]} is allowed to reach the API, so a token is needed: set CHATBOT_TOKEN to a long random "
            "string, or take it out of CHATBOT_API__ALLOWED_HOSTS and CHATBOT_API__ALLOWED_ORIGINS."
        )


def known_names(model: type[BaseModel] = Settings, prefix: str = PREFIX) -> Iterator[str]:
    """Every name of the environment that means something, sections included."""
    for name, field in model.model_fields.items():
        full = f"{prefix}{name.upper()}"
        yield full
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from known_names(field.annotation, f"{full}__")


def _unknown_names(environment: Mapping[str, str]) -> list[str]:
    known = set(known_names())
    free = (
        f"{PREFIX}TEST_",
        *(f"{PREFIX}{section}__LIMITS__" for section in ("PARSING", "ARCHIVES", "FETCH", "SANDBOX")),
    )
    names = (name.upper() for name in environment if name.upper().startswith(PREFIX))
    return sorted(name for name in names if name not in known and not name.startswith(free))


def _suggestion(name: str) -> str:
    near = difflib.get_close_matches(name, known_names(), n=1, cutoff=0.6)
    return f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else ".")


def _sentence(error: Any) -> str:
    where = PREFIX + "__".join(str(part).upper() for part in error["loc"])
    return f"{where}: {error['msg']}."
