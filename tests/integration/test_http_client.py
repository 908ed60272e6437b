"""The client of all tools, against servers on loopback."""

from __future__ import annotations

import gzip
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agents.tools.http.client import HttpClient, HttpRequest, target_url
from agents.tools.http.endpoint import ApiKey, Basic, Bearer, ClientCredentials, Endpoint, EndpointLimits, Tls
from agents.tools.http.failures import RequestFailed
from agents.tools.http.masking import MASK, Masker
from tests.certificates import issue, server_context
from tests.platform_server import Asked, Platform, Reply, platform_server

CANARY = "canary-4fb1/+secret value"


@pytest.fixture
def platform() -> Iterator[Platform]:
    with platform_server() as opened:
        yield opened


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    opened = HttpClient()
    yield opened
    await opened.aclose()


def endpoint(platform: Platform, **values: object) -> Endpoint:
    return Endpoint(base_url=platform.url, allow_private=True, **values)  # type: ignore[arg-type]


def echo(asked: Asked) -> Reply:
    return Reply(body={"headers": asked.headers, "target": asked.target}, headers={"x-echo": asked.target})


@pytest.mark.parametrize(
    "auth",
    [
        Bearer(token="canary-4fb1-token"),
        Basic(user="admin", password=CANARY),
        ApiKey(name="X-Api-Key", place="header", value="canary-4fb1-header"),
        ApiKey(name="key", place="query", value=CANARY),
    ],
    ids=lambda auth: type(auth).__name__ + getattr(auth, "place", ""),
)
async def test_what_signs_in_arrives_and_is_masked_in_what_comes_back(
    platform: Platform, client: HttpClient, auth: object
) -> None:
    platform.answers["*"] = echo
    answer = await client.send(endpoint(platform, auth=auth), HttpRequest(target="status?of=all"))
    seen = repr(platform.last)
    secret = next(endpoint(platform, auth=auth).secret_values())
    pair = "YWRtaW46" if isinstance(auth, Basic) else "canary-4fb1"
    assert pair in seen
    everything = f"{answer.text}{answer.headers}{answer.url}"
    assert MASK in everything
    assert "canary" not in everything
    assert secret not in everything
    assert "YWRtaW46Y" not in everything
    assert "canary" not in repr(endpoint(platform, auth=auth))


async def test_a_token_is_asked_for_once_and_again_when_it_is_taken_back(
    platform: Platform, client: HttpClient
) -> None:
    granted = iter(("first-token-of-mine", "second-token-of-mine"))
    platform.answers["/token"] = lambda asked: Reply(body={"access_token": next(granted), "expires_in": 3600})
    taken_back = False

    def api(asked: Asked) -> Reply:
        valid = "second" if taken_back else "first"
        return Reply(
            status=200 if valid in asked.headers["authorization"] else 401, body=asked.headers["authorization"]
        )

    platform.answers["/api"] = api
    auth = ClientCredentials(token_url=f"{platform.url}/token", client_id="me", client_secret=CANARY, scope="read")
    there = endpoint(platform, auth=auth)
    for _ in range(2):
        answer = await client.send(there, HttpRequest(target="api"))
        assert (answer.status, answer.text) == (200, f'"Bearer {MASK}"')
    assert [each.path for each in platform.asked] == ["/token", "/api", "/api"]
    taken_back = True
    assert (await client.send(there, HttpRequest(target="api"))).status == 200
    assert platform.asked[0].body == b"grant_type=client_credentials&scope=read"


async def test_a_token_that_is_not_granted_says_so(platform: Platform, client: HttpClient) -> None:
    platform.answers["/token"] = lambda asked: Reply(status=400, body={"error": asked.headers["authorization"]})
    auth = ClientCredentials(token_url=f"{platform.url}/token", client_id="me", client_secret=CANARY)
    with pytest.raises(RequestFailed, match="gave no token") as caught:
        await client.send(endpoint(platform, auth=auth), HttpRequest(target="api"))
    assert caught.value.cause == "token"


async def test_credentials_are_dropped_where_a_redirect_leaves_the_origin(
    platform: Platform, client: HttpClient
) -> None:
    platform.answers["/here"] = Reply(status=302, headers={"location": "/there"})
    platform.answers["/there"] = echo
    there = endpoint(platform, auth=Bearer(token="canary-4fb1-token"))
    assert (await client.send(there, HttpRequest(target="here"))).status == 200
    assert platform.last.headers["authorization"] == "Bearer canary-4fb1-token"
    with platform_server() as other:
        other.answers["*"] = echo
        platform.answers["/away"] = Reply(status=302, headers={"location": f"{other.url}/x"})
        # The other port of the same host is not what an operator allowed.
        with pytest.raises(RequestFailed) as caught:
            await client.send(there, HttpRequest(target="away"))
        assert caught.value.cause == "address"
        assert other.asked == []
        # A token's address is allowed as well; what is redirected there is sent without credentials.
        auth = ClientCredentials(token_url=f"{other.url}/t", client_id="me", client_secret=CANARY)
        other.answers["/t"] = Reply(body={"access_token": "canary-4fb1-granted"})
        await client.send(
            endpoint(platform, auth=auth), HttpRequest(target="away", headers={"X-Secret": "canary-4fb1"})
        )
        assert "canary" not in repr(other.last)


