"""The interface waits for nobody's headers for ever."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx2
import pytest

from tests.endless import takes
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


@pytest.mark.parametrize("path", [b"/_stcore/upload_file/a/b", b"/login"])
@pytest.mark.parametrize("length", [b"Content-Length: 100\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"])
def test_a_body_that_does_not_come_is_not_waited_for(port: int, path: bytes, length: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(b"POST " + path + b" HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % port + length)
        while connection.recv(1000):
            pass


@pytest.mark.parametrize("more", [b"x: " + b"a" * 60_000 + b"\r\n", b"a" * 60_000])
def test_a_head_without_an_end_is_not_kept(port: int, more: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nx: y" % port)
        assert not takes(connection, more)


def test_requests_are_not_piled_up_behind_one_another(port: int) -> None:
    one = b"GET /_stcore/health HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % port
    answers = b""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=60) as connection,
        contextlib.suppress(ConnectionResetError),
    ):
        connection.sendall((one + b"\r\n") * 499 + one + b"Connection: close\r\n\r\n")
        while block := connection.recv(65_536):
            answers += block
    assert answers.count(b"200 OK") < 500


def test_a_body_that_comes_is_waited_for(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(b"POST /login HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 8000\r\n\r\n" % port)
        for _ in range(4):
            time.sleep(0.25)
            connection.sendall(b"token=" + b"x" * 1994)
        assert connection.recv(1000).startswith(b"HTTP/1.1 ")


def test_a_websocket_stays_open(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(
            b"GET /_stcore/stream HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n" % port
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 101")
        time.sleep(1.5)
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):  # nothing has come, least of all an end
            connection.recv(1000)


def test_others_are_served_meanwhile(port: int) -> None:
    held = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(50)]
    try:
        assert httpx2.get(f"http://127.0.0.1:{port}/_stcore/health").status_code == 200
    finally:
        for each in held:
            each.close()
