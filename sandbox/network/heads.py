"""The head of a request to the proxy, read strictly: what two readers could understand differently is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass

import h11

from sandbox.network.hosts import host_name

LONGEST_HEAD = 16 * 1024
_HOST = r"(?P<host>[A-Za-z0-9._-]{1,254}|\[[0-9A-Fa-f:.]{2,45}\])"
_AUTHORITY = re.compile(rf"{_HOST}:(?P<port>[0-9]{{1,5}})")
_ABSOLUTE = re.compile(rf"http://{_HOST}(?::(?P<port>[0-9]{{1,5}}))?(?P<path>/[^#]*)?", re.IGNORECASE)
_HOST_HEADER = re.compile(rf"{_HOST}(?::(?P<port>[0-9]{{1,5}}))?")
_OF_THE_HOP = frozenset(
    (b"connection", b"proxy-connection", b"proxy-authorization", b"proxy-authenticate", b"keep-alive", b"te",
     b"trailer", b"upgrade", b"expect", b"host", b"forwarded", b"x-forwarded-for", b"via")
)  # fmt: skip


class BadRequest(Exception):
    """No request that the proxy takes; the message says what is wrong with it."""


class BadHost(BadRequest):
    """The request is one, but its host is no name and no address."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """Where a request goes. `onwards` is what the other server gets of it, None for a tunnel."""

    method: str
    host: str
    port: int
    onwards: h11.Request | None = None


def read_head(request: h11.Request) -> Head:
    """Raises BadRequest, BadHost."""
    target = request.target.decode("ascii", "replace")
    tunnel = request.method == b"CONNECT"
    found = (_AUTHORITY if tunnel else _ABSOLUTE).fullmatch(target)
    if found is None:
        raise BadRequest(
            "CONNECT names a host and a port." if tunnel else "A request to a proxy names the whole http:// address."
        )
    host, port = _host(found["host"]), int(found["port"] or 80)
    if not 0 < port < 65536:
        raise BadRequest("There is no such port.")
    headers = [(bytes(name), bytes(value)) for name, value in request.headers]
    _check_host_header([value for name, value in headers if name == b"host"], host, port)
    if tunnel:
        return Head(method="CONNECT", host=host, port=port)
    names = [name for name, _ in headers]
    if b"transfer-encoding" in names and b"content-length" in names:
        raise BadRequest("A body has one length, not two.")
    named = {each.strip().lower() for name, value in headers if name == b"connection" for each in value.split(b",")} - {
        b"content-length",
        b"transfer-encoding",
    }
    kept = [(name, value) for name, value in headers if name not in _OF_THE_HOP and name not in named]
    shown = f"[{host}]" if ":" in host else host
    authority = shown if port == 80 else f"{shown}:{port}"
    onwards = h11.Request(
        method=request.method,
        target=found["path"] or "/",
        headers=[(b"host", authority.encode("ascii")), *kept, (b"connection", b"close")],
    )
    return Head(method=request.method.decode("ascii"), host=host, port=port, onwards=onwards)


def _check_host_header(values: list[bytes], host: str, port: int) -> None:
    if len(values) > 1:
        raise BadRequest("A request has one Host header.")
    for value in values:
        found = _HOST_HEADER.fullmatch(value.decode("ascii", "replace"))
        if found is None or _host(found["host"]) != host or int(found["port"] or port) != port:
            raise BadRequest("The Host header names another host than the address.")


def _host(text: str) -> str:
    try:
        return host_name(text)
    except ValueError as error:
        raise BadHost(f"{error}.") from None
