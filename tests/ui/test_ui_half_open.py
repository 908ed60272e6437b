"""The interface waits for nobody's headers for ever."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import httpx2
import pytest

from tests.installation import ROOT


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = int(reserved.getsockname()[1])
    command = [sys.executable, "-m", "frontend", "--port", str(port), "--half-open-seconds", "0.5"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with httpx2.Client(transport=httpx2.HTTPTransport(retries=9)) as client:
            client.get(f"http://127.0.0.1:{port}/_stcore/health")
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: 127.0"])
def test_headers_that_do_not_come_are_not_waited_for(port: int, begun: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(begun)
        assert connection.recv(1000) == b""


def test_others_are_served_meanwhile(port: int) -> None:
    held = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(50)]
    try:
        assert httpx2.get(f"http://127.0.0.1:{port}/_stcore/health").status_code == 200
    finally:
        for each in held:
            each.close()
