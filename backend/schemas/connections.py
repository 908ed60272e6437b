"""Connections to platforms, as they come in and as they are shown."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from backend.schemas.base import Body, View

ConnectionName = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$")]
SecretNames = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
Secrets = Annotated[dict[SecretNames, Annotated[str, Field(min_length=1, max_length=20_000)]], Field(max_length=20)]


class AuthBody(Body):
    """How to sign in; which fields are needed depends on the kind. Secret ones are kept on the server, sealed, sent to
    this connection alone and never shown."""

    kind: str = Field(default="none", description="none, bearer, basic, api_key or oauth2 (client credentials).")
    token: str = Field(default="", max_length=20_000, description="bearer")
    user: str = Field(default="", max_length=500, description="basic")
    password: str = Field(default="", max_length=20_000, description="basic")
    name: str = Field(default="", max_length=100, description="api_key: the header or the query parameter.")
    place: str = Field(default="", max_length=10, description="api_key: header or query.")
    value: str = Field(default="", max_length=20_000, description="api_key")
    token_url: str = Field(default="", max_length=2_000, description="oauth2")
    client_id: str = Field(default="", max_length=500, description="oauth2")
    client_secret: str = Field(default="", max_length=20_000, description="oauth2")
    scope: str = Field(default="", max_length=1_000, description="oauth2, if the server wants one.")
    audience: str = Field(default="", max_length=1_000, description="oauth2, if the server wants one.")


class TlsBody(Body):
    """Texts in PEM. `key` is secret; without `verify` anybody on the way can read and change what is sent."""

    ca: str = Field(default="", max_length=200_000)
    certificate: str = Field(default="", max_length=100_000)
    key: str = Field(default="", max_length=50_000)
    verify: bool = True


class ConnectionCreate(Body):
    """`kubeconfig` (with `context`) gives address, `auth` and `tls` in one; programs named in it are not run."""

    kind: str = Field(max_length=50, description="One of /connection-kinds.")
    name: ConnectionName
    base_url: str = Field(default="", max_length=2_000)
    auth: AuthBody = AuthBody()
    tls: TlsBody = TlsBody()
    secrets: Secrets = Field(default_factory=dict, description="Further values that a toolset names as ${name}.")
    kubeconfig: str = Field(default="", max_length=200_000)
    context: str = Field(default="", max_length=200)
    allow_private: bool = Field(default=False, description="Whether its host may have a private address.")
    timeout_s: float = Field(default=30.0, gt=0, le=600)
    concurrency: int = Field(default=8, ge=1, le=64)
    per_minute: int = Field(default=600, ge=1, le=60_000)


class ConnectionUpdate(Body):
    """What is given changes; `auth`, `tls`, `secrets` and `kubeconfig` are given together, since nobody can read the
    stored ones."""

    name: ConnectionName | None = None
    base_url: str | None = Field(default=None, max_length=2_000)
    auth: AuthBody | None = None
    tls: TlsBody | None = None
    secrets: Secrets | None = None
    kubeconfig: str = Field(default="", max_length=200_000)
    context: str = Field(default="", max_length=200)
    allow_private: bool | None = None
    timeout_s: float | None = Field(default=None, gt=0, le=600)
    concurrency: int | None = Field(default=None, ge=1, le=64)
    per_minute: int | None = Field(default=None, ge=1, le=60_000)


class ConnectionView(View):
    """`auth` and `tls` without what is secret; `has_secrets` says whether something is."""

    id: str
    kind: str
    name: str
    base_url: str
    auth: dict[str, Any]
    tls: dict[str, Any]
    has_secrets: bool
    allow_private: bool
    timeout_s: float
    concurrency: int
    per_minute: int


class ConnectionTest(View):
    """`cause` is ok, or one of: url, address, dns, refused, tls, timeout, redirect, size, protocol, busy, token,
    bad_request, unauthorized, forbidden, not_found, too_many, key_needed, secret_unreadable, error. `place` is the host
    and port that was tried, `answer` what it said of itself: a version, a status, how many tools."""

    ok: bool
    cause: str
    message: str
    place: str
    answer: str
    status: int
    latency_ms: float | None


class ConnectionKind(View):
    """A platform that tools exist for. `auth` are the ways to sign in that it takes; `secrets` further values."""

    kind: str
    title: dict[str, str]
    description: dict[str, str]
    permissions: dict[str, str]
    example_url: str
    auth: list[str]
    secrets: dict[str, dict[str, str]]
    tools: int
