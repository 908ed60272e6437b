"""The way out of a session that has one: connections to a port of its loopback, as frames.

What they may reach is decided outside. Each has a window in either direction: one that is not read
holds up no other.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
from collections.abc import Callable
from typing import Any

from sandbox.inside.host_link import HostLink
from sandbox.inside.places import CHUNK

BACKLOG = 128


class Connection:
    """One connection, between two bounded buffers."""

    def __init__(self, number: int, plain: socket.socket, room: int) -> None:
        self.number = number
        self.plain = plain
        self.out = bytearray()
        self.room = room
        self.read_ended = False
        self.write_ended = False
        self.closing = False

    @property
    def wanted(self) -> int:
        """What the selector is to look for."""
        reading = selectors.EVENT_READ if self.room > 0 and not self.read_ended else 0
        return reading | (selectors.EVENT_WRITE if self.out else 0)


class Relay:
    """Listens from the moment it is made, before anything of the session runs."""

    def __init__(
        self, selector: selectors.BaseSelector, link: HostLink, *, port: int, connections: int, window: int
    ) -> None:
        self._selector = selector
        self._link = link
        self._most = connections
        self._window = window
        self._last = 0
        self._open: dict[int, Connection] = {}
        self._listener = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
        self._listener.setblocking(False)
        self._accepting = False
        self._mind_listener()

    def _mind_listener(self) -> None:
        """Who comes when there are enough waits in the kernel."""
        wanted = len(self._open) < self._most
        if wanted and not self._accepting:
            self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        elif self._accepting and not wanted:
            self._selector.unregister(self._listener)
        self._accepting = wanted

    def _accept(self) -> None:
        if not self._accepting:
            return
        try:
            plain, _ = self._listener.accept()
        except OSError:
            return
        plain.setblocking(False)
        self._last += 1
        connection = self._open[self._last] = Connection(self._last, plain, self._window)
        self._tell(connection, "open")
        self._watch(connection)
        self._mind_listener()

    def _tell(self, connection: Connection, do: str, payload: bytes = b"", **more: Any) -> None:
        self._link.send({"ev": "network", "do": do, "conn": connection.number, **more}, payload)

    def _watch(self, connection: Connection) -> None:
        registered = connection.plain in self._selector.get_map()
        call: Callable[[], None] = lambda: self._serve(connection)  # noqa: E731
        if not connection.wanted:
            if registered:
                self._selector.unregister(connection.plain)
        elif registered:
            self._selector.modify(connection.plain, connection.wanted, call)
        else:
            self._selector.register(connection.plain, connection.wanted, call)

    def _serve(self, connection: Connection) -> None:
        if connection.number not in self._open:
            return  # closed by what was looked at a moment ago
        try:
            self._read(connection)
            self._write(connection)
        except BlockingIOError:
            pass
        except OSError:
            self._tell(connection, "close")
            self._close(connection)
            return
        if connection.closing and not connection.out:
            self._close(connection)
        else:
            self._watch(connection)

    def _read(self, connection: Connection) -> None:
        if connection.room <= 0 or connection.read_ended:
            return
        try:
            data = connection.plain.recv(min(CHUNK, connection.room))
        except BlockingIOError:
            return
        if not data:
            connection.read_ended = True
            self._tell(connection, "end")
            return
        connection.room -= len(data)
        self._tell(connection, "data", data)

    def _write(self, connection: Connection) -> None:
        sent = 0
        try:
            while connection.out:
                done = connection.plain.send(connection.out[:CHUNK])
                del connection.out[:done]
                sent += done
        finally:
            if sent:
                self._tell(connection, "room", bytes=sent)
        if connection.write_ended:
            with contextlib.suppress(OSError):
                connection.plain.shutdown(socket.SHUT_WR)

    def obey(self, asked: dict[str, Any], content: bytes) -> None:
        """What the host says of a connection; of one that is closed it may not have heard yet."""
        connection = self._open.get(asked["conn"])
        if connection is None:
            return
        if asked["do"] == "close":  # what it had sent before is still written
            connection.closing, connection.read_ended = True, True
        elif asked["do"] == "data":
            connection.out += content
        elif asked["do"] == "end":
            connection.write_ended = True
        elif asked["do"] == "room":
            connection.room = min(connection.room + asked["bytes"], self._window)
        self._serve(connection)

    def _close(self, connection: Connection) -> None:
        self._open.pop(connection.number, None)
        if connection.plain in self._selector.get_map():
            self._selector.unregister(connection.plain)
        connection.plain.close()
        self._mind_listener()
