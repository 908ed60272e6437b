"""Real servers of platforms for tests, each named by an environment variable; without it a test is skipped.

CHATBOT_TEST_MARIADB_URL (mysql://127.0.0.1:3306, user root without a password), CHATBOT_TEST_REDIS_URL,
CHATBOT_TEST_RABBITMQ_URL (of the management plugin), CHATBOT_TEST_PROMETHEUS_URL, CHATBOT_TEST_ALERTMANAGER_URL,
CHATBOT_TEST_REGISTRY_URL and CHATBOT_TEST_ETCD_URL; PostgreSQL and Docker are the ones that other tests use, too.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest


def named(variable: str) -> str:
    """The value of a variable that names a server; skips the test, or fails it where nothing may be skipped."""
    value = os.environ.get(variable, "")
    if not value:
        if os.environ.get("CHATBOT_TEST_NO_SKIP"):
            pytest.fail(f"{variable} is not set, and nothing may be skipped here.")
        pytest.skip(f"{variable} is not set")
    return value


@contextmanager
def over_tcp(engine: str) -> Iterator[str]:
    """The URL of a port of this machine that leads to an engine's local socket."""
    path = engine.removeprefix("unix://")
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=(server, path), daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket, path: str) -> None:
    with suppress(OSError):
        while True:
            near, _ = server.accept()
            far = socket.socket(socket.AF_UNIX)
            far.connect(path)
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=_carry, args=(source, target), daemon=True).start()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(65_536):
            target.sendall(block)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
    source.close()
