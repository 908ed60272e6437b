"""What a toolset in YAML may hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(Part):
    """A text in both languages."""

    en: str = Field(max_length=500)
    zh: str = Field(default="", max_length=500)


class Parameter(Part):
    """A variable of a template. `time` writes a moment in the form the platform takes; `paths` has a text of the
    toolset's own for each value, which `{{ name:path }}` puts in its place; `slashes` lets a value in a path hold
    several parts; `encode` writes the bytes of a text in base64, and `{{ name:after }}` then is the end of the range of
    all that begin with it."""

    type: Literal["string", "integer", "number", "boolean", "array", "object"] = "string"
    description: str = Field(default="", max_length=1_000)
    required: bool = True
    default: Any = None
    enum: list[str | int] | None = Field(default=None, max_length=200)
    pattern: str = Field(default="", max_length=200)
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None
    time: Literal["unix", "unix_ms", "unix_ns", "rfc3339"] | None = None
    paths: dict[str, str] | None = None
    slashes: bool = False
    encode: Literal["base64"] | None = None


class RequestTemplate(Part):
    """A request. In `path` a part in brackets is left out when a variable of it has no value, and so are entries of
    `query`, `headers`, `form` and `json`. Lists in `query` become several parameters, or one with commas between where
    `comma` names them."""

    method: Method = "GET"
    path: str = Field(default="", max_length=2_000)
    query: dict[str, Any] | str = Field(default_factory=dict)
    comma: list[str] = Field(default_factory=list, max_length=10)
    headers: dict[str, str] = Field(default_factory=dict)
    json_body: Any = Field(default=None, alias="json")
    form: dict[str, Any] | None = None
    media_type: str = ""


class StatementTemplate(Part):
    """SQL that reads. Variables are values; one that is the whole text is a statement of the caller's. `texts` holds
    what another server wants instead. With `plan` the statement's plan is asked for; it is run for that where `run` is
    true."""

    text: str = Field(min_length=1, max_length=10_000)
    texts: dict[Literal["mysql", "mariadb"], Annotated[str, Field(max_length=10_000)]] = Field(default_factory=dict)
    plan: bool = False
    run: str = Field(default="", max_length=200)


class CommandTemplate(Part):
    """A program and its arguments, each of them one template; nothing reads them as a shell would. Exit codes in
    `success` are no failure."""

    program: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$")
    arguments: list[str] = Field(default_factory=list, max_length=50)
    success: list[int] = Field(default_factory=lambda: [0], max_length=10)


class Result(Part):
    """What is kept of an answer: `decode` reads what is coded in it; `select` finds the rows; `columns` are paths
    within each of them; keys of `without` are left out wherever they stand."""

    decode: str = Field(default="", max_length=50)

    select: str = Field(default="", max_length=500)
    view: Literal["text", "table", "log", "chart"] = "text"
    columns: dict[str, str] = Field(default_factory=dict)
    limit: int = Field(default=200, ge=1, le=5_000)
    label: str = ""
    points: str = ""
    time: str = ""
    text: str = ""
    error: str = ""
    without: list[str] = Field(default_factory=list, max_length=20)
    raw: bool = False
    newest_last: bool = True


class DeclaredTool(Part):
    """One tool: a request, a statement, a command, or an operation that the product has a name for. The risk of a
    request comes from its method unless it is written down; a statement and a command read; the risk of an operation
    is known."""

    name: Name
    title: Words | None = None
    description: str = Field(min_length=1, max_length=2_000)
    risk: Literal["read", "write", "destructive"] | None = None
    open_world: bool = False
    request: RequestTemplate = Field(default_factory=RequestTemplate)
    statement: StatementTemplate | None = None
    command: CommandTemplate | None = None
    operation: str = Field(default="", max_length=64)
    parameters: dict[Name, Parameter] = Field(default_factory=dict)
    result: Result = Field(default_factory=Result)
    timeout_s: float = Field(default=30.0, gt=0, le=600)

    @model_validator(mode="after")
    def _does_one_thing(self) -> DeclaredTool:
        given = self.model_fields_set & {"request", "statement", "command", "operation"}
        if len(given) != 1:
            raise ValueError("a tool has one of request, statement, command and operation")
        if self.command is not None and self.risk not in (None, "read"):
            raise ValueError("a command only reads")
        return self


class Toolset(Part):
    """Tools of one platform. `kind` is that of the connections they work on, whose addresses begin with one of
    `schemes`; `probe` is a path whose answer says whether a connection works; `permissions` is the least that its
    credentials need. `of` names another kind whose connections they work on: such a toolset has none of its own."""

    name: Name
    kind: str = Field(default="http", pattern=r"^[a-z][a-z0-9_]{0,49}$")
    title: Words | None = None
    description: Words | None = None
    permissions: Words | None = None
    of: str = Field(default="", max_length=50)
    schemes: list[str] = Field(default_factory=lambda: ["http", "https"], min_length=1, max_length=5)
    example_url: str = ""
    auth: list[str] = Field(default_factory=list)
    secrets: dict[str, Words] = Field(default_factory=dict)
    probe: str = ""
    tools: list[DeclaredTool] = Field(min_length=1, max_length=500)

    @property
    def is_local(self) -> bool:
        """Whether all of its tools are programs of this machine, which need no connection."""
        return all(tool.command is not None for tool in self.tools)


RISK_OF: Mapping[str, Literal["read", "write", "destructive"]] = {
    "GET": "read",
    "HEAD": "read",
    "POST": "write",
    "PUT": "write",
    "PATCH": "write",
    "DELETE": "destructive",
}
