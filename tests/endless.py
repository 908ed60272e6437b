"""Sends without an end to a server."""

from __future__ import annotations

import socket


def takes(connection: socket.socket, more: bytes) -> bool:
    """Whether the server goes on reading far more than what buffers on the way hold."""
    try:
        for _ in range(2_000):
            connection.sendall(more)
    except OSError:
        return False
    return True
