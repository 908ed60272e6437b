"""Forty targets that lead inwards, through every way a URL gets to the tools: none of them is ever connected to."""

from __future__ import annotations

import itertools
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import httpcore2
import pytest

from agents.errors import ToolFailed
from agents.tools.http.client import HttpClient, HttpRequest
from agents.tools.http.endpoint import ClientCredentials, Endpoint
from agents.tools.http.failures import RequestFailed
from agents.tools.ports import ToolContext
from agents.tools.tcp.place import turn_at
from agents.tools.web import WebPageTool
from backend.connections.addresses import checked_address
from backend.errors import Invalid
from backend.tool_sources.importing import Given, read_definition
from knowledge.types import Scope
from tests.platform_server import Reply, platform_server

METADATA = [
    "http://169.254.169.254/latest/meta-data/",
    "http://169.254.170.2/v2/credentials",
    "http://100.100.100.200/latest/meta-data/",
    "http://168.63.129.16/metadata",
    "http://192.0.0.192/opc/v1/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://[::ffff:169.254.169.254]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://2852039166/latest/",
    "http://0xa9fea9fe/",
    "http://0251.0376.0251.0376/",
]
TARGETS = [
    *METADATA,
    "http://127.0.0.1/",
    "http://localhost/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://0/",
    "http://0.0.0.0:8000/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://10.0.0.1/",
    "http://172.16.3.4/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://198.18.0.1/",
    "http://224.0.0.1/",
    "http://[fe80::1]/",
    "http://[fc00::1]/",
    "http://kubernetes.default.svc.cluster.local/api",
    "http://inward.test/",
    "http://mixed.test/",
    "http://rebinding.test/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_INFO",
    "ftp://127.0.0.1/",
    "http://user:password@127.0.0.1/",
    "http://public.test@127.0.0.1/",
    "http://127.0.0.1\\@public.test/",
]
NAMES = {
    "metadata.google.internal": ["169.254.169.254"],
    "kubernetes.default.svc.cluster.local": ["10.96.0.1"],
    "inward.test": ["10.1.2.3"],
    "mixed.test": ["93.184.215.14", "10.0.0.1"],
    "localhost": ["127.0.0.1"],
}
REFUSED = frozenset(("address", "url", "dns", "redirect"))
connected: list[str] = []


async def resolver(host: str, port: int) -> list[str]:
    if host == "rebinding.test":  # another address at each look-up: public first, then not
        return ["127.0.0.1"] if next(lookups) else ["93.184.215.14"]
    if host in NAMES:
        return NAMES[host]
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=0)
    return [str(entry[4][0]) for entry in found]


lookups = itertools.count()


@pytest.fixture
async def client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HttpClient]:
    global lookups
    lookups = itertools.count()
    connected.clear()
    real = httpcore2.AnyIOBackend.connect_tcp

    async def connect(self: httpcore2.AnyIOBackend, host: str, port: int, *more: object, **named: object) -> object:
        connected.append(host)
        if host == "127.0.0.1":
            return await real(self, host, port, *more, **named)  # type: ignore[arg-type]
        raise httpcore2.ConnectError("nothing is there")

    # The one thing that is replaced is what opens a socket: nothing outside is touched by this test.
    monkeypatch.setattr(httpcore2.AnyIOBackend, "connect_tcp", connect)
    opened = HttpClient(resolver)
    yield opened
    await opened.aclose()


async def as_address(client: HttpClient, url: str) -> None:
    await client.send(Endpoint(base_url=url), HttpRequest())


async def as_token_address(client: HttpClient, url: str) -> None:
    auth = ClientCredentials(token_url=url, client_id="a", client_secret="canary")
    await client.send(Endpoint(base_url="http://public.test", auth=auth), HttpRequest())


async def as_document(client: HttpClient, url: str) -> None:
    try:
        await read_definition(Given(kind="openapi", name="x", url=url), client, Endpoint(base_url="http://public.test"))
    except Invalid as error:
        raise RequestFailed(str(error), "address") from None


async def as_page(client: HttpClient, url: str) -> None:
    context = ToolContext(call_id="1", scope=Scope(workspace_id="w", user_id="u"))
    try:
        await WebPageTool(client=client).call({"url": url}, context)
    except ToolFailed as error:
        raise RequestFailed(str(error), "address") from None


async def as_redirect(client: HttpClient, url: str) -> None:
    with platform_server() as platform:
        platform.answers["*"] = Reply(status=302, headers={"location": url})
        there = Endpoint(base_url=platform.url, allow_private=True)
        try:
            await client.send(there, HttpRequest())
        finally:
            assert len(platform.asked) == 1, "redirected back to the platform itself"
            connected.remove("127.0.0.1")


async def as_database(client: HttpClient, url: str) -> None:
    """The same host, asked in another protocol."""
    where = url.partition("://")[2].partition("/")[0]
    try:
        url = checked_address(f"redis://{where}", "redis")
    except Invalid as error:
        raise RequestFailed(str(error), "url") from None
    async with turn_at(client, Endpoint(base_url=url)) as place:
        connected.extend(place.addresses)
        raise RequestFailed("nothing is there", "refused")


WAYS: list[Callable[[HttpClient, str], Awaitable[None]]] = [
    as_address,
    as_token_address,
    as_document,
    as_page,
    as_redirect,
    as_database,
]


def test_there_are_forty() -> None:
    assert len(set(TARGETS)) >= 40


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_no_way_leads_inwards(client: HttpClient, way: Callable[[HttpClient, str], Awaitable[None]]) -> None:
    for url in TARGETS:
        with pytest.raises(RequestFailed) as caught:
            await way(client, url)
        inward = [host for host in connected if host != "93.184.215.14"]
        assert inward == [], url
        if "rebinding" not in url:
            assert caught.value.cause in REFUSED, url
        else:  # the next look-up gives the inward address: it is refused as well
            with pytest.raises(RequestFailed):
                await way(client, url)
            assert [host for host in connected if host != "93.184.215.14"] == [], url


@pytest.mark.parametrize("url", METADATA)
async def test_metadata_stays_closed_where_private_addresses_are_allowed(client: HttpClient, url: str) -> None:
    with pytest.raises(RequestFailed) as caught:
        await client.send(Endpoint(base_url=url, allow_private=True), HttpRequest())
    assert caught.value.cause in REFUSED
    assert connected == []


async def test_what_an_operator_allowed_is_reached(client: HttpClient) -> None:
    with platform_server() as platform:
        platform.answers["*"] = Reply(body={})
        for host in ("127.0.0.1", "localhost", "127.1", "2130706433"):
            there = Endpoint(base_url=f"http://{host}:{platform.port}", allow_private=True)
            assert (await client.send(there, HttpRequest())).status == 200, host
            with pytest.raises(RequestFailed):
                await client.send(replace(there, allow_private=False), HttpRequest())
