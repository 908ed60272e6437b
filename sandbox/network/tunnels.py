"""Connections of a session as they come over the agent's one stream: numbered, and never more of each than its window.

The agent is not trusted: it may open no more connections than it was told, and send no more than it was given room for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from sandbox.errors import SandboxError
from sandbox.network.access import WINDOW, NetworkAccess
from sandbox.network.streams import CHUNK

Send = Callable[[dict[str, Any], bytes], Awaitable[None]]


class TunnelStream:
    """One of the connections, as a Stream."""

    def __init__(self, number: int, send: Send, forget: Callable[[int], None]) -> None:
        self._number = number
        self._send = send
        self._forget = forget
        self._incoming: asyncio.Queue[bytes] = asyncio.Queue()
        self._unread = 0
        self._room = WINDOW
        self._changed = asyncio.Event()
        self._broken = False
        self._ended = False

    async def read(self) -> bytes:
        """See `Stream.read`."""
        if self._broken:
            raise ConnectionResetError
        if self._ended and self._incoming.empty():
            return b""
        data = await self._incoming.get()
        self._unread -= len(data)
        if data:
            await self._tell("room", bytes=len(data))
        elif self._broken:
            raise ConnectionResetError
        return data

    async def write(self, data: bytes) -> None:
        """See `Stream.write`."""
        view = memoryview(data)
        while view:
            while self._room <= 0 and not self._broken:
                self._changed.clear()
                await self._changed.wait()
            if self._broken:
                raise ConnectionResetError
            part = view[: min(self._room, CHUNK)]
            self._room -= len(part)
            view = view[len(part) :]
            await self._tell("data", bytes(part))

    async def end(self) -> None:
        """See `Stream.end`."""
        if not self._broken:
            await self._tell("end")

    async def close(self) -> None:
        """See `Stream.close`."""
        self._forget(self._number)  # first: as soon as the agent hears of it, it may open another one
        if not self._broken:
            self.break_off()
            await self._tell("close")

    async def _tell(self, do: str, data: bytes = b"", **more: Any) -> None:
        try:
            await self._send({"op": "network", "do": do, "conn": self._number, **more}, data)
        except SandboxError as error:  # the session is gone, and the connection with it
            raise ConnectionResetError from error

    def take(self, data: bytes) -> bool:
        """What the agent sent; whether it may."""
        self._unread += len(data)
        self._incoming.put_nowait(data)
        return bool(data) and self._unread <= WINDOW and not self._ended

    def hear_end(self) -> None:
        """The client writes no more."""
        if not self._ended:
            self._incoming.put_nowait(b"")
        self._ended = True

    def give_room(self, size: int) -> None:
        """The client took so many bytes."""
        self._room = min(self._room + size, WINDOW)
        self._changed.set()

    def break_off(self) -> None:
        """The connection is gone: whoever reads or writes is told."""
        self._broken = True
        self._incoming.put_nowait(b"")
        self._changed.set()


class Tunnels:
    """All connections of a session, each served by the session's proxy."""

    def __init__(self, access: NetworkAccess, send: Send) -> None:
        self._access = access
        self._send = send
        self._open: dict[int, TunnelStream] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, head: dict[str, Any], payload: bytes) -> None:
        """A frame of the agent's. Raises ValueError for what it may not send, KeyError for what it left out."""
        number, what = int(head["conn"]), head["do"]
        if what == "open":
            self._begin(number)
            return
        stream = self._open.get(number)
        if stream is None:
            return  # it was closed from here, and the agent has not heard of it yet
        if what == "data" and not stream.take(payload):
            raise ValueError("more bytes than it was given room for")
        if what == "end":
            stream.hear_end()
        elif what == "room":
            stream.give_room(int(head["bytes"]))
        elif what == "close":
            stream.break_off()

    def _begin(self, number: int) -> None:
        if number in self._open or len(self._open) >= self._access.limits.connections:
            raise ValueError("more connections than it was told")
        stream = self._open[number] = TunnelStream(number, self._send, self._forget)
        task = asyncio.create_task(self._access.proxy.serve(stream))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _forget(self, number: int) -> None:
        self._open.pop(number, None)

    def close(self) -> None:
        """The session is over."""
        for stream in self._open.values():
            stream.break_off()
        for task in self._tasks:
            task.cancel()
