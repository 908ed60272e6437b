"""Origins and hosts as browsers send them, read strictly: what cannot be read is nobody's."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

_HOST = r"\[[0-9a-f:.]{2,45}\]|[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?\.?"
_AUTHORITY = re.compile(rf"({_HOST})(?::([0-9]{{1,5}}))?")
_ORIGIN = re.compile(r"(https?)://([^/?#@\\\s]+)")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host (lower case, IPv6 in brackets) and port: two origins are one only if all three are."""

    scheme: str
    host: str
    port: int

    @property
    def name(self) -> str:
        """The host as a name or address, without brackets and the dot of the root."""
        return self.host.strip("[]").rstrip(".")

    @property
    def is_loopback(self) -> bool:
        """Whether it can only be of this machine."""
        return is_loopback(self.name)


def read_authority(scheme: str, authority: str) -> Origin | None:
    """The origin that a request by this scheme with this Host header was made to; None for what is no host."""
    found = _AUTHORITY.fullmatch(authority.lower())
    if found is None:
        return None
    host, port = found.group(1), int(found.group(2) or _PORTS[scheme])
    if not 0 < port < 65_536 or (host.startswith("[") and not _is_ipv6(host[1:-1])):
        return None
    return Origin(scheme, host, port)


def read_origin(text: str) -> Origin | None:
    """An Origin header, or an origin in the settings; None for `null` and for whatever is more or less than one."""
    found = _ORIGIN.fullmatch(text.lower())
    return None if found is None else read_authority(found.group(1), found.group(2))


def is_loopback(host: str) -> bool:
    """Whether what listens on `host` can be reached from this machine only."""
    name = host.strip("[]").lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _is_ipv6(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == 6
    except ValueError:
        return False
