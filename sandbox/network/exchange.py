"""Bytes between a client and the server it was let through to: counted, and ended when nothing moves."""

from __future__ import annotations

import asyncio
import time

from sandbox.network.limits import NetworkLimits
from sandbox.network.log import NetworkLog, NetworkRequest, Reason
from sandbox.network.streams import Stream


class CutOff(Exception):
    """A connection is ended where nothing can be answered any more."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class Exchange:
    """One connection that was let through. What goes over the limits raises CutOff."""

    def __init__(
        self, client: Stream, server: Stream, request: NetworkRequest, limits: NetworkLimits, log: NetworkLog
    ) -> None:
        self.client = client
        self.server = server
        self._request = request
        self._limits = limits
        self._log = log
        self._moved_at = time.monotonic()

    async def send(self, data: bytes) -> None:
        """To the server."""
        self._request.sent += len(data)
        self._log.sent += len(data)
        self._check()
        await self.server.write(data)

    async def receive(self, data: bytes) -> None:
        """To the client."""
        self._request.received += len(data)
        self._log.received += len(data)
        self._check()
        await self.client.write(data)

    def _check(self) -> None:
        self._moved_at = time.monotonic()
        if self._log.sent + self._log.received > self._limits.bytes:
            raise CutOff("too_many_bytes")

    async def next_of(self, source: Stream) -> bytes:
        """What comes next; as long as the other way is busy it may take its time."""
        reading = asyncio.ensure_future(source.read())
        try:
            while True:
                left = self._moved_at + self._limits.idle_seconds - time.monotonic()
                if (await asyncio.wait([reading], timeout=max(left, 0.01)))[0]:
                    return reading.result()
                if time.monotonic() - self._moved_at >= self._limits.idle_seconds:
                    raise CutOff("too_slow")
        finally:
            reading.cancel()

    async def send_all(self) -> None:
        """From the client to the server, to the end."""
        while data := await self.next_of(self.client):
            await self.send(data)
        await self.server.end()

    async def receive_all(self) -> None:
        """From the server to the client, to the end."""
        while data := await self.next_of(self.server):
            await self.receive(data)
        await self.client.end()

    async def both_ways(self) -> None:
        """Until both have ended, or one of them breaks."""
        ways = [asyncio.create_task(self.send_all()), asyncio.create_task(self.receive_all())]
        try:
            await asyncio.gather(*ways)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
