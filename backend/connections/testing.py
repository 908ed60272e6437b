"""Tries a connection and says what is wrong with it, in words that tell what to change."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from agents.errors import ToolFailed, ToolsetInvalid
from agents.tools.http.client import HttpAnswer, HttpClient, HttpRequest
from agents.tools.http.endpoint import Endpoint
from agents.tools.http.failures import RequestFailed
from agents.tools.mcp.client import http_session, read_tools
from agents.tools.sql.tool import database_version
from agents.tools.tcp.place import shown, turn_at

_LONGEST_S = 15.0
_MEANINGS = {
    400: ("bad_request", "{host} answers, but not to this: does it want https, or another path in the address?"),
    401: ("unauthorized", "{host} answers and does not take these credentials (401): are they right, and still valid?"),
    403: ("forbidden", "{host} knows these credentials and does not let them in (403): what rights do they have?"),
    404: ("not_found", "{host} answers, but there is nothing at {path} (404): is the path in the address right?"),
    407: ("forbidden", "A proxy before {host} wants to be signed in to (407)."),
    429: ("too_many", "{host} is asked too often (429): try again later."),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """What a test came to. `cause` is `ok` or a stable word for what is wrong at `place`; `answer` is what that said of
    itself. `status` is HTTP's, 0 without answer."""

    cause: str
    message: str
    place: str
    answer: str = ""
    status: int = 0
    latency_ms: float | None = None

    @property
    def ok(self) -> bool:
        return self.cause == "ok"


async def try_connection(client: HttpClient, endpoint: Endpoint, probe: str) -> Tried:
    """Ask for the path that answers only to whoever may use the platform."""
    limits = replace(endpoint.limits, timeout_s=min(endpoint.limits.timeout_s, _LONGEST_S))
    try:
        answer = await client.send(replace(endpoint, limits=limits), HttpRequest(target=probe))
    except RequestFailed as error:
        return Tried(cause=error.cause, message=str(error), place=shown(endpoint.base_url))
    return told(answer, endpoint, probe)


async def try_server(client: HttpClient, endpoint: Endpoint) -> Tried:
    """Greet an MCP server."""
    limits = replace(endpoint.limits, timeout_s=min(endpoint.limits.timeout_s, _LONGEST_S))
    try:
        tools = await read_tools(http_session(client, replace(endpoint, limits=limits)))
    except ToolsetInvalid as error:
        return Tried(cause="error", message=str(error), place=shown(endpoint.base_url))
    return Tried(
        cause="ok", message=f"The server answers and has {len(tools)} tools.", place=shown(endpoint.base_url),
        answer=f"MCP, {len(tools)}", status=200,
    )  # fmt: skip


async def try_protocol(client: HttpClient, endpoint: Endpoint) -> Tried:
    """Sign in to a database or to Redis, and ask for its version."""
    from agents.tools.redis.connection import redis_version  # loads a library that most processes never need

    limits = replace(endpoint.limits, timeout_s=min(endpoint.limits.timeout_s, _LONGEST_S))
    started = time.monotonic()
    try:
        async with turn_at(client, replace(endpoint, limits=limits)) as place:
            if place.scheme in ("redis", "rediss"):
                version = await redis_version(place)
            else:
                version = await database_version(place)
    except RequestFailed as error:
        return Tried(cause=error.cause, message=str(error), place=shown(endpoint.base_url))
    except ToolFailed as error:
        return Tried(cause="error", message=str(error), place=shown(endpoint.base_url))
    latency = round((time.monotonic() - started) * 1000, 1)
    message = f"{place.shown} answers ({version})."
    return Tried(cause="ok", message=message, place=place.shown, answer=version, latency_ms=latency)


def told(answer: HttpAnswer, endpoint: Endpoint, probe: str) -> Tried:
    """What a status means."""
    from urllib.parse import urlsplit

    host = shown(endpoint.base_url)
    said: dict[str, Any] = {"place": host, "answer": str(answer.status), "status": answer.status}
    latency = round(answer.elapsed_ms, 1)
    if answer.is_success:
        return Tried(cause="ok", message=f"{host} answers ({answer.status}).", latency_ms=latency, **said)
    unknown = ("error", "{host} answers with {status}: " + ("it has trouble itself." if answer.status >= 500 else "?"))
    cause, sentence = _MEANINGS.get(answer.status, unknown)
    path = urlsplit(answer.url).path
    message = sentence.format(host=host, path=path, status=answer.status)
    return Tried(cause=cause, message=message, latency_ms=latency, **said)
