"""MCP by streamable HTTP at `/mcp`: behind the same edge as the API, one exchange a request, nothing kept between."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
from anyio.abc import TaskStatus
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Send
from starlette.types import Scope as AsgiScope

from backend.bootstrap import Container
from knowledge.text.storable import storable
from knowledge.types import Scope

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server


class McpEndpoint:
    """The ASGI application at `/mcp`. Host, origin and token were checked by the edge."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._server: Server[Any, Any] | None = None

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            # There is nothing that we would tell a client of our own accord, and no session to be ended.
            refusal = _refusal(-32600, "POST is what is taken here.", status=405)
            refusal.headers["Allow"] = "POST"
            await refusal(scope, receive, send)
            return
        try:
            body = await Request(scope, receive).body()
        except ClientDisconnect:
            return
        problem = _problem(body)
        if problem:
            await _refusal(-32700, problem, status=400)(scope, receive, send)
            return
        await self._exchange(scope, _once_more(body, receive), send)

    async def _exchange(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        from mcp.server.streamable_http import StreamableHTTPServerTransport

        server = self._made()
        transport = StreamableHTTPServerTransport(mcp_session_id=None, is_json_response_enabled=True)

        async def serve(*, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
            async with transport.connect() as (incoming, outgoing):
                task_status.started()
                await server.run(incoming, outgoing, server.create_initialization_options(), stateless=True)

        async with anyio.create_task_group() as tasks:
            try:
                await tasks.start(serve)
                await transport.handle_request(scope, receive, send)
            finally:
                with anyio.CancelScope(shield=True):
                    await transport.terminate()
                tasks.cancel_scope.cancel()

    def _made(self) -> Server[Any, Any]:
        if self._server is None:
            from backend.mcp.server import make_server

            self._server = make_server(self._container, _scope_of)
        return self._server


def _problem(body: bytes) -> str:
    """What in a message the library below would break off at, if anything; it tells by itself what else is wrong."""
    try:
        message = json.loads(body)
    except RecursionError:
        return "The message is nested too deeply."
    except ValueError:
        return ""
    message_id = message.get("id") if isinstance(message, dict) else None
    if isinstance(message_id, str) and storable(message_id) != message_id:
        return "The id of a message must not hold NUL characters or lone surrogates."
    return ""


def _refusal(code: int, message: str, *, status: int) -> JSONResponse:
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}
    return JSONResponse(error, status_code=status)


def _once_more(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives a body that was read already, and then goes on."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again


def _scope_of(server: Server[Any, Any]) -> Scope:
    """Whose request is under way, as the edge found."""
    request = server.request_context.request
    if request is None:
        raise RuntimeError("there is no request under way")
    found: Scope = request.state.scope
    return found
