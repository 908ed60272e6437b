"""The filtering proxy of one session: CONNECT for TLS, and plain HTTP one request at a time.

It resolves names itself and connects to the address that it judged, so a name cannot lead elsewhere a moment later.
Tunnels carry TLS alone, to the very host that CONNECT named: what else goes through one would not be judged at all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import h11

from sandbox.network.exchange import CutOff, Exchange
from sandbox.network.heads import LONGEST_HEAD, BadHost, BadRequest, Head, read_head
from sandbox.network.hosts import HostRule, host_name, is_address
from sandbox.network.limits import NetworkLimits
from sandbox.network.log import NetworkLog, NetworkRequest, Reason
from sandbox.network.policy import Addresses
from sandbox.network.server_name import HelloReader, NotTls
from sandbox.network.streams import Stream

TOO_MANY_PAUSE_S = 0.2
"""What is refused for being too many is answered slowly, so that asking again and again costs nobody but the asker."""

_PIECE = 4096

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
Connect = Callable[[str, int], Awaitable[Stream]]

_STATUS: dict[Reason, str] = {
    "bad_request": "400 Bad Request",
    "bad_host": "400 Bad Request",
    "not_found": "502 Bad Gateway",
    "unreachable": "502 Bad Gateway",
    "too_slow": "408 Request Timeout",
    "too_many_requests": "429 Too Many Requests",
    "too_many_bytes": "429 Too Many Requests",
}


class Refused(Exception):
    """Why a request goes no further, for the log and as a sentence for whoever asked."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason: Reason = reason


