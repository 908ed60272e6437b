"""What proxies in front of the interface tell, believed from the addresses named at the start alone."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from frontend.authentication.origin_policy import without_port

_SCHEMES = {"http": "http", "ws": "http", "https": "https", "wss": "https"}
_ONLY_ONCE = ("host", "origin")


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """A request as the browser made it: `headers` with names in lower case, the `client`'s address, http or https."""

    headers: Mapping[str, str]
    scheme: str
    client: str


class Proxies:
    """The proxies whose X-Forwarded-Proto and X-Forwarded-For count."""

    def __init__(self, trusted: Sequence[str] = ("127.0.0.1", "::1")) -> None:
        """`trusted`: addresses and networks. Raises ValueError."""
        self._networks = tuple(ipaddress.ip_network(each, strict=False) for each in trusted)

    def visit(self, scope: Mapping[str, Any]) -> Visit | None:
        """The visit that an ASGI scope describes; None when a header that may come once came several times."""
        counted = Counter(name.lower() for name, _ in scope["headers"])
        if any(counted[name.encode()] > 1 for name in _ONLY_ONCE):
            return None
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            joint = "; " if key == "cookie" else ", "
            headers[key] = f"{headers[key]}{joint}{text}" if key in headers else text
        client, scheme = (scope.get("client") or ("", 0))[0], _SCHEMES.get(scope.get("scheme", "http"), "http")
        if self._trusts(client):
            told = headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
            scheme = _SCHEMES.get(told, scheme)
            client = self._first_stranger(headers.get("x-forwarded-for", ""), client)
        return Visit(headers=headers, scheme=scheme, client=client)

    def _first_stranger(self, forwarded: str, peer: str) -> str:
        """From the nearest proxy outwards, the first address that is no proxy of ours."""
        client = peer
        for each in reversed(forwarded[-4096:].split(",")):
            try:
                client = str(ipaddress.ip_address(without_port(each.strip())))
            except ValueError:
                return client
            if not self._trusts(client):
                return client
        return client

    def _trusts(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed.version == network.version and parsed in network for network in self._networks)