async def test_redirects_end_and_writes_are_not_redirected(platform: Platform, client: HttpClient) -> None:
    platform.answers["/loop"] = Reply(status=302, headers={"location": "/loop"})
    for method in ("GET", "POST"):
        with pytest.raises(RequestFailed) as caught:
            await client.send(endpoint(platform), HttpRequest(method=method, target="loop"))
        assert caught.value.cause == "redirect"
    assert [each.method for each in platform.asked].count("POST") == 1
    for location in ("file:///etc/passwd", "gopher://127.0.0.1/", "http://user:pw@127.0.0.1/", "http://[::1"):
        platform.answers["/odd"] = Reply(status=302, headers={"location": location})
        with pytest.raises(RequestFailed):
            await client.send(endpoint(platform), HttpRequest(target="odd"))


async def test_answers_are_bounded_in_size_and_time(platform: Platform, client: HttpClient) -> None:
    platform.answers["/big"] = Reply(body=bytes(300_000))
    platform.answers["/bomb"] = Reply(body=gzip.compress(bytes(5_000_000)), headers={"content-encoding": "gzip"})
    platform.answers["/slow"] = Reply(wait=5)
    small = endpoint(platform, limits=EndpointLimits(timeout_s=0.3, max_bytes=200_000))
    for path, cause in (("big", "size"), ("bomb", "size"), ("slow", "timeout")):
        with pytest.raises(RequestFailed) as caught:
            await client.send(small, HttpRequest(target=path))
        assert caught.value.cause == cause


async def test_a_platform_that_asks_to_wait_is_asked_once_more(platform: Platform, client: HttpClient) -> None:
    busy = iter((Reply(status=429, headers={"retry-after": "0"}), Reply(body=b"1")))
    platform.answers["/"] = lambda asked: next(busy)
    assert (await client.send(endpoint(platform), HttpRequest())).status == 200
    platform.answers["/"] = Reply(status=429, headers={"retry-after": "3600"})
    assert (await client.send(endpoint(platform), HttpRequest())).status == 429
    assert len(platform.asked) == 3


async def test_a_connection_that_is_asked_too_often_is_told(platform: Platform, client: HttpClient) -> None:
    platform.answers["*"] = Reply(body=b"1")
    rare = endpoint(platform, limits=EndpointLimits(timeout_s=0.5, per_minute=2, concurrency=1))
    for _ in range(2):
        await client.send(rare, HttpRequest())
    with pytest.raises(RequestFailed) as caught:
        await client.send(rare, HttpRequest())
    assert caught.value.cause == "busy"


async def test_certificates_are_verified_and_shown(client: HttpClient, tmp_path: Path) -> None:
    authority = issue("authority")
    server, own, stranger = issue("server", authority), issue("client", authority), issue("other")
    with platform_server(server_context(server, tmp_path, clients_of=authority)) as platform:
        platform.answers["*"] = echo
        mutual = Tls(ca=authority.certificate, certificate=own.certificate, key=own.key)
        assert (await client.send(endpoint(platform, tls=mutual), HttpRequest())).status == 200
        for wrong in (Tls(), Tls(ca=stranger.certificate), Tls(ca=authority.certificate)):
            with pytest.raises(RequestFailed) as caught:
                await client.send(endpoint(platform, tls=wrong), HttpRequest())
            assert caught.value.cause in ("tls", "protocol")
        for broken in (replace(mutual, key=stranger.key), replace(mutual, ca="none"), replace(mutual, certificate="x")):
            with pytest.raises(RequestFailed) as caught:
                await client.send(endpoint(platform, tls=broken), HttpRequest())
            assert caught.value.cause == "tls"
            assert "PRIVATE" not in str(caught.value)


async def test_what_is_wrong_is_told_apart(client: HttpClient) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(RequestFailed) as caught:
            await client.send(Endpoint(base_url=f"http://127.0.0.1:{port}", allow_private=True), HttpRequest())
    assert caught.value.cause == "refused"
    with platform_server() as plain, pytest.raises(RequestFailed) as caught:
        await client.send(Endpoint(base_url=f"https://127.0.0.1:{plain.port}", allow_private=True), HttpRequest())
    assert caught.value.cause == "tls"
    with pytest.raises(RequestFailed) as caught:
        await client.send(Endpoint(base_url="http://no-such-host.invalid"), HttpRequest())
    assert caught.value.cause == "dns"


@pytest.mark.parametrize("target", ["..", "a/../b", "a/%2e%2E/b", "a/..?x", "a b", "a\nb", "a\\b", "ä", "a#b"])
def test_targets_that_lead_elsewhere_are_refused(target: str) -> None:
    with pytest.raises(RequestFailed):
        target_url("http://host/base", target)


def test_a_target_stays_below_its_address() -> None:
    assert str(target_url("http://host/base/?a=1", "/x%2Fy?b=2")) == "http://host/base/x%2Fy?a=1&b=2"
    assert str(target_url("http://host", "//evil.example/x")) == "http://host/evil.example/x"
    assert target_url("http://host/base", "http://evil.example/").host == "host"


def test_masking_finds_every_form() -> None:
    masker = Masker([CANARY, "abc"])
    assert masker.mask("abc") == "abc"  # too short to be a secret
    import base64
    import json
    from urllib.parse import quote, quote_plus

    forms = [CANARY, quote(CANARY, safe=""), quote_plus(CANARY), json.dumps(CANARY), CANARY.upper()]
    forms += [base64.b64encode(prefix + CANARY.encode() + b":x").decode() for prefix in (b"", b"u:", b"u")]
    for form in forms:
        assert MASK in masker.mask(f"before {form} after"), form
        assert "4fb1" not in masker.mask(form).lower()