@dataclass(frozen=True, kw_only=True, slots=True)
class FilteringProxy:
    """Serves the connections of one session within its rules and limits."""

    rules: tuple[HostRule, ...]
    limits: NetworkLimits
    addresses: Addresses
    resolve: Resolve
    connect: Connect
    log: NetworkLog

    async def serve(self, client: Stream) -> None:
        """One connection from its first byte to its last. Whatever happens is logged, and nothing is raised."""
        request, begun = NetworkRequest(), time.monotonic()
        self.log.total += 1
        told = self.log.total <= self.limits.requests
        try:
            async with asyncio.timeout(self.limits.connection_seconds):
                self._check_room()
                await self._serve(client, request)
        except Refused as refused:
            request.reason = refused.reason
            await self._tell(client, refused)
        except CutOff as cut:
            request.reason = cut.reason
        except TimeoutError:
            request.reason = "too_slow"
        except OSError:
            pass  # one of the two has gone
        finally:
            await client.close()
            request.duration_ms = round((time.monotonic() - begun) * 1000, 1)
            self.log.note(request, told=told)

    def _check_room(self) -> None:
        if self.log.total > self.limits.requests:
            raise Refused("too_many_requests", f"A session may make {self.limits.requests:,} requests.")
        if self.log.sent + self.log.received >= self.limits.bytes:
            raise Refused("too_many_bytes", f"A session may move {self.limits.bytes:,} bytes.")

    async def _serve(self, client: Stream, request: NetworkRequest) -> None:
        parser = h11.Connection(our_role=h11.SERVER, max_incomplete_event_size=LONGEST_HEAD)
        head = await self._head(client, parser)
        request.method, request.host, request.port = head.method, head.host, head.port
        self._check_allowed(head)
        server, request.address = await self._reach(head)
        exchange = Exchange(client, server, request, self.limits, self.log)
        try:
            if head.onwards is None:
                await self._tunnel(exchange, parser, request)
            else:
                request.decision = "allowed"
                await _pass_on(exchange, parser, head.onwards)
        finally:
            await server.close()

    async def _head(self, client: Stream, parser: h11.Connection) -> Head:
        try:
            async with asyncio.timeout(self.limits.head_seconds):
                rest = b""
                while (event := parser.next_event()) is h11.NEED_DATA:
                    data = rest or await client.read()
                    if not data and parser.trailing_data[0] == b"":
                        raise CutOff("bad_request")  # it said nothing at all
                    # In pieces, since the parser looks at the length of what is not whole, and not of what is.
                    parser.receive_data(data[:_PIECE])
                    rest = data[_PIECE:]
                if rest:
                    parser.receive_data(rest)
            if not isinstance(event, h11.Request):
                raise BadRequest("That is no request.")
            return read_head(event)
        except TimeoutError:
            raise Refused("too_slow", "The request took too long to come.") from None
        except BadHost as error:
            raise Refused("bad_host", str(error)) from None
        except (h11.RemoteProtocolError, BadRequest) as error:
            raise Refused("bad_request", f"That is no request which the proxy takes: {error}") from None

    def _check_allowed(self, head: Head) -> None:
        if not any(rule.covers(head.host, head.port) for rule in self.rules):
            shown = ", ".join(map(str, self.rules))
            raise Refused("not_allowed", f"This session may not reach {head.host}:{head.port}; it may reach {shown}.")

    async def _reach(self, head: Head) -> tuple[Stream, str]:
        try:
            async with asyncio.timeout(self.limits.connect_seconds):
                found = [head.host] if is_address(head.host) else await self.resolve(head.host, head.port)
        except (OSError, UnicodeError):  # a TimeoutError is one, too
            raise Refused("not_found", f"The name {head.host} is not known.") from None
        allowed = [each for each in found if self.addresses.allows(head.host, each)]
        if not allowed:
            raise Refused("private_address", f"{head.host} leads to an address that is not public.")
        for address in allowed[:3]:
            with suppress(OSError):
                async with asyncio.timeout(self.limits.connect_seconds):
                    return await self.connect(address, head.port), address
        raise Refused("unreachable", f"{head.host} does not answer at port {head.port}.")

    async def _tunnel(self, exchange: Exchange, parser: h11.Connection, request: NetworkRequest) -> None:
        first, _ = parser.trailing_data
        await exchange.client.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        first = await self._checked_hello(exchange.client, bytes(first), request)
        request.decision = "allowed"
        await exchange.send(first)
        await exchange.both_ways()

    async def _checked_hello(self, client: Stream, first: bytes, request: NetworkRequest) -> bytes:
        """The client's first bytes, once they are the hello of TLS to the host that was named."""
        reader, read = HelloReader(), b""
        try:
            async with asyncio.timeout(self.limits.head_seconds):
                data = first or await client.read()
                while not reader.feed(data):
                    read += data
                    data = await client.read()
                    if not data:
                        raise CutOff("not_tls")
                read += data
        except NotTls:
            raise CutOff("not_tls") from None
        try:
            named = None if reader.name is None else host_name(reader.name)
        except ValueError:
            raise CutOff("other_server_name") from None
        if named != request.host and not (named is None and is_address(request.host)):
            raise CutOff("other_server_name")
        return read

    async def _tell(self, client: Stream, refused: Refused) -> None:
        if refused.reason in ("too_many_requests", "too_many_bytes"):
            await asyncio.sleep(TOO_MANY_PAUSE_S)
        text = f"{refused}\n".encode("ascii", "replace")
        head = (
            f"HTTP/1.1 {_STATUS.get(refused.reason, '403 Forbidden')}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n"
        )
        with suppress(OSError):
            async with asyncio.timeout(self.limits.head_seconds):
                await client.write(head.encode("ascii") + text)
                await client.end()


async def _pass_on(exchange: Exchange, parser: h11.Connection, onwards: h11.Request) -> None:
    """The request as we understood it, written anew; then the answer as it comes, until the server ends it."""
    sending = asyncio.create_task(_send_request(exchange, parser, onwards))
    answering = asyncio.create_task(exchange.receive_all())
    try:
        await asyncio.wait([sending, answering], return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            sending.result()
        await answering  # a server may answer before it has heard all
    finally:
        for each in (sending, answering):
            each.cancel()
        await asyncio.gather(sending, answering, return_exceptions=True)


async def _send_request(exchange: Exchange, parser: h11.Connection, onwards: h11.Request) -> None:
    writer = h11.Connection(our_role=h11.CLIENT)
    try:
        await exchange.send(writer.send(onwards) or b"")
        if parser.they_are_waiting_for_100_continue:
            await exchange.client.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not isinstance(event := parser.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                parser.receive_data(await exchange.next_of(exchange.client))
            elif isinstance(event, h11.Data):
                await exchange.send(writer.send(event) or b"")
            else:
                raise CutOff("bad_request")
        await exchange.send(writer.send(event) or b"")
    except h11.ProtocolError:
        raise CutOff("bad_request") from None
