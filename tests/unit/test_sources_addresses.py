"""Which addresses may be reached, in every way they can be written."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.errors import FetchRefused, InvalidInput
from knowledge.sources.addresses import AddressPolicy
from knowledge.sources.fetcher import checked_url, resolve
from knowledge.sources.page import page_path

OPEN = AddressPolicy()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255",
        "192.168.1.1", "169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200", "168.63.129.16",
        "192.0.0.192", "198.18.0.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.0.2.1",
        "203.0.113.9", "192.88.99.1", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1",
        "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:7f00:1::",
        "2001:db8::1", "100::1", "::ffff:0:7f00:1", "2606:4700::5efe:7f00:1", "2606:4700::200:5efe:a00:1",
        "nonsense", "", "1.2.3", "2130706433",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    assert not OPEN.allows("docs.example.com", address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.215.14", "172.32.0.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_public_addresses_are_allowed(address: str) -> None:
    assert OPEN.allows("docs.example.com", address)


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.1", "0"])
def test_odd_ways_to_write_loopback_resolve_to_what_is_refused(host: str) -> None:
    assert not any(OPEN.allows(host, address) for address in resolve(host, 80))


def test_an_operator_can_trust_hosts_and_networks_but_a_host_never_opens_metadata() -> None:
    policy = AddressPolicy.of(("wiki.corp", "*.intra.corp"), ("10.20.0.0/16", "fd12::/16"))
    assert policy.allows("WIKI.corp.", "10.1.1.1")
    assert policy.allows("a.b.intra.corp", "127.0.0.1")
    assert not policy.allows("intra.corp", "127.0.0.1")
    assert not policy.allows("evilwiki.corp", "10.1.1.1")
    assert policy.allows("anything", "10.20.3.4")
    assert policy.allows("anything", "::ffff:10.20.3.4")
    assert policy.allows("anything", "fd12::1")
    assert not policy.allows("anything", "10.21.0.1")
    for metadata in ("169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "fe80::1", "0.0.0.0"):
        assert not policy.allows("wiki.corp", metadata)
    assert AddressPolicy.of((), ("169.254.0.0/16",)).allows("x", "169.254.169.254")
    with pytest.raises(InvalidInput):
        AddressPolicy.of((), ("10.0.0.0/99",))


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_in_an_ipv6_coat_is_judged_as_itself(address: object) -> None:
    plain = OPEN.allows("host", str(address))
    assert OPEN.allows("host", f"::ffff:{address}") == plain
    assert OPEN.allows("host", f"64:ff9b::{address}") == plain


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "gopher://x/", "ftp://x/", "javascript:alert(1)", "data:text/html,x", "//x/", "x", "",
        "http://", "https:///path", "http://user@example.com/", "http://user:secret@example.com/", "http://[::1",
        "http://a b/", "http://example.com:99999/", "http://x/" + "a" * 5_000, "http://exa\x00mple.com/",
        "http://\ud800/",
    ],
)  # fmt: skip
def test_urls_that_are_not_fetched(url: str) -> None:
    with pytest.raises(FetchRefused):
        checked_url(url)


@given(st.text(max_size=60))
def test_checking_a_url_raises_nothing_else(text: str) -> None:
    for url in (text, f"http://{text}", f"https://host/{text}"):
        with contextlib.suppress(FetchRefused):
            assert checked_url(url).scheme in ("http", "https")


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://docs.example.com/guide/start.html#top", "docs.example.com/guide/start.html"),
        ("https://example.com", "example.com"),
        ("https://example.com/a/../../b?x=1&y=/etc", "example.com/a/b-x-1-y-etc"),
        ("https://example.com/%E6%96%87%E6%A1%A3", "example.com/文档"),
    ],
)
def test_the_path_of_a_page(url: str, path: str) -> None:
    assert page_path(url) == path
