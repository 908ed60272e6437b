"""The filtering proxy of a session against clients that mean harm, over real sockets; names resolve as we say."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from knowledge.sources.addresses import AddressPolicy
from sandbox.errors import NetworkRefused
from sandbox.network.access import WINDOW, SessionNetworks, client_environment
from sandbox.network.hosts import HostRule, host_name
from sandbox.network.limits import NetworkLimits
from sandbox.network.log import NetworkRequest
from sandbox.network.policy import NetworkPolicy, Packages, index_rule
from sandbox.network.streams import SocketStream, Stream
from sandbox.network.tunnels import Tunnels

NAMES = {
    "good.test": ["8.8.8.8"],
    "sub.wild.test": ["8.8.4.4"],
    "inside.test": ["10.0.0.5"],
    "meta.wild.test": ["169.254.169.254"],
    "mapped.wild.test": ["::ffff:127.0.0.1"],
    "both.wild.test": ["127.0.0.1", "8.8.8.8"],
    "trusted.test": ["10.0.0.5"],
    "xn--bcher-kva.test": ["8.8.8.8"],
    "odd.test": ["8.8.8.8"],
}
RULES = tuple(
    map(HostRule.parse, ("good.test", "*.wild.test", "inside.test", "trusted.test", "Bücher.test", "odd.test:8443"))
)
LIMITS = NetworkLimits(head_seconds=0.5, idle_seconds=0.5, connection_seconds=5, connect_seconds=1)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


class World:
    """The proxy at a port of this machine, and the one server that every allowed address leads to."""

    def __init__(self, limits: NetworkLimits = LIMITS, answer: bytes = ANSWER) -> None:
        self.got = bytearray()
        self.reached: list[tuple[str, int]] = []
        self._answer = answer
        self._busy = 0
        networks = SessionNetworks(
            policy=NetworkPolicy(rules=RULES),
            addresses=AddressPolicy.of(("trusted.test",), ()),
            limits=limits,
            resolve=self._resolve,
            connect=self._connect,
        )
        self.access = networks.access("s", RULES)

    async def _resolve(self, host: str, port: int) -> Sequence[str]:
        if host not in NAMES:
            raise OSError("no such name")
        return NAMES[host]

    async def _connect(self, address: str, port: int) -> Stream:
        self.reached.append((address, port))
        return SocketStream(*await asyncio.open_connection("127.0.0.1", self._server_port))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                self.got += data
                if b"\r\n\r\n" in self.got or data[:1] == b"\x16":
                    writer.write(self._answer)
                    if data[:1] != b"\x16":
                        break
        writer.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._busy += 1
        await self.access.proxy.serve(SocketStream(reader, writer))
        self._busy -= 1

    @asynccontextmanager
    async def open(self) -> AsyncIterator[World]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        proxy = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=1100)
        self._server_port = server.sockets[0].getsockname()[1]
        self.port = proxy.sockets[0].getsockname()[1]
        async with server, proxy:
            yield self

    async def say(self, *parts: bytes, pause: float = 0.0) -> bytes:
        """What comes back until the proxy ends the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        with contextlib.suppress(OSError):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)
            if not pause:
                writer.write_eof()
        found = b""
        with contextlib.suppress(OSError):
            async with asyncio.timeout(10):
                found = await reader.read()
        writer.close()
        while self._busy:
            await asyncio.sleep(0.001)
        return found

    @property
    def last(self) -> NetworkRequest:
        return self.access.log.requests[-1]


def hello(name: str | None) -> bytes:
    """The first message of a TLS client."""
    out, context = ssl.MemoryBIO(), ssl.create_default_context()
    context.check_hostname = False
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name).do_handshake()
    return out.read()


