"""Which requests the browser interface answers at all: those made to it by its own pages.

A web page of another site, open in the same browser, can send requests to 127.0.0.1 and, with a host name of its own
that resolves there, even read the answers. Both show in the headers Host, Origin and Sec-Fetch-Site.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_AUTHORITY = re.compile(r"(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """`allowed_hosts` are answered to besides loopback names; empty: any, where others can reach us (a token is asked
    for there). `allowed_origins` may call besides our own pages."""

    bound_to_loopback: bool
    allowed_hosts: frozenset[str] = field(default_factory=frozenset)
    allowed_origins: frozenset[str] = field(default_factory=frozenset)

    def refusal(self, headers: Mapping[str, str]) -> str:
        """Why a request with these headers (names in lower case) is not answered; empty when it is."""
        authority = headers.get("host", "").strip().lower()
        name = hostname(authority)
        if not _AUTHORITY.fullmatch(authority):
            return "The Host header is missing or malformed."
        anywhere = not self.bound_to_loopback and not self.allowed_hosts
        if not anywhere and not is_loopback(name) and name not in self.allowed_hosts:
            return f"This server does not answer to the host name {name[:100]!r}."
        return self._foreign_origin(authority, headers)

    def _foreign_origin(self, authority: str, headers: Mapping[str, str]) -> str:
        origin = headers.get("origin")
        if origin is None:
            # Following a link on another site to a page of ours is fine; loading our pages into its own is not.
            followed = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
            foreign = headers.get("sec-fetch-site", "").lower() == "cross-site" and not followed
            return "This request was made by a page of another site." if foreign else ""
        if origin.lower().rstrip("/") in self.allowed_origins:
            return ""
        if origin.lower().startswith(("http://", "https://")):
            given = urlsplit(origin.lower()).netloc
            own = given == authority or hostname(given) == hostname(authority)
            if own or (self.bound_to_loopback and is_loopback(hostname(given))):
                return ""
        return f"Pages of {origin[:200]!r} may not call this server."


def is_loopback(host: str) -> bool:
    """Whether what listens on `host` can be reached from this machine only."""
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def hostname(authority: str) -> str:
    """The name in `name:port`; `[::1]:80` is `::1`."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    return authority.partition(":")[0].rstrip(".")
