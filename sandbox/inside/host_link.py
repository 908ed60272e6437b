"""Frames to and from the host, without ever waiting for it."""

from __future__ import annotations

import json
import os
import selectors
import time
from collections.abc import Callable
from typing import Any

from sandbox.inside.places import CHUNK, HEAD

MAX_IN = 64 * 1024 * 1024
HIGH_WATER = 1024 * 1024

Obey = Callable[[dict[str, Any], bytes], None]
OnPressure = Callable[[bool], None]


class HostLink:
    """Sends what it is given in its order; `on_pressure` is told whether the host lags behind."""

    def __init__(self, link_in: int, link_out: int, selector: selectors.BaseSelector) -> None:
        self._in = link_in
        self._out = link_out
        self._selector = selector
        self._inbox = bytearray()
        self._outbox = bytearray()
        self._obey: Obey = lambda head, payload: None
        self._on_pressure: OnPressure = lambda wanted: None
        self.heard = time.monotonic()

    def open(self, obey: Obey, on_pressure: OnPressure) -> None:
        """From now on frames are obeyed."""
        self._obey, self._on_pressure = obey, on_pressure
        for fd in (self._in, self._out):
            os.set_blocking(fd, False)
        self._selector.register(self._in, selectors.EVENT_READ, self._read)

    @property
    def has_room(self) -> bool:
        """Whether more may be sent without piling up."""
        return len(self._outbox) < HIGH_WATER

    def send(self, head: dict[str, Any], payload: bytes = b"") -> None:
        """Send a frame, now or as soon as the host takes it."""
        text = json.dumps(head).encode()
        self._outbox += HEAD.pack(len(text), len(payload)) + text + payload
        self.flush()

    def flush(self) -> None:
        """Write what the host takes; a host that is gone ends the agent and so everything."""
        while self._outbox:
            try:
                done = os.write(self._out, self._outbox[:CHUNK])
            except BlockingIOError:
                break
            except OSError:
                os._exit(0)
            del self._outbox[:done]
        wanted = bool(self._outbox)
        registered = self._out in self._selector.get_map()
        if wanted and not registered:
            self._selector.register(self._out, selectors.EVENT_WRITE, self.flush)
        elif registered and not wanted:
            self._selector.unregister(self._out)
        self._on_pressure(len(self._outbox) > HIGH_WATER)

    def _read(self) -> None:
        try:
            data = os.read(self._in, CHUNK * 4)
        except BlockingIOError:
            return
        if not data:
            os._exit(0)
        self.heard = time.monotonic()
        self._inbox += data
        while len(self._inbox) >= HEAD.size:
            head, payload = HEAD.unpack_from(self._inbox)
            if head + payload > MAX_IN:
                os._exit(1)
            end = HEAD.size + head + payload
            if len(self._inbox) < end:
                return
            asked = json.loads(bytes(self._inbox[HEAD.size : HEAD.size + head]))
            content = bytes(self._inbox[HEAD.size + head : end])
            del self._inbox[:end]
            self._obey(asked, content)


def read_exactly(fd: int, size: int) -> bytes:
    """So many bytes of a descriptor that blocks; its end ends the agent."""
    data = bytearray()
    while len(data) < size:
        part = os.read(fd, min(CHUNK, size - len(data)))
        if not part:
            os._exit(0)
        data += part
    return bytes(data)
