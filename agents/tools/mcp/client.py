"""Speaks the Model Context Protocol to a server over streamable HTTP, by the same client that all tools use: bounded in
size and time, to the address that an operator gave and no other."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from agents.errors import ToolFailed, ToolsetInvalid
from agents.tools.bounded_json import read_bounded_json
from agents.tools.http.client import HttpAnswer, HttpClient, HttpRequest
from agents.tools.http.endpoint import Endpoint
from agents.tools.http.failures import RequestFailed
from agents.tools.mcp.ports import ServerSession, listed_tools

PROTOCOL = "2025-06-18"
_SESSION = "mcp-session-id"


@dataclass(frozen=True, kw_only=True, slots=True)
class McpSession:
    """A session with a server, from its greeting on."""

    client: HttpClient
    endpoint: Endpoint
    headers: Mapping[str, str]

    @classmethod
    async def begin(cls, client: HttpClient, endpoint: Endpoint) -> McpSession:
        """Greet the server. Raises ToolFailed."""
        fresh = cls(client=client, endpoint=endpoint, headers={})
        about = {"name": "devops-chatbot", "version": "1"}
        answer = await fresh._send("initialize", {"protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": about})
        result = _result(answer, 1)
        version = str(result.get("protocolVersion") or PROTOCOL)
        headers = {"MCP-Protocol-Version": version if version.isascii() and len(version) < 40 else PROTOCOL}
        session = answer.headers.get(_SESSION, "")
        if session and session.isascii() and session.isprintable() and len(session) < 1_000:
            headers["Mcp-Session-Id"] = session
        greeted = replace(fresh, headers=headers)
        await greeted._send("notifications/initialized", None)
        return greeted

    async def tools(self) -> list[Mapping[str, Any]]:
        """What the server says of its tools, at most 500 of them. Raises ToolFailed."""
        return await listed_tools(self._request)

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """The result of a call. Raises ToolFailed."""
        return await self._request("tools/call", {"name": name, "arguments": dict(arguments)})

    async def end(self) -> None:
        """Say goodbye, where the server keeps something of the session."""
        if "Mcp-Session-Id" in self.headers:
            try:
                await self.client.send(self.endpoint, HttpRequest(method="DELETE", headers=self.headers))
            except RequestFailed:
                return

    async def _request(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        return _result(await self._send(method, params), 1)

    async def _send(self, method: str, params: Mapping[str, Any] | None) -> HttpAnswer:
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        if params is not None:
            message |= {"id": 1, "params": params}
        headers = {
            **self.headers,
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
        }
        body = json.dumps(message).encode()
        request = HttpRequest(method="POST", headers=headers, body=body, is_enough=lambda so_far: _found(so_far) != {})
        try:
            answer = await self.client.send(self.endpoint, request)
        except RequestFailed as error:
            raise ToolFailed(f"The MCP server did not answer {method}. {error}") from None
        if not answer.is_success:
            said = " ".join(answer.text.split())[:300]
            raise ToolFailed(f"The MCP server answered {method} with {answer.status}. {said}")
        return answer


def _result(answer: HttpAnswer, request_id: int) -> Mapping[str, Any]:
    """The result in an answer. Raises ToolFailed for an error and for what is none."""
    if answer.media_type == "text/event-stream":
        message = _found(answer.body)
    else:
        try:
            message = answer.json()
        except ValueError:
            message = {}
    if isinstance(message, Mapping) and isinstance(message.get("error"), Mapping):
        raise ToolFailed(f"The MCP server says: {str(message['error'].get('message'))[:1_000]}")
    result = message.get("result") if isinstance(message, Mapping) else None
    if not isinstance(result, Mapping):
        raise ToolFailed("The MCP server's answer is none: it holds no result.")
    return result


def _found(body: bytes) -> Mapping[str, Any]:
    """The answer among server-sent events; what else a server tells or asks meanwhile is passed over."""
    for event in body.replace(b"\r\n", b"\n").split(b"\n\n"):
        data = b"\n".join(line[5:].lstrip() for line in event.split(b"\n") if line.startswith(b"data:"))
        try:
            message = read_bounded_json(data) if data else None
        except ValueError:
            continue
        if isinstance(message, Mapping) and message.get("id") == 1 and ("result" in message or "error" in message):
            return message
    return {}


@asynccontextmanager
async def http_session(client: HttpClient, endpoint: Endpoint) -> AsyncIterator[McpSession]:
    """A session with the server at this address. Raises ToolFailed."""
    session = await McpSession.begin(client, endpoint)
    try:
        yield session
    finally:
        await session.end()


async def read_tools(opened: AbstractAsyncContextManager[ServerSession]) -> Sequence[Mapping[str, Any]]:
    """What the server has. Raises ToolsetInvalid."""
    try:
        async with opened as session:
            return await session.tools()
    except ToolFailed as error:
        raise ToolsetInvalid(str(error)) from None
