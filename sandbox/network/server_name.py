"""The host that a TLS client wants to speak to, out of its first message, read by OpenSSL and not by us."""

from __future__ import annotations

import ssl

LONGEST_HELLO = 16 * 1024 + 5
_HANDSHAKE = 0x16
_NOT_FOUND = ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME


class NotTls(Exception):
    """What came is no beginning of a TLS connection."""


class HelloReader:
    """Takes what the client sends until its hello is whole; nothing is answered."""

    def __init__(self) -> None:
        self.name: str | None = None
        self._heard = False
        self._in = ssl.MemoryBIO()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.sni_callback = self._hear
        self._tls = context.wrap_bio(self._in, ssl.MemoryBIO(), server_side=True)
        self._size = 0

    def _hear(self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, context: ssl.SSLContext) -> int:
        self.name, self._heard = name, True
        return int(_NOT_FOUND)

    def feed(self, data: bytes) -> bool:
        """Whether the hello is whole; then `name` is its server name, or None. Raises NotTls."""
        if self._size == 0 and data[:1] != bytes([_HANDSHAKE]):
            raise NotTls
        self._size += len(data)
        self._in.write(data)
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            if self._size > LONGEST_HELLO:
                raise NotTls from None
            return False
        except ssl.SSLError:
            if not self._heard:
                raise NotTls from None
        return self._heard
