"""The MCP servers that run on this host: started when they are needed, again with growing pauses when they end, and
ended with the source that names them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from agents.errors import ToolFailed
from agents.tools.mcp.process import McpProcess, ServerCommand

IDLE_S = 300.0
LOOK_EVERY_S = 5.0
LONGEST_PAUSE_S = 60.0


@dataclass(kw_only=True, slots=True)
class _Server:
    """A server of one event loop. `failures` counts the ends that no answer came between."""

    source_id: str
    starting: asyncio.Lock = field(default_factory=asyncio.Lock)
    process: McpProcess | None = None
    watching: asyncio.Task[None] | None = None
    in_use: int = 0
    used_at: float = 0.0
    failures: int = 0
    not_before: float = 0.0

    def failed(self) -> None:
        self.failures += 1
        self.not_before = time.monotonic() + min(LONGEST_PAUSE_S, 2.0 ** (self.failures - 1))


class McpProcesses:
    """Hands out sessions with servers; each event loop has its own processes."""

    def __init__(self) -> None:
        self._servers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Server]] = (
            weakref.WeakKeyDictionary()
        )
        self._lock = threading.Lock()

    @asynccontextmanager
    async def session(
        self, source_id: str, command: ServerCommand, is_wanted: Callable[[], bool]
    ) -> AsyncIterator[McpProcess]:
        """A server that runs. `is_wanted` is asked in a thread now and then: once it says no, the server is ended.
        Raises ToolFailed, also while the pause after the last end lasts."""
        server = self._of_this_loop().setdefault(_key(source_id, command), _Server(source_id=source_id))
        server.in_use += 1
        try:
            process = await self._started(server, command, is_wanted)
            try:
                yield process
            finally:
                if not process.is_alive:
                    server.failed()
            server.failures = 0
        finally:
            server.in_use -= 1
            server.used_at = time.monotonic()

    def stop(self, source_id: str) -> None:
        """End the servers of a source; may be called in a thread."""
        with self._lock:
            servers = [each for kept in self._servers.values() for each in list(kept.values())]
        for each in servers:
            if each.source_id == source_id and each.process is not None:
                each.process.kill()

    async def aclose(self) -> None:
        """End the servers of this event loop."""
        with self._lock:
            servers = self._servers.pop(asyncio.get_running_loop(), {})
        for each in servers.values():
            if each.watching is not None:
                each.watching.cancel()
            if each.process is not None:
                each.process.kill()
                await each.process.wait()

    def _of_this_loop(self) -> dict[str, _Server]:
        with self._lock:
            return self._servers.setdefault(asyncio.get_running_loop(), {})

    async def _started(self, server: _Server, command: ServerCommand, is_wanted: Callable[[], bool]) -> McpProcess:
        async with server.starting:
            if server.process is not None and server.process.is_alive:
                return server.process
            left = server.not_before - time.monotonic()
            if left > 0:
                raise ToolFailed(
                    f"The MCP server ended {server.failures} times in a row. It is started again in {left:.0f} seconds."
                )
            try:
                server.process = await McpProcess.start(command)
            except ToolFailed:
                server.failed()
                raise
            if server.watching is not None:
                server.watching.cancel()
            server.watching = asyncio.create_task(_watch(server, server.process, is_wanted))
            return server.process


async def _watch(server: _Server, process: McpProcess, is_wanted: Callable[[], bool]) -> None:
    """End the server when it is not used any more, or not wanted."""
    while process.is_alive:
        await asyncio.sleep(LOOK_EVERY_S)
        is_idle = not server.in_use and time.monotonic() - server.used_at > IDLE_S
        if is_idle or not await asyncio.to_thread(is_wanted):
            process.kill()
            return


@asynccontextmanager
async def brief_session(command: ServerCommand) -> AsyncIterator[McpProcess]:
    """A server that runs for this block alone. Raises ToolFailed."""
    process = await McpProcess.start(command)
    try:
        yield process
    finally:
        process.kill()
        with contextlib.suppress(asyncio.CancelledError):
            await process.wait()


def _key(source_id: str, command: ServerCommand) -> str:
    told = [command.command, command.arguments, dict(command.environment), dict(command.secrets)]
    return f"{source_id} {hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()}"
