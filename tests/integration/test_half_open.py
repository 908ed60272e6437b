"""Requests that are begun and do not go on are dropped; whoever sends steadily is served, however slow."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.api_client import serving
from tests.endless import takes

HEAD = b"POST /api/v1/threads HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    with serving(tmp_path, api={"half_open_seconds": 0.5}) as url:
        yield int(url.rpartition(":")[2])


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def heard(connection: socket.socket) -> bytes:
    """Everything until the server closes."""
    found = b""
    while block := connection.recv(65_536):
        found += block
    return found


@pytest.mark.parametrize("begun", [b"", b"GET /healthz HTTP/1.1\r\n", b"GET /healthz HTTP/1.1\r\nHost: 127.0"])
def test_headers_that_do_not_come_are_not_waited_for(port: int, begun: bytes) -> None:
    with connected(port) as connection:
        connection.sendall(begun)
        assert heard(connection) == b""


def test_a_second_request_on_a_connection_is_not_waited_for_either(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\nGET /healthz HT" % port)
        assert heard(connection).count(b"200 OK") == 1


@pytest.mark.parametrize("length", [b"Content-Length: 100\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"])
def test_a_body_that_does_not_come_is_not_waited_for(port: int, length: bytes) -> None:
    with connected(port) as connection:
        connection.sendall(HEAD % port + length)
        answer = heard(connection)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"request_timeout" in answer


def test_an_upload_that_does_not_come_is_not_waited_for(port: int) -> None:
    httpx2.post(f"http://127.0.0.1:{port}/api/v1/knowledge-bases", json={"name": "docs"}).raise_for_status()
    with connected(port) as connection:
        connection.sendall(
            b"POST /api/v1/knowledge-bases/docs/documents HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000\r\n\r\n--x\r\n" % port
        )
        assert heard(connection).startswith(b"HTTP/1.1 408")


def test_who_is_refused_is_not_waited_for(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"POST /api/v1/threads HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 1000\r\n\r\n{")
        answer = heard(connection)
    assert answer.startswith(b"HTTP/1.1 403")


@pytest.mark.parametrize(
    ("begun", "more"),
    [
        (b"GET /healthz HTTP/1.1\r\n", b"x: " + b"a" * 60_000 + b"\r\n"),
        (b"GET /healthz HTTP/1.1\r\nx: ", b"a" * 60_000),
        (b"GET /", b"a" * 60_000),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", b"x: " + b"a" * 60_000 + b"\r\n"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;", b"a" * 60_000),
    ],
)
def test_a_head_without_an_end_is_not_kept(port: int, begun: bytes, more: bytes) -> None:
    with connected(port) as connection:
        connection.sendall(begun.replace(b"%d", b"%d" % port))
        assert not takes(connection, more)


def test_who_sends_too_much_before_a_request_is_told(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nx: " + b"a" * 70_000)
        answer = heard(connection)
    assert answer.startswith(b"HTTP/1.1 431")
    assert b"headers_too_large" in answer


def pipelined(port: int, count: int) -> bytes:
    """So many requests in one piece, the last of which asks for the end of the connection."""
    one = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % port
    return (one + b"\r\n") * (count - 1) + one + b"Connection: close\r\n\r\n"


def test_requests_are_not_piled_up_behind_one_another(port: int) -> None:
    answers = b""
    with connected(port) as connection, contextlib.suppress(ConnectionResetError):
        connection.sendall(pipelined(port, 500))
        answers = heard(connection)
    assert answers.count(b"200 OK") < 500


def test_some_requests_may_be_sent_at_once(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(pipelined(port, 10))
        assert heard(connection).count(b"200 OK") == 10


def test_headers_may_be_long(port: int) -> None:
    long = {"x-long": "a" * 50_000}
    assert httpx2.get(f"http://127.0.0.1:{port}/healthz", headers=long).status_code == 200


def test_others_are_served_meanwhile(port: int) -> None:
    held = [connected(port) for _ in range(50)]
    try:
        assert httpx2.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    finally:
        for each in held:
            each.close()
