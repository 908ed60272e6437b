"""A request as it was made: by whom, by which scheme and to which host, also where a proxy stands in between.

What a proxy tells is believed only from the addresses that the settings name.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.accounts.origins import is_loopback
from backend.errors import Refused

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_SCHEMES = {"http": "http", "ws": "http", "https": "https", "wss": "https"}
_ONLY_ONCE = ("host", "origin", "authorization")
_FORWARDED_FOR = re.compile(r'(?:for|host)=(?:"([^"]*)"|([^;,\s]*))', re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """`headers` have names in lower case; `scheme` is http or https, of WebSockets too; `client` is an address."""

    path: str
    method: str
    headers: Mapping[str, str]
    scheme: str
    client: str

    @property
    def is_forwarded_from_afar(self) -> bool:
        """Whether a proxy says that it passes on what came from, or was meant for, another machine."""
        headers = self.headers
        named = [*headers.get("x-forwarded-for", "").split(","), *headers.get("x-forwarded-host", "").split(",")]
        named.append(headers.get("x-real-ip", ""))
        named += [quoted or plain for quoted, plain in _FORWARDED_FOR.findall(headers.get("forwarded", "")[:4096])]
        return any(not is_loopback(_without_port(each.strip())) for each in named if each.strip())


class Proxies:
    """The proxies whose word counts."""

    def __init__(self, trusted: Sequence[str]) -> None:
        """`trusted`: addresses and networks. Raises ValueError."""
        self._networks: tuple[Network, ...] = tuple(ipaddress.ip_network(each, strict=False) for each in trusted)

    def visit(self, scope: Mapping[str, Any]) -> Visit:
        """The visit that an ASGI scope of kind http or websocket describes. Raises Refused for doubled headers."""
        raw: Sequence[tuple[bytes, bytes]] = scope["headers"]
        counted = Counter(name.lower() for name, _ in raw)
        if any(counted[name.encode()] > 1 for name in _ONLY_ONCE):
            raise Refused("A header that may come once came several times.")
        headers: dict[str, str] = {}
        for name, value in raw:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            joint = "; " if key == "cookie" else ", "
            headers[key] = f"{headers[key]}{joint}{text}" if key in headers else text
        client, scheme = (scope.get("client") or ("", 0))[0], _SCHEMES.get(scope.get("scheme", "http"), "http")
        if self._trusts(client):
            told = headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
            scheme = _SCHEMES.get(told, scheme)
            client = self._first_stranger(headers.get("x-forwarded-for", ""), client)
        return Visit(
            path=scope["path"], method=scope.get("method", "GET"), headers=headers, scheme=scheme, client=client
        )

    def _first_stranger(self, forwarded: str, peer: str) -> str:
        """From the nearest proxy outwards, the first address that is no proxy of ours."""
        client = peer
        for each in reversed(forwarded[-4096:].split(",")):
            address = _without_port(each.strip())
            if not _is_address(address):
                return client
            client = address
            if not self._trusts(client):
                return client
        return client

    def _trusts(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed.version == network.version and parsed in network for network in self._networks)


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
