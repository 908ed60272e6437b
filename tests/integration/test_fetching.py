"""The guarded client against a real server on loopback, which the tests are allowed to reach by name."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from knowledge.config import FetchConfig, FetchLimits, ParsingLimits
from knowledge.errors import FetchRefused
from knowledge.parsing import parse
from knowledge.sources import Fetcher, ReadRequest
from knowledge.sources.page import PageReader

PAGE = "<html><title>Guide</title><main><h1>Start</h1><p>Restart the gateway first.</p></main></html>"
BOMB = gzip.compress(bytes(20_000_000))


class Site(BaseHTTPRequestHandler):
    """A site with every kind of page a fetch may meet."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        getattr(self, "_" + self.path.strip("/").partition("/")[0].partition("?")[0], self._missing)()

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _send(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"content_length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _page(self) -> None:
        if self.headers.get("If-None-Match") == '"v1"':
            self._send(304)
        else:
            date = "Wed, 01 May 2024 10:00:00 GMT"
            self._send(200, PAGE.encode(), content_type="text/html", etag='"v1"', last_modified=date)

    def _echo(self) -> None:
        self._send(200, "".join(f"{key}: {value}\n" for key, value in self.headers.items()).encode())

    def _cookie(self) -> None:
        self._send(200, b"cookie", set_cookie="session=1")

    def _missing(self) -> None:
        self._send(404, b"nothing")

    def _redirect(self) -> None:
        self._send(302, location=self.path.partition("?to=")[2])

    def _loop(self) -> None:
        self._send(302, location="/loop")

    def _bomb(self) -> None:
        self._send(200, BOMB, content_encoding="gzip")

    def _broken(self) -> None:
        self._send(200, b"not gzip", content_encoding="gzip")

    def _endless(self) -> None:
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")
        except OSError:
            self.close_connection = True

    def _drip(self) -> None:
        self.close_connection = True
        try:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while True:
                self.wfile.write(b"x-a: b\r\n")
                time.sleep(0.05)
        except OSError:
            pass

    def _garbage(self) -> None:
        self.close_connection = True
        self.wfile.write(b"\x00\x01\x02 this is not HTTP\r\n\r\n")


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    limits = FetchLimits(max_bytes=1_000_000, max_redirects=3, max_seconds=3.0, connect_seconds=1.0, read_seconds=1.0)
    config = FetchConfig(limits=limits, allowed_hosts=("127.0.0.1", "trusted.test"), user_agent="DevOpsChatBot/test")
    addresses = {"trusted.test": ["127.0.0.1"], "outside.test": ["127.0.0.1"], "mixed.test": ["1.1.1.1", "10.0.0.1"]}
    with Fetcher(config, resolver=lambda host, port: addresses.get(host, [host])) as fetcher:
        yield fetcher


def test_a_page_becomes_an_item_that_parses(site: str, fetcher: Fetcher) -> None:
    with PageReader(fetcher).open(ReadRequest(location=f"{site}/page")) as reading:
        [item] = reading
        assert (item.path, item.media_type) == ("127.0.0.1/page", "text/html")
        assert item.modified > 0
        with item.open() as path:
            name, media_type = item.path, item.media_type
            document = parse(path, name=name, limits=ParsingLimits(), media_type=media_type)
    assert document.title == "Start"
    assert "Restart the gateway first." in document.text
    assert not path.exists()


def test_an_unchanged_page_is_not_read_again(site: str, fetcher: Fetcher) -> None:
    url = f"{site}/page"
    reader = PageReader(fetcher)
    with reader.open(ReadRequest(location=url)) as first:
        assert not first.unchanged
    assert first.cursor
    with reader.open(ReadRequest(location=url, cursor=first.cursor, known=["127.0.0.1/page"])) as second:
        assert second.unchanged
        assert second.cursor == first.cursor
    for request in (
        ReadRequest(location=f"{site}/page?other", cursor=first.cursor, known=["127.0.0.1/page"]),
        ReadRequest(location=url, cursor=first.cursor),
        ReadRequest(location=url, cursor=first.cursor, known=["127.0.0.1/page"], fresh=True),
    ):
        with reader.open(request) as other:
            assert not other.unchanged


def test_redirects_are_followed_and_the_last_address_is_told(site: str, fetcher: Fetcher) -> None:
    with PageReader(fetcher).open(ReadRequest(location=f"{site}/redirect?to=/page")) as reading:
        [item] = reading
    assert item.url == f"{site}/page"
    assert item.path == "127.0.0.1/redirect-to-page"


def test_host_agent_and_no_foreign_cookie_are_sent(site: str, fetcher: Fetcher) -> None:
    port = site.rpartition(":")[2]
    with fetcher.fetch(f"http://trusted.test:{port}/cookie"):
        pass
    with fetcher.fetch(f"http://trusted.test:{port}/echo") as fetched:
        sent = fetched.path.read_text().lower()
    assert f"host: trusted.test:{port}" in sent
    assert "user-agent: devopschatbot/test" in sent
    assert "cookie" not in sent


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing", "answered 404"),
        ("loop", "redirects more than 3 times"),
        ("bomb", "larger than"),
        ("endless", "larger than"),
        ("broken", "could not be fetched"),
        ("garbage", "could not be fetched"),
        ("drip", "took too long|could not be fetched"),
        ("redirect?to=file:///etc/passwd", "Only http and https"),
        ("redirect?to=http://user:pass@127.0.0.1/", "user name or password"),
        ("redirect?to=http://10.0.0.1/", "private or special"),
        ("redirect?to=http://169.254.169.254/latest/", "private or special"),
        ("redirect?to=http://[::ffff:10.0.0.1]/", "private or special"),
        ("redirect?to=http://outside.test/", "private or special"),
        ("redirect?to=http://[", "not a URL"),
    ],
)
def test_what_is_refused_says_why(site: str, fetcher: Fetcher, path: str, reason: str) -> None:
    with pytest.raises(FetchRefused, match=reason), fetcher.fetch(f"{site}/{path}"):
        pass


