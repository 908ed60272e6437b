"""A connection to Redis at an address that was judged; it takes so many bytes and no more."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis import exceptions
from redis.asyncio import Connection, ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from agents.errors import ToolFailed
from agents.tools.http.channel import tls_context
from agents.tools.http.failures import Cause, RequestFailed
from agents.tools.redis.operations import Commands
from agents.tools.tcp.place import Place

MOST_BYTES = 8_000_000
_DENIED: tuple[tuple[str, Cause, str], ...] = (
    ("WRONGPASS", "unauthorized", "{place} does not take this user and password: are they right?"),
    ("invalid username-password", "unauthorized", "{place} does not take this user and password: are they right?"),
    ("NOAUTH", "unauthorized", "{place} wants to be signed in to: give the connection a user and password."),
    ("without any password configured", "unauthorized", "{place} has no passwords: leave signing in out."),
    ("NOPERM", "forbidden", "The user may not do this."),
    ("DB index is out of range", "not_found", "{place} has no database of the number in the address."),
    ("max number of clients", "busy", "{place} has no connection left."),
)


class _TooMuch(ConnectionError):
    """More has come than is taken."""


class _Counted(asyncio.StreamReader):
    left = MOST_BYTES

    def feed_data(self, data: Any) -> None:
        self.left -= len(data)
        if self.left < 0:
            self.set_exception(_TooMuch())
        else:
            super().feed_data(data)


class _Pinned(Connection):
    def __init__(self, *, place: Place, **options: Any) -> None:
        super().__init__(**options)
        self._place = place

    async def _connect(self) -> None:
        place = self._place
        context = tls_context(place.endpoint.tls) if place.scheme == "rediss" else None
        loop = asyncio.get_running_loop()
        failure: OSError | None = None
        for address in place.addresses:
            reader = _Counted(limit=2**17, loop=loop)
            protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
            name = place.host if context is not None else None
            try:
                transport, _ = await loop.create_connection(
                    lambda made=protocol: made, address, place.port, ssl=context, server_hostname=name
                )
            except OSError as error:
                failure = error
                continue
            self._reader, self._writer = reader, asyncio.StreamWriter(transport, protocol, reader, loop)
            return
        raise failure or OSError("no address")


@asynccontextmanager
async def opened(place: Place) -> AsyncIterator[Commands]:
    """A client for one call. Raises RequestFailed, and ToolFailed for what the server says, also of what is in the
    block."""
    database = place.path or "0"
    if not database.isdecimal() or len(database) > 5:
        raise RequestFailed("The path of the address is the number of a database, such as /0.", "url")
    signing: dict[str, Any] = {"username": place.user or None, "password": place.password}
    pool = ConnectionPool(
        connection_class=_Pinned,
        max_connections=2,
        place=place,
        db=int(database),
        protocol=2,
        encoding_errors="replace",
        socket_timeout=place.endpoint.limits.timeout_s,
        socket_connect_timeout=min(10.0, place.endpoint.limits.timeout_s),
        retry=Retry(NoBackoff(), 0),
        **(signing if place.password else {}),
    )
    client = Redis(connection_pool=pool)
    try:
        yield client
    except (exceptions.RedisError, OSError, asyncio.IncompleteReadError) as error:
        raise _failure(error, place) from None
    finally:
        await pool.disconnect()


def _failure(error: Exception, place: Place) -> ToolFailed:
    chain = [error, error.__cause__, error.__context__]
    said = " ".join(str(error).split())[:500]
    for marker, cause, sentence in _DENIED:
        if marker in said:
            return RequestFailed(f"{sentence.format(place=place.shown)} ({said})", cause)
    if any(isinstance(each, _TooMuch) for each in chain):
        return ToolFailed(f"The answer is larger than {MOST_BYTES:,} bytes: ask for less.")
    verification = next((each for each in chain if isinstance(each, ssl.SSLCertVerificationError)), None)
    if verification is not None or "CERTIFICATE_VERIFY_FAILED" in said:
        return RequestFailed(
            f"The certificate of {place.shown} is not trusted: give the authority that signed it as `ca`.", "tls"
        )
    if any(isinstance(each, ssl.SSLError) for each in chain):
        return RequestFailed(f"No TLS with {place.shown}: is its port, written rediss://, the one of TLS?", "tls")
    if isinstance(error, exceptions.TimeoutError | TimeoutError):
        return RequestFailed(f"{place.shown} did not answer in time.", "timeout")
    if any(isinstance(each, ConnectionRefusedError) for each in chain) or "refused" in said:
        return RequestFailed(
            f"{place.shown} refused the connection: is the service running, is the port right?", "refused"
        )
    if isinstance(error, exceptions.ResponseError):
        return ToolFailed(f"{place.shown} says: {said}")
    return RequestFailed(f"{place.shown} broke off or is no Redis server. ({said})", "protocol")


async def redis_version(place: Place) -> str:
    """What the server says it is, after signing in. Raises RequestFailed, ToolFailed."""
    async with opened(place) as client:
        await client.execute_command("PING")
        try:
            found = await client.execute_command("INFO", "server")
        except exceptions.NoPermissionError:
            return "Redis"
    return f"Redis {found.get('redis_version', '')}".strip() if isinstance(found, dict) else "Redis"
