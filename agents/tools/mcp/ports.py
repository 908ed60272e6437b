"""What a tool of an MCP server needs of the server, whichever way it is spoken to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

MOST_TOOLS = 500
_MOST_PAGES = 20
_LONGEST_CURSOR = 2_000

Request = Callable[[str, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Sends a method with its parameters; the result. Raises ToolFailed."""


class ServerSession(Protocol):
    """A session with a server that has been greeted."""

    async def tools(self) -> Sequence[Mapping[str, Any]]:
        """What the server says of its tools, at most 500 of them. Raises ToolFailed."""
        ...

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """The result of a call. Raises ToolFailed."""
        ...


OpenSession = Callable[[], AbstractAsyncContextManager[ServerSession]]
"""Begins a session, and ends it with the block. Raises ToolFailed."""


async def listed_tools(request: Request) -> list[Mapping[str, Any]]:
    """All pages of what a server says of its tools, at most 500 of them. Raises ToolFailed."""
    found: list[Mapping[str, Any]] = []
    cursor = ""
    for _ in range(_MOST_PAGES):
        result = await request("tools/list", {"cursor": cursor} if cursor else {})
        page = result.get("tools")
        found += [each for each in page if isinstance(each, Mapping)] if isinstance(page, list) else []
        cursor = str(result.get("nextCursor") or "")
        if not cursor or len(cursor) > _LONGEST_CURSOR or len(found) >= MOST_TOOLS:
            break
    return found[:MOST_TOOLS]