@pytest.mark.parametrize("host", ["outside.test", "mixed.test", "localhost.test"])
def test_a_host_is_judged_by_every_address_it_has(fetcher: Fetcher, host: str) -> None:
    with pytest.raises(FetchRefused, match="private or special"), fetcher.fetch(f"http://{host}/"):
        pass


def test_a_name_server_that_changes_its_mind_is_asked_once_a_connection(site: str) -> None:
    port = int(site.rpartition(":")[2])
    answers = iter([["1.1.1.1"], ["127.0.0.1"]])
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    limits = FetchLimits(connect_seconds=0.2, max_seconds=1.0)
    with Fetcher(FetchConfig(limits=limits), resolver=rebinding) as fetcher:
        # The public address is what is connected to, and nobody answers there; loopback is never tried.
        for _ in range(2):
            with pytest.raises(FetchRefused), fetcher.fetch(f"http://rebind.test:{port}/page"):
                pass
    assert asked == ["rebind.test", "rebind.test"]


def test_nobody_at_the_door_and_no_such_host(fetcher: Fetcher) -> None:
    with pytest.raises(FetchRefused, match="could not be fetched"), fetcher.fetch("http://127.0.0.1:1/"):
        pass

    def unknown(host: str, port: int) -> list[str]:
        raise OSError("no such host")

    with (
        Fetcher(resolver=unknown) as other,
        pytest.raises(FetchRefused, match="cannot be found"),
        other.fetch("http://nowhere.test/"),
    ):
        pass


def test_loopback_is_closed_without_an_operator_who_opens_it(site: str) -> None:
    with (
        Fetcher() as fetcher,
        pytest.raises(FetchRefused, match="private or special"),
        fetcher.fetch(f"{site}/page"),
    ):
        pass


def test_the_file_is_gone_when_its_reader_fails(site: str, fetcher: Fetcher) -> None:
    kept: list[Path] = []

    def fail() -> None:
        with fetcher.fetch(f"{site}/page") as fetched:
            kept.append(fetched.path)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not kept[0].exists()
