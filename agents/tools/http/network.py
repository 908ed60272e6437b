"""Connections that are made only to addresses that were judged: resolved once, then no more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable

import anyio.to_thread
import httpcore2

from agents.tools.http.failures import RequestFailed
from knowledge.sources.addresses import AddressPolicy

AsyncResolver = Callable[[str, int], Awaitable[list[str]]]
"""Host and port to addresses, as text. Raises OSError."""


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host in the system's order. Raises OSError."""
    from knowledge.sources.fetcher import resolve as resolved

    return await anyio.to_thread.run_sync(resolved, host, port, abandon_on_cancel=True)


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Opens connections only to addresses the policy allows; TLS still verifies the host's name."""

    def __init__(self, trusted: Collection[tuple[str, int]], resolver: AsyncResolver) -> None:
        """`trusted`: hosts and ports that may have private addresses."""
        self._trusted = frozenset(trusted)
        self._resolver = resolver
        self._sockets = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to the first allowed address of the host that accepts one."""
        failure: Exception | None = None
        for address in await self._allowed(host, port):
            try:
                return await self._sockets.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure or RequestFailed(f"The host {host} has no address.", "dns")

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None
    ) -> httpcore2.AsyncNetworkStream:
        raise RequestFailed("Local sockets are not connected to.", "address")

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    async def _allowed(self, host: str, port: int) -> list[str]:
        is_trusted = (host.strip("[]").lower(), port) in self._trusted
        return await allowed_addresses(host, port, self._resolver, is_trusted=is_trusted)


async def allowed_addresses(host: str, port: int, resolver: AsyncResolver, *, is_trusted: bool) -> list[str]:
    """The addresses of a host, every one of them judged. Raises RequestFailed. `is_trusted`: they may be private."""
    name = host.strip("[]").lower()
    try:
        addresses = await resolver(host.strip("[]"), port)
    except (OSError, UnicodeError) as error:
        raise RequestFailed(f"The host {host} cannot be found: is its name right?", "dns") from error
    policy = AddressPolicy(hosts=frozenset({name}) if is_trusted else frozenset())
    # One inward address among public ones is how rebinding looks: the whole host is refused.
    if not addresses or not all(policy.allows(name, address) for address in addresses):
        raise RequestFailed(
            f"The host {host} has a private or special address. An operator can allow it for the connection "
            "that it belongs to (“Its address may be private”, `allow_private`); metadata services stay closed.",
            "address",
        )
    return addresses
