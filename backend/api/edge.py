"""The outermost layer of every request: its id, its guard, its limits, its measure and its last resort."""

from __future__ import annotations

import re
import time
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.accounts.authentication import Authentication
from backend.accounts.guard import Guard
from backend.accounts.visits import Proxies
from backend.api.half_open import TimelyBody
from backend.api.problems import respond_to
from backend.errors import BodyTooLarge, Invalid, NamedError
from backend.telemetry import Metrics
from knowledge.ids import new_id

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_UPLOADS = re.compile(
    r"/api/v1/(knowledge-bases/([^/]+/(documents|evaluations)|import)/?|sandbox/sessions/[^/]+/files/.+)"
)
_QUIET = frozenset({"/healthz", "/readyz", "/metrics", "/api/v1/healthz", "/api/v1/readyz", "/api/v1/metrics"})

log = structlog.get_logger(__name__)


class Edge:
    """ASGI middleware. Uploads are limited where they are read; every other body here."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        guard: Guard,
        proxies: Proxies,
        authentication: Authentication,
        metrics: Metrics,
        max_body_bytes: int,
        half_open_seconds: float,
    ) -> None:
        self._app = app
        self._guard = guard
        self._proxies = proxies
        self._authentication = authentication
        self._metrics = metrics
        self._max_body_bytes = max_body_bytes
        self._half_open_seconds = half_open_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._serve_socket(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = TimelyBody(receive, self._half_open_seconds)
        exchange = _Exchange(scope, send, body)
        with structlog.contextvars.bound_contextvars(request_id=exchange.request_id):
            try:
                await self._serve(scope, body, exchange)
            finally:
                self._measure(scope, exchange)

    async def _serve(self, scope: Scope, receive: Receive, exchange: _Exchange) -> None:
        try:
            _refuse_nul(scope)
            await self._admit(scope)
            await self._app(scope, self._limited(scope, receive, exchange), exchange.send)
        except NamedError as error:
            await self._answer(scope, receive, exchange, respond_to(scope["path"], error))
        except Exception as error:  # the outer edge of a request
            if exchange.status:
                raise  # its beginning is on the wire already; the server cuts the connection
            await self._answer(scope, receive, exchange, respond_to(scope["path"], error))

    async def _serve_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._admit(scope)
        except NamedError:
            await send({"type": "websocket.close", "code": 1008})  # before it was accepted: an HTTP 403
            return
        await self._app(scope, receive, send)

    async def _admit(self, scope: Scope) -> None:
        """Note the visit and whose it is in the request's state. Raises Refused, TokenRequired, TooManyAttempts."""
        visit = self._proxies.visit(scope)
        self._guard.check(visit)
        state = scope.setdefault("state", {})
        state["visit"] = visit
        state["scope"] = await self._authentication.scope_of(visit)

    async def _answer(self, scope: Scope, receive: Receive, exchange: _Exchange, response: Response) -> None:
        await response(scope, receive, exchange.send)

    def _limited(self, scope: Scope, receive: Receive, exchange: _Exchange) -> Receive:
        if _UPLOADS.fullmatch(scope["path"]):
            return receive
        length = exchange.headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._max_body_bytes:
            raise BodyTooLarge(f"The body is larger than {self._max_body_bytes:,} bytes.")
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_body_bytes:
                raise HTTPException(413)
            return message

        return limited

    def _measure(self, scope: Scope, exchange: _Exchange) -> None:
        seconds = time.perf_counter() - exchange.started
        route = _route(scope)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.requests.labels(method, route, exchange.status).inc()
        self._metrics.request_seconds.labels(method, route).observe(seconds)
        level = log.debug if scope["path"] in _QUIET else log.info
        level("request", method=method, path=scope["path"], status=exchange.status, ms=round(seconds * 1000, 1))


def _route(scope: Scope) -> str:
    """The address with the names of its parameters in place of their values: as many labels as there are routes."""
    if "route" not in scope:
        return "unknown"
    names = {value: f"{{{name}}}" for name, value in scope.get("path_params", {}).items()}
    return "/".join(names.get(part, part) for part in scope["path"].split("/"))


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class _Exchange:
    """A request's id and headers, and what has been sent in answer."""

    def __init__(self, scope: Scope, send: Send, body: TimelyBody) -> None:
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        given = self.headers.get("x-request-id", "")
        self.request_id = given if _REQUEST_ID.fullmatch(given) else new_id()
        self.status = 0
        self.started = time.perf_counter()
        self._send = send
        self._body = body

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            extra: list[Any] = [
                (b"x-request-id", self.request_id.encode()),
                (b"x-content-type-options", b"nosniff"),
            ]
            if self._is_owed_a_body():
                extra.append((b"connection", b"close"))  # what is still to come of it is not waited for
            present = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [*message["headers"], *(pair for pair in extra if pair[0] not in present)]
        await self._send(message)

    def _is_owed_a_body(self) -> bool:
        named = self.headers.get("content-length", "0") != "0" or "transfer-encoding" in self.headers
        return named and not self._body.complete


def _refuse_nul(scope: Scope) -> None:
    if "\x00" in scope["path"] or b"%00" in scope.get("query_string", b"") or b"\x00" in scope.get("query_string", b""):
        raise Invalid("An address must not contain NUL characters.")
