"""Where a platform is, how one signs in there, and how much may be asked of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class NoAuth:
    """Nothing is sent to sign in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bearer:
    token: str = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Basic:
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiKey:
    """A key in a header or a query parameter of this name."""

    name: str
    place: Literal["header", "query"]
    value: str = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientCredentials:
    """OAuth2 client credentials: a token is asked for at `token_url` and kept until it expires."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""
    audience: str = ""


Auth = NoAuth | Bearer | Basic | ApiKey | ClientCredentials


@dataclass(frozen=True, kw_only=True, slots=True)
class Tls:
    """What to trust and what to show, as PEM texts; `verify` is off only where an operator said so."""

    ca: str = ""
    certificate: str = ""
    key: str = field(default="", repr=False)
    verify: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointLimits:
    """`timeout_s` bounds a call as a whole, redirects and a token included."""

    timeout_s: float = 30.0
    concurrency: int = 8
    per_minute: int = 600
    max_bytes: int = 10_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """A platform. With `allow_private` the hosts of `base_url` and of the token's address may be private; what answers
    redirect to may not, and metadata services never. `secrets` are further values that templates may name."""

    base_url: str
    id: str = ""
    name: str = ""
    kind: str = "http"
    auth: Auth = field(default_factory=NoAuth)
    tls: Tls = field(default_factory=Tls)
    limits: EndpointLimits = field(default_factory=EndpointLimits)
    allow_private: bool = False
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    def secret_values(self) -> Iterator[str]:
        """Everything that must not be seen anywhere but in the request it belongs to."""
        yield from self.secrets.values()
        if self.tls.key:
            yield from (line for line in self.tls.key.splitlines() if "-----" not in line)
        match self.auth:
            case Bearer(token=value) | Basic(password=value) | ApiKey(value=value):
                yield value
            case ClientCredentials(client_secret=value):
                yield value
            case _:
                pass

    @property
    def fingerprint(self) -> str:
        """Differs when anything about reaching it differs."""
        parts = (self.id, self.base_url, str(self.allow_private), *self.secret_values(), self.tls.ca, self.tls.key)
        more = (self.tls.certificate, str(self.tls.verify), repr(self.auth), repr(self.limits))
        return hashlib.sha256("\x00".join((*parts, *more)).encode()).hexdigest()
