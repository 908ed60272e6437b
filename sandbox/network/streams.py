"""Connections as the proxy sees them: bytes one way, bytes the other, an end of each."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Protocol

CHUNK = 64 * 1024


class Stream(Protocol):
    """One end of a connection."""

    async def read(self) -> bytes:
        """The next bytes; none: the other end sends no more. Raises OSError once the connection is broken."""
        ...

    async def write(self, data: bytes) -> None:
        """Returns once there is room for more. Raises OSError once the connection is broken."""
        ...

    async def end(self) -> None:
        """Nothing more will be written."""
        ...

    async def close(self) -> None:
        """Give it up, whatever is under way. May be called twice."""
        ...


class SocketStream:
    """A socket as a Stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        """See `Stream.read`."""
        return await self._reader.read(CHUNK)

    async def write(self, data: bytes) -> None:
        """See `Stream.write`."""
        self._writer.write(data)
        await self._writer.drain()

    async def end(self) -> None:
        """See `Stream.end`."""
        with suppress(OSError, RuntimeError):
            self._writer.write_eof()

    async def close(self) -> None:
        """See `Stream.close`."""
        with suppress(OSError, RuntimeError):
            self._writer.close()
