"""Which addresses may be reached. Everything that is not plainly public is refused unless an operator named it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field

from knowledge.errors import InvalidInput

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_V6_WITH_V4 = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "::/96", "::ffff:0:0:0/96")))
"""IPv6 forms whose last 32 bits are the IPv4 address reached: NAT64, the old compatible form, SIIT."""
_REFUSED: tuple[Network, ...] = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16",
            "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
            "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "::/128", "::1/128", "64:ff9b:1::/48",
            "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10",
            "fec0::/10", "ff00::/8",
        ),
    )
)  # fmt: skip
"""The special-purpose registries of IANA, and 168.63.129.16, where Azure answers for its machines."""
_NEVER_BY_HOST: tuple[Network, ...] = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",
            "169.254.0.0/16",
            "168.63.129.16/32",
            "100.100.100.200/32",
            "192.0.0.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
) + tuple(map(ipaddress.ip_network, ("::/128", "fe80::/10", "ff00::/8", "fd00:ec2::/32")))
"""Metadata services and the like: a trusted host name does not open them, only a network named outright does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AddressPolicy:
    """Decides whether a host that resolved to an address may be reached there."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = field(default=())

    @classmethod
    def of(cls, hosts: tuple[str, ...], networks: tuple[str, ...]) -> AddressPolicy:
        """The policy with what an operator trusts. Raises InvalidInput for a network that is none."""
        try:
            parsed = tuple(ipaddress.ip_network(network, strict=False) for network in networks)
        except ValueError as error:
            raise InvalidInput(f"An allowed network must look like 10.0.0.0/8: {error}.") from error
        return cls(hosts=frozenset(host.lower().rstrip(".") for host in hosts), networks=parsed)

    def allows(self, host: str, address: str) -> bool:
        """Whether `host` may be reached at `address` (as the resolver wrote it)."""
        try:
            forms = tuple(_forms(ipaddress.ip_address(address.partition("%")[0])))
        except ValueError:
            return False
        if any(_within(form, self.networks) for form in forms):
            return True
        if self._trusts(host):
            return not any(_within(form, _NEVER_BY_HOST) for form in forms)
        return not any(_within(form, _REFUSED) or not form.is_global for form in forms if not _is_wrapper(form))

    def _trusts(self, host: str) -> bool:
        host = host.lower().rstrip(".")
        parents = host.split(".")[1:]
        suffixes = (".".join(parents[start:]) for start in range(len(parents)))
        return host in self.hosts or any(f"*.{suffix}" in self.hosts for suffix in suffixes)


def _forms(address: Address) -> Iterator[Address]:
    """The address, and the IPv4 addresses it may lead to."""
    yield address
    if isinstance(address, ipaddress.IPv6Address):
        last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if address.ipv4_mapped is not None or any(address in network for network in _V6_WITH_V4):
            yield last
        if address.sixtofour is not None:
            yield address.sixtofour
        if address.teredo is not None:
            yield from address.teredo
        if (int(address) >> 32) & 0xFDFFFFFF == 0x00005EFE:  # ISATAP, globally unique or not
            yield last


def _is_wrapper(address: Address) -> bool:
    """Whether an IPv6 address stands only for the IPv4 address inside it, which is judged instead."""
    if not isinstance(address, ipaddress.IPv6Address):
        return False
    return address.ipv4_mapped is not None or address in _V6_WITH_V4[0]


def _within(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
