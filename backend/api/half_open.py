"""Half-open requests: whoever begins one and does not go on, or goes on without an end, is dropped, so that nobody is
kept waiting for him and nothing fills the memory."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from backend.errors import MEDIA_TYPE, problem

LARGEST_HEAD = 64 * 1024
"""Bytes of a request line with its headers, and of what a chunked body has beside its content; what a single read
brought whole is taken."""

MOST_PIPELINED = 16
"""Requests that may be sent on a connection before the one ahead of them is answered."""

SLOWEST_BYTES_PER_SECOND = 1024
"""A body that comes more slowly than so, after the seconds that any body has, is not waited for."""


class TooManyPipelined(Exception):
    """More requests than anybody would send without waiting for an answer."""


class TimelyProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which closes a connection whose request line and headers are not there in time, or are more
    than LARGEST_HEAD: the parser below keeps them all."""

    header_seconds = 20.0
    _deadline: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > LARGEST_HEAD and not self.transport.is_closing():
            self._refuse_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect_headers()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        self._head_bytes = 0
        if len(self.pipeline) >= MOST_PIPELINED:
            self.transport.abort()
            raise TooManyPipelined  # the parser stops; what it has read of further requests is not kept
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._head_bytes = 0
        super().on_message_complete()

    def _expect_headers(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.header_seconds, self._drop)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _drop(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()

    def _refuse_head(self) -> None:
        if self.cycle is None or self.cycle.response_complete:  # nothing else is being answered on this connection
            self.transport.write(_TOO_LARGE)
        self.transport.close()


def _too_large() -> bytes:
    detail = f"The address and the headers of a request may have {LARGEST_HEAD:,} bytes: send long texts in the body."
    body = json.dumps(problem(431, "headers_too_large", detail)).encode()
    head = f"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: {MEDIA_TYPE}\r\n"
    return f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body


_TOO_LARGE = _too_large()


def timely_protocol(seconds: float) -> type[TimelyProtocol]:
    """The protocol that waits so long for headers; what uvicorn takes as `http`."""
    return type("TimelyProtocol", (TimelyProtocol,), {"header_seconds": seconds})


class TimelyBody:
    """An ASGI `receive` that waits for a body only as long as it comes; afterwards it is the one it was made of."""

    def __init__(self, receive: Receive, seconds: float) -> None:
        self.complete = False
        """Whether the body has come to its end."""
        self._receive = receive
        self._seconds = seconds
        self._waited = 0.0
        self._received = 0

    async def __call__(self) -> Message:
        """The next message. Raises HTTPException 408; what happens between two of them counts for nothing."""
        if self.complete:
            return await self._receive()
        clock = asyncio.get_running_loop().time
        begun = clock()
        left = self._seconds + self._received / SLOWEST_BYTES_PER_SECOND - self._waited
        try:
            message = await asyncio.wait_for(self._receive(), max(0.01, left))
        except TimeoutError:
            raise HTTPException(408) from None
        self._waited += clock() - begun
        self._received += len(message.get("body", b""))
        self.complete = not message.get("more_body", False)
        return message