def get(target: str, host: str, *more: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", f"Host: {host}", *more, "", ""]).encode()


def connect_to(target: str, *more: str) -> bytes:
    return get(target, target, *more, method="CONNECT")


REFUSED = {
    "another host": (connect_to("evil.test:443"), "not_allowed"),
    "another port": (connect_to("good.test:22"), "not_allowed"),
    "the port of another rule": (connect_to("odd.test:443"), "not_allowed"),
    "the domain of a wildcard": (connect_to("wild.test:443"), "not_allowed"),
    "a name that ends alike": (connect_to("notwild.test:443"), "not_allowed"),
    "an address": (connect_to("8.8.8.8:443"), "not_allowed"),
    "metadata by address": (connect_to("169.254.169.254:80"), "not_allowed"),
    "loopback": (connect_to("127.0.0.1:443"), "not_allowed"),
    "loopback by IPv6": (connect_to("[::1]:443"), "not_allowed"),
    "IPv4 in IPv6": (connect_to("[::ffff:169.254.169.254]:80"), "not_allowed"),
    "an address as one number": (connect_to("2130706433:80"), "bad_host"),
    "an address in hexadecimal": (connect_to("0x7f.1:80"), "bad_host"),
    "an address in octal": (connect_to("0177.0.0.1:80"), "bad_host"),
    "an address cut short": (connect_to("127.1:80"), "bad_host"),
    "a name that leads inside": (connect_to("inside.test:443"), "private_address"),
    "a name that leads to metadata": (connect_to("meta.wild.test:443"), "private_address"),
    "a name that leads to mapped loopback": (connect_to("mapped.wild.test:443"), "private_address"),
    "a name nobody knows": (connect_to("none.wild.test:443"), "not_found"),
    "user and host": (connect_to("good.test@evil.test:443"), "bad_request"),
    "user and host, absolute": (get("http://good.test@evil.test/", "good.test"), "bad_request"),
    "two dots at the end": (connect_to("good.test..:443"), "bad_host"),
    "an empty label": (connect_to("a..wild.test:443"), "bad_host"),
    "a name in another script": ("CONNECT bücher.test:443 HTTP/1.1\r\nHost: x\r\n\r\n".encode(), "bad_request"),
    "a zero in the name": (b"CONNECT good.test\0.evil.test:443 HTTP/1.1\r\nHost: good.test\r\n\r\n", "bad_request"),
    "no port": (connect_to("good.test"), "bad_request"),
    "a port too high": (connect_to("good.test:99999"), "bad_request"),
    "another Host": (get("http://good.test/", "evil.test"), "bad_request"),
    "another Host port": (get("http://good.test/", "good.test:81"), "bad_request"),
    "two Hosts": (get("http://good.test/", "good.test", "Host: evil.test"), "bad_request"),
    "no address": (get("/", "good.test"), "bad_request"),
    "TLS without tunnel": (get("https://good.test/", "good.test"), "bad_request"),
    "another scheme": (get("file:///etc/passwd", "good.test"), "bad_request"),
    "two lengths": (
        get("http://good.test/", "good.test", "Content-Length: 3", "Transfer-Encoding: chunked", method="POST"),
        "bad_request",
    ),
    "lengths that differ": (
        get("http://good.test/", "good.test", "Content-Length: 3", "Content-Length: 4", method="POST"),
        "bad_request",
    ),
    "a blank before the colon": (get("http://good.test/", "good.test", "Content-Length : 3"), "bad_request"),
    "another coding": (get("http://good.test/", "good.test", "Transfer-Encoding: xchunked"), "bad_request"),
    "a bare line feed": (b"GET http://good.test/ HTTP/1.1\nHost: good.test\n X: y\n\n\n", "bad_request"),
    "a line in a target": (b"GET http://good.test/\rX: y HTTP/1.1\r\nHost: good.test\r\n\r\n", "bad_request"),
    "a head too long": (get("http://good.test/", "good.test", "X: " + "y" * 40_000), "bad_request"),
    "very many headers": (get("http://good.test/", "good.test", *["X: y"] * 10_000), "bad_request"),
    "no request": (b"\x05\x01\x00" + b"\xff" * 50, "bad_request"),
    "nothing": (b"", "bad_request"),
}


async def test_what_is_refused_reaches_nobody_and_says_why() -> None:
    async with World().open() as world:
        for name, (said, reason) in REFUSED.items():
            answer = await world.say(said)
            found = (world.last.decision, world.last.reason)
            if name == "a bare line feed":  # lenient readers take it: then it is one request, to the host it names
                assert found[0] == "refused" or world.reached == [("8.8.8.8", 80)]
                world.reached.clear()
                continue
            assert found == ("refused", reason), name
            assert world.reached == [], name
            assert name == "nothing" or answer.startswith(b"HTTP/1.1 4" if reason != "not_found" else b"HTTP/1.1 502")
        assert world.access.log.total == len(REFUSED)


async def test_plain_http_is_written_anew_and_one_request_long() -> None:
    async with World().open() as world:
        body = b"POST http://GOOD.test:80/a?b=c HTTP/1.1\r\nHost: good.test\r\nContent-Length: 3\r\n"
        body += b"Connection: X-Mine\r\nX-Mine: 1\r\nProxy-Authorization: secret\r\nX-Yours: 2\r\n\r\nabc"
        smuggled = get("http://evil.test/", "evil.test")
        answer = await world.say(body + smuggled)
        assert answer == ANSWER
        got = bytes(world.got)
        assert got.startswith(b"POST /a?b=c HTTP/1.1\r\nhost: good.test\r\n")
        assert got.endswith(b"\r\n\r\nabc")
        assert b"connection: close" in got.lower()
        assert b"x-yours: 2" in got
        assert not any(each in got.lower() for each in (b"x-mine", b"secret", b"evil"))
        assert (world.last.method, world.last.host, world.last.address) == ("POST", "good.test", "8.8.8.8")
        assert (world.last.sent, world.last.received) == (len(got), len(ANSWER))


async def test_a_redirect_is_a_new_request_and_judged_as_one() -> None:
    answer = b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    async with World(answer=answer).open() as world:
        assert b"302" in await world.say(get("http://good.test/", "good.test"))
        assert b"403" in await world.say(get("http://169.254.169.254/", "169.254.169.254"))
        assert [each.decision for each in world.access.log.requests] == ["allowed", "refused"]
        assert len(world.reached) == 1


TUNNELS: dict[str, tuple[str, bytes, str]] = {
    "its own name": ("good.test:443", hello("good.test"), ""),
    "the dot at its end": ("good.test.:443", hello("good.test"), ""),
    "another case": ("GOOD.test:443", hello("good.test"), ""),
    "below a wildcard": ("sub.wild.test:443", hello("sub.wild.test"), ""),
    "one good address of two": ("both.wild.test:443", hello("both.wild.test"), ""),
    "a trusted host inside": ("trusted.test:443", hello("trusted.test"), ""),
    "a name of another script": ("xn--bcher-kva.test:443", hello("bücher.test"), ""),
    "a port that is named": ("odd.test:8443", hello("odd.test"), ""),
    "another server name": ("good.test:443", hello("evil.test"), "other_server_name"),
    "no server name": ("good.test:443", hello(None), "other_server_name"),
    "plain HTTP": ("good.test:80", get("/", "evil.test"), "not_tls"),
    "another protocol": ("good.test:443", b"SSH-2.0-x\r\n", "not_tls"),
    "half a hello": ("good.test:443", hello("good.test")[:100], "not_tls"),
    "a hello without end": ("good.test:443", b"\x16\x03\x01\x40\x00\x01" + b"\0" * 60_000, "not_tls"),
}


async def test_a_tunnel_carries_tls_to_the_host_it_was_opened_for() -> None:
    async with World(answer=b"\x16answer").open() as world:
        for name, (target, first, reason) in TUNNELS.items():
            world.reached.clear()
            world.got.clear()
            answer = await world.say(connect_to(target), first[:50], first[50:])
            assert answer.startswith(b"HTTP/1.1 200 "), name
            assert world.last.reason == reason, name
            assert (b"\x16answer" in answer, bytes(world.got)) == ((True, first) if not reason else (False, b"")), name
            assert not any(address == "127.0.0.1" for address, _ in world.reached), name


async def test_who_is_slow_or_silent_is_ended() -> None:
    async with World().open() as world:
        assert b"408" in await world.say(b"G", b"E", b"T", pause=0.1)
        assert world.last.reason == "too_slow"
        await world.say(connect_to("good.test:443") + hello("good.test"), pause=0.1)
        assert (world.last.decision, world.last.reason) == ("allowed", "too_slow")


async def test_a_session_has_so_many_requests_and_bytes_and_no_more() -> None:
    async with World(replace(LIMITS, requests=3)).open() as world:
        found = [await world.say(connect_to("evil.test:443")) for _ in range(4)]
        assert [each[9:12] for each in found] == [b"403", b"403", b"403", b"429"]
        assert (world.access.log.total, world.access.log.refused, len(world.access.log.requests)) == (4, 4, 3)
    async with World(replace(LIMITS, bytes=100)).open() as world:
        await world.say(get("http://good.test/" + "x" * 200, "good.test"))
        assert world.last.reason == "too_many_bytes"
        assert b"429" in await world.say(get("http://good.test/", "good.test"))


async def test_a_thousand_connections_at_once_are_all_answered() -> None:
    async with World(replace(LIMITS, head_seconds=20, requests=2000)).open() as world:
        found = await asyncio.gather(*(world.say(connect_to("evil.test:443")) for _ in range(300)))
        assert all(each.startswith(b"HTTP/1.1 403") for each in found)


async def test_an_agent_that_sends_more_than_it_may_is_found_out() -> None:
    sent: list[dict[str, Any]] = []

    async def send(head: dict[str, Any], payload: bytes) -> None:
        sent.append(head)

    tunnels = Tunnels(World(replace(LIMITS, connections=2)).access, send)
    for number in (1, 2):
        tunnels.take({"conn": number, "do": "open"}, b"")
    tunnels.take({"conn": 9, "do": "data"}, b"x")  # of one that was closed: it had not heard of it
    for broken in ({"conn": 3, "do": "open"}, {"conn": 1, "do": "open"}, {"conn": "x", "do": "open"}):
        with pytest.raises(ValueError, match=r"more|invalid"):
            tunnels.take(broken, b"")
    with pytest.raises(ValueError, match="room"):
        tunnels.take({"conn": 1, "do": "data"}, b"x" * (WINDOW + 1))
    with pytest.raises(ValueError, match="room"):
        tunnels.take({"conn": 2, "do": "data"}, b"")
    tunnels.close()
    await asyncio.sleep(0)
    assert [each["do"] for each in sent] in ([], ["close", "close"])


@pytest.mark.parametrize(
    "text", ["", ".", "*", "*.org", "*.1.2.3.4", "a b", "a/b", "a@b", "-a.org", "a.org:0", "a" * 64]
)
def test_rules_that_say_nothing_or_too_much_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        HostRule.parse(text)


def test_a_session_asks_for_less_than_the_administrator_allows_and_never_for_more() -> None:
    packages = Packages(python_index="https://index.test/simple", rules=(index_rule("https://index.test/simple"),))
    policy = NetworkPolicy(rules=tuple(map(HostRule.parse, ("*.wild.test", "odd.test:8443"))), packages=packages)
    assert policy.granted("off") == policy.granted([]) == ()
    assert [str(each) for each in policy.granted("packages")] == ["index.test"]
    assert [str(each) for each in policy.granted("allowed")] == ["*.wild.test", "odd.test:8443", "index.test"]
    for fine in ("a.wild.test", "*.b.wild.test", "*.wild.test", "a.wild.test:80", "odd.test:8443"):
        assert [str(each) for each in policy.granted([fine])] == [fine]
    for more in ("wild.test", "*.test", "a.wild.test:22", "odd.test", "odd.test:443", "*.odd.test", "index.test:8443"):
        with pytest.raises(NetworkRefused):
            policy.granted(more)
    for asked, said in (
        ("allowed", "PACKAGES=true"), ("packages", "PACKAGES=true"), (["packages"], "PACKAGES=true"),
        ("foo", "foo may not be asked for here: sessions have no network"), ("no host!", "is no host"),
    ):  # fmt: skip
        with pytest.raises(NetworkRefused, match=said):
            NetworkPolicy().granted(asked)
    assert host_name("[::FFFF:1.2.3.4]") == "::ffff:102:304"
    environment = client_environment(policy, policy.granted("packages"))
    assert environment["PIP_INDEX_URL"] == "https://index.test/simple"
    assert "PIP_INDEX_URL" not in client_environment(policy, policy.granted("odd.test:8443"))
