"""Names of hosts as rules write them and as clients send them: one form for both, so that comparing is comparing."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

import idna

USUAL_PORTS = (443, 80)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LONGEST = 253


def host_name(text: str) -> str:
    """The host in lower case, without the dot at its end; an IPv6 address without brackets, in its shortest form.

    Raises ValueError for what is no plain name or address: other scripts than ASCII, empty labels, numbers that some
    systems read as an address and others as a name.
    """
    if text.startswith("[") and text.endswith("]"):
        return str(ipaddress.IPv6Address(text[1:-1]))
    name = text.lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > _LONGEST or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"{text[:80]!r} is no name of a host")
    if _NUMBER.fullmatch(labels[-1]):
        return str(ipaddress.IPv4Address(name))
    return name


def is_address(host: str) -> bool:
    """Whether a host in the form of `host_name` is an address."""
    return ":" in host or _NUMBER.fullmatch(host.rpartition(".")[2]) is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class HostRule:
    """A host that may be reached, or with `below` every host below it; without a port at the usual ones."""

    name: str
    below: bool = False
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> HostRule:
        """The rule of `example.org`, `*.example.org`, `example.org:8443`. Raises ValueError."""
        name, _, port = text.strip().rpartition(":") if re.search(r":[0-9]+$", text.strip()) else (text.strip(), "", "")
        if name.count(":") > 1:
            name = f"[{name.strip('[]')}]"
        below = name.startswith("*.")
        name = name.removeprefix("*.")
        if not name.isascii():
            name = idna.encode(name, uts46=True).decode()
        if port and not 0 < int(port) < 65536:
            raise ValueError(f"{text[:80]!r} names no port")
        rule = cls(name=host_name(name), below=below, port=int(port) if port else None)
        if below and (is_address(rule.name) or "." not in rule.name):
            raise ValueError(f"{text[:80]!r} would open more than the hosts of one domain")
        return rule

    def covers(self, host: str, port: int) -> bool:
        """Whether a host in the form of `host_name` may be reached at this port."""
        named = host.endswith(f".{self.name}") if self.below else host == self.name
        return named and (port == self.port if self.port is not None else port in USUAL_PORTS)

    def includes(self, other: HostRule) -> bool:
        """Whether whatever the other rule allows is allowed by this one."""
        if self.port is not None or other.port is not None:
            ports = other.port == self.port or (self.port is None and other.port in USUAL_PORTS)
        else:
            ports = True
        if not self.below:
            return ports and not other.below and self.name == other.name
        return ports and (other.name.endswith(f".{self.name}") or (other.below and other.name == self.name))

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return f"{'*.' if self.below else ''}{name}{f':{self.port}' if self.port is not None else ''}"
