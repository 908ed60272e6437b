"""Half-open requests: whoever begins one and does not go on is dropped, so that his connections do not pile up."""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn.config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class TimelyProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which closes a connection whose request line and headers are not there in time."""

    header_seconds = 20.0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect_headers()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        super().on_headers_complete()

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


def drop_half_open(seconds: float) -> None:
    """Servers of this process wait so long for headers.

    Streamlit makes its server itself and names no protocol; what uvicorn takes then is entered here.
    """
    TimelyProtocol.header_seconds = seconds
    uvicorn.config.HTTP_PROTOCOLS["auto"] = f"{__name__}:{TimelyProtocol.__name__}"
