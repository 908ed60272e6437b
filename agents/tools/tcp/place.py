"""Where a platform is, judged and paced as the HTTP client does it; libraries are given addresses, never names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

import anyio

from agents.tools.http.client import HttpClient
from agents.tools.http.endpoint import Basic, Endpoint
from agents.tools.http.failures import RequestFailed
from agents.tools.http.masking import Masker

PORTS: Mapping[str, int] = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306, "redis": 6379, "rediss": 6379}
"""What the schemes of such addresses are, and the ports they stand for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A platform to be connected to at one of `addresses`; `host` is what its certificate names. `path` is the part of
    its address after the first slash: a database."""

    scheme: str
    host: str
    port: int
    path: str
    options: Mapping[str, str]
    addresses: tuple[str, ...]
    endpoint: Endpoint
    masker: Masker = field(repr=False)

    @property
    def shown(self) -> str:
        """Host and port, for people."""
        return f"{self.host}:{self.port}"

    @property
    def user(self) -> str:
        """The user's name; empty when none was given."""
        return self.endpoint.auth.user if isinstance(self.endpoint.auth, Basic) else ""

    @property
    def password(self) -> str:
        return self.endpoint.auth.password if isinstance(self.endpoint.auth, Basic) else ""


@asynccontextmanager
async def turn_at(client: HttpClient, endpoint: Endpoint) -> AsyncIterator[Place]:
    """A turn at a platform, within its limits of time, rate and places. Raises RequestFailed, secrets masked."""
    channel = client.channel(endpoint)
    limits = endpoint.limits
    try:
        with anyio.fail_after(limits.timeout_s):
            async with channel.turnstile.turn(limits.timeout_s):
                yield await _place(client, endpoint, channel.masker)
    except TimeoutError:
        raise RequestFailed(f"{shown(endpoint.base_url)} did not answer in time.", "timeout") from None
    except RequestFailed as error:
        raise RequestFailed(channel.masker.mask(str(error)), error.cause) from None


async def _place(client: HttpClient, endpoint: Endpoint, masker: Masker) -> Place:
    parts = urlsplit(endpoint.base_url)
    host, port = (parts.hostname or "").lower(), parts.port or PORTS.get(parts.scheme, 0)
    if not host or not port:
        raise RequestFailed("The address of this connection is none.", "url")
    addresses = await client.addresses(host, port, is_trusted=endpoint.allow_private)
    return Place(
        scheme=parts.scheme,
        host=host,
        port=port,
        path=unquote(parts.path).strip("/"),
        options=dict(parse_qsl(parts.query)),
        addresses=tuple(addresses),
        endpoint=endpoint,
        masker=masker,
    )


def shown(url: str) -> str:
    """Host and port of an address, for people."""
    return urlsplit(url).netloc.rpartition("@")[2] or "The address"
