"""Which hosts sessions may ask for, and what one of them was granted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from sandbox.errors import NetworkRefused
from sandbox.network.hosts import HostRule

MOST_HOSTS = 50


class Addresses(Protocol):
    """Says where a host may be reached; the backend gives the one that crawls obey."""

    def allows(self, host: str, address: str) -> bool: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Packages:
    """Where packages come from: addresses for the clients, and the hosts that they need."""

    python_index: str
    npm_registry: str = ""
    rules: tuple[HostRule, ...] = ()


def index_rule(url: str) -> HostRule:
    """The host of a package index. Raises ValueError for an address that is none, or that carries a password."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError(f"{url[:80]!r} is no address of an index; write https://host/path without user and password")
    return HostRule.parse(parts.netloc)


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkPolicy:
    """What the administrator allows. Nothing, unless told otherwise."""

    rules: tuple[HostRule, ...] = ()
    packages: Packages | None = None
    certificates: str = ""
    """Certificates in PEM form that clients inside are to trust; empty: those of the image."""

    @property
    def all_rules(self) -> tuple[HostRule, ...]:
        """The hosts of the list, and those of the packages."""
        return tuple(dict.fromkeys((*self.rules, *(self.packages.rules if self.packages else ()))))

    def granted(self, asked: str | Sequence[str]) -> tuple[HostRule, ...]:
        """The rules of a session that asks for this; none: no network. `off` is that, `packages` stands for the hosts
        of the indexes, `allowed` for whatever is allowed, anything else for a host.

        Raises NetworkRefused for whatever goes beyond the administrator's list.
        """
        names = [asked] if isinstance(asked, str) else list(asked)
        if names in ([], ["off"]):
            return ()
        if len(names) > MOST_HOSTS:
            raise NetworkRefused(f"`network` names at most {MOST_HOSTS} hosts.")
        return tuple(dict.fromkeys(rule for name in names for rule in self._of(name)))

    def _of(self, name: str) -> tuple[HostRule, ...]:
        if name == "allowed":
            if not self.all_rules:
                raise NetworkRefused(
                    "Sessions have no network here; CHATBOT_SANDBOX__NETWORK__HOSTS names hosts that they may reach, "
                    "CHATBOT_SANDBOX__NETWORK__PACKAGES=true lets them install packages."
                )
            return self.all_rules
        if name == "packages":
            if self.packages is None:
                raise NetworkRefused(
                    "Packages cannot be installed here; CHATBOT_SANDBOX__NETWORK__PACKAGES=true allows it."
                )
            return self.packages.rules
        try:
            rule = HostRule.parse(name)
        except ValueError:
            raise NetworkRefused(f"{name[:80]!r} is no host; write example.org or *.example.org.") from None
        if not any(allowed.includes(rule) for allowed in self.all_rules):
            allowed = ", ".join(map(str, self.all_rules))
            there_is = f"there is {allowed}" if allowed else "sessions have no network"
            raise NetworkRefused(
                f"{rule} may not be asked for here: {there_is}. CHATBOT_SANDBOX__NETWORK__HOSTS names what they reach."
            )
        return (rule,)


NO_NETWORK = NetworkPolicy()
"""Where nothing was allowed."""
