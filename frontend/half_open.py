"""Half-open requests: whoever begins one and does not go on, or goes on without an end, is dropped, so that neither his
connections nor what he sends pile up."""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn.config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

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
    """uvicorn's protocol, which closes a connection whose request line, headers and body are not there in time, or
    whose headers are more than LARGEST_HEAD: the parser below keeps them all."""

    header_seconds = 20.0
    _deadline: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _body_until = 0.0

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
        self._body_until = self.loop.time() + self.header_seconds
        self._expect_body()

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        super().on_body(body)
        self._body_until += len(body) / SLOWEST_BYTES_PER_SECOND
        self._expect_body()

    def on_message_complete(self) -> None:
        self._stop_waiting()
        self._head_bytes = 0
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._stop_waiting()
        super().handle_websocket_upgrade()

    def _expect_headers(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.header_seconds, self._drop)

    def _expect_body(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_at(self._body_until, self._drop_body)

    def _drop_body(self) -> None:
        self._deadline = None
        if self.flow.read_paused:  # it is we who do not go on
            self._body_until = self.loop.time() + self.header_seconds
            self._expect_body()
        else:
            self._drop()

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


_TOO_LARGE = (
    "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    "connection: close\r\n\r\n"
    "The address and the headers of this request are too long: delete the cookies of this site and try again.\n"
    "请求的地址和请求头过长：请清除本站的 Cookie 后重试。\n"
).encode()


def drop_half_open(seconds: float) -> None:
    """Servers of this process wait so long for headers, and for a body that does not come.

    Streamlit makes its server itself and names no protocol; what uvicorn takes then is entered here.
    """
    TimelyProtocol.header_seconds = seconds
    uvicorn.config.HTTP_PROTOCOLS["auto"] = f"{__name__}:{TimelyProtocol.__name__}"
