"""Connections on which a request begins and never ends."""

from __future__ import annotations

import contextlib
import socket
import time
from collections import Counter

from bench.attack.session import Session


def hold_open(session: Session, count: int, patience_s: float) -> dict[str, int]:
    """Connections on which a request begins and never ends; how many are still there after a while."""
    left = {}
    for name, port in (("api", session.product.api_port), ("ui", session.product.ui_port)):
        held = []
        for number in range(count):
            with contextlib.suppress(OSError):
                connection = socket.create_connection(("127.0.0.1", port), timeout=5)
                connection.sendall(
                    b"POST /api/v1/threads HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X-A: b\r\n" * (number % 9)
                )
                held.append(connection)
        begun = time.monotonic()
        while held and time.monotonic() - begun < patience_s:
            time.sleep(1)
            for connection in held:
                with contextlib.suppress(OSError):
                    connection.sendall(b"X")
            held = [connection for connection in held if is_open(connection)]
        left[name] = len(held)
        for connection in held:
            connection.close()
        session.rows.setdefault("half-open", Counter())[f"{name} kept" if held else f"{name} dropped"] += count
    return left


def is_open(connection: socket.socket) -> bool:
    connection.settimeout(0)
    try:
        return bool(connection.recv(4096)) or False
    except BlockingIOError:
        return True
    except OSError:
        return False
