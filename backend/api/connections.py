"""Connections to platforms: where they are, how to sign in, and whether that works."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from sqlalchemy import Connection

from agents.tools.tcp.place import PORTS
from backend.api.context import Caller, Creating, Cursor, Here, Limit
from backend.api.openapi import problems
from backend.bootstrap import Container
from backend.connections.auth import SignIn, parse_sign_in
from backend.connections.kinds import MCP, kinds, probe_of
from backend.connections.kubeconfig import read_kubeconfig
from backend.connections.store import Connections, StoredConnection
from backend.connections.testing import try_connection, try_protocol, try_server
from backend.errors import Invalid, KeyNeeded, SecretUnreadable
from backend.schemas.base import Page
from backend.schemas.connections import (
    AuthBody,
    ConnectionCreate,
    ConnectionKind,
    ConnectionTest,
    ConnectionUpdate,
    ConnectionView,
    TlsBody,
)
from knowledge.types import Scope

router = APIRouter(tags=["connections"])
_SIGNING = ("auth", "tls", "secrets", "kubeconfig", "context")


@router.get("/connection-kinds")
def list_connection_kinds() -> Page[ConnectionKind]:
    """The platforms that tools exist for, and what a connection to each needs."""
    return Page(items=[ConnectionKind.model_validate(each) for each in kinds()])


@router.post("/connections", status_code=201, responses=problems(409))
def create_connection(body: ConnectionCreate, container: Here, scope: Caller, creating: Creating) -> ConnectionView:
    """Store a connection. Its secrets are sealed, sent to its own address alone and never shown."""
    if all(each["kind"] != body.kind for each in kinds()):
        raise Invalid(f"No platform is of kind {body.kind[:50]!r}; GET /connection-kinds lists them.")
    base_url, sign_in = _sign_in(body.base_url, body)
    values = body.model_dump(exclude={*_SIGNING, "base_url"})

    def make(connection: Connection) -> ConnectionView:
        return _view(_store(connection, container, scope).create(base_url=base_url, sign_in=sign_in, **values))

    # A fingerprint of the body is kept with the key; it is a hash, of which no secret can be read.
    return creating.once(body, ConnectionView, make)


@router.get("/connections")
def list_connections(container: Here, scope: Caller, limit: Limit = 50, cursor: Cursor = "") -> Page[ConnectionView]:
    """Connections by name, without their secrets."""
    with container.database.read() as connection:
        stored, following = _store(connection, container, scope).page(limit, cursor)
    return Page(items=[_view(each) for each in stored], next_cursor=following)


@router.get("/connections/{id}", responses=problems(404))
def get_connection(id: str, container: Here, scope: Caller) -> ConnectionView:
    """One connection, without its secrets."""
    with container.database.read() as connection:
        return _view(_store(connection, container, scope).get(id))


@router.patch("/connections/{id}", responses=problems(404, 409))
def change_connection(id: str, body: ConnectionUpdate, container: Here, scope: Caller) -> ConnectionView:
    """Change what is given. A change that leads to another server (422 `key_needed`) wants the secrets again: they were
    given for the server before."""
    values = {name: value for name, value in body.model_dump(exclude=set(_SIGNING)).items() if value is not None}
    sign_in = None
    if body.kubeconfig or any(each is not None for each in (body.auth, body.tls, body.secrets)):
        url, sign_in = _sign_in(values.get("base_url", ""), body)
        if url:
            values["base_url"] = url
    with container.database.write() as connection:
        return _view(_store(connection, container, scope).change(id, values, sign_in))


@router.delete("/connections/{id}", status_code=204, responses=problems(404))
def delete_connection(id: str, container: Here, scope: Caller) -> Response:
    """Forget a connection, its secrets, and the sources of tools that need it."""
    with container.database.write() as connection:
        _store(connection, container, scope).delete(id)
    return Response(status_code=204)


@router.post("/connections/{id}/test", responses=problems(404))
async def test_connection(id: str, container: Here, scope: Caller) -> ConnectionTest:
    """Try it, and say what is wrong: the name, the port, the certificate, the credentials, their rights, the path."""

    def find() -> StoredConnection:
        with container.database.read() as connection:
            return _store(connection, container, scope).get(id)

    stored = await container.in_thread(find)
    try:
        endpoint = await container.in_thread(stored.endpoint, container.sealer)
    except (SecretUnreadable, KeyNeeded) as error:
        return ConnectionTest(
            ok=False, cause=error.code, message=str(error), place="", answer="", status=0, latency_ms=None
        )
    if stored.kind == MCP:
        return ConnectionTest.model_validate(await try_server(container.http, endpoint))
    if stored.base_url.partition(":")[0].lower() in PORTS:
        return ConnectionTest.model_validate(await try_protocol(container.http, endpoint))
    tried = await try_connection(container.http, endpoint, probe_of(stored.kind))
    return ConnectionTest.model_validate(tried)


def _store(connection: Connection, container: Container, scope: Scope) -> Connections:
    return Connections(connection, scope, container.sealer)


def _sign_in(base_url: str, body: ConnectionCreate | ConnectionUpdate) -> tuple[str, SignIn]:
    """The address and how to sign in, from what was given or from the kubeconfig in it. Raises Invalid."""
    auth, tls = _given(body.auth or AuthBody()), _given(body.tls or TlsBody())
    if body.kubeconfig:
        if auth.get("kind", "none") != "none" or tls.get("ca") or tls.get("certificate"):
            raise Invalid("A kubeconfig says how to sign in: leave out auth and tls.", reason="kubeconfig_and_auth")
        found = read_kubeconfig(body.kubeconfig, body.context)
        base_url, auth, tls = base_url or found.base_url, dict(found.auth), dict(found.tls)
    return base_url, parse_sign_in(auth, tls, body.secrets)


def _given(body: AuthBody | TlsBody) -> dict[str, Any]:
    return {name: value for name, value in body.model_dump().items() if value != ""}


def _view(stored: StoredConnection) -> ConnectionView:
    names = ("id", "kind", "name", "base_url", "allow_private", "timeout_s", "concurrency", "per_minute")
    shown = {name: getattr(stored, name) for name in names}
    return ConnectionView(auth=dict(stored.auth), tls=dict(stored.tls), has_secrets=bool(stored.credential), **shown)
