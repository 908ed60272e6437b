"""Which requests the browser interface answers at all: those made to it by its own pages.

A web page of another site, or of another port of this machine, open in the same browser, can send requests to
127.0.0.1 and, with a host name of its own that resolves there, even read the answers. All of that shows in the headers
Host, Origin and Sec-Fetch-Site.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from frontend.authentication.origins import Origin, is_loopback, read_authority, read_origin

_FORWARDED = re.compile(r'(?:for|host)=(?:"([^"]*)"|([^;,\s]*))', re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """`allowed_hosts` are answered to besides loopback names; empty: any, where others can reach us (a token is asked
    for there). `allowed_origins` (https://chat.example) may call besides our own pages."""

    bound_to_loopback: bool
    allowed_hosts: frozenset[str] = field(default_factory=frozenset)
    allowed_origins: frozenset[str] = field(default_factory=frozenset)

    def refusal(self, headers: Mapping[str, str], scheme: str = "http") -> str:
        """Why a request with these headers (names in lower case) is not answered; empty when it is. `scheme` is the
        one that the browser used: http or https."""
        here = read_authority(scheme, headers.get("host", ""))
        if here is None:
            return "The Host header is missing or malformed."
        anywhere = not self.bound_to_loopback and not self.allowed_hosts
        if not anywhere and not here.is_loopback and here.name not in self.allowed_hosts:
            return f"This server does not answer to the host name {here.name[:100]!r}."
        return self._foreign_origin(here, headers)

    def concerns_us_alone(self, headers: Mapping[str, str]) -> bool:
        """Whether a request that was not refused came from this machine as far as it can be seen: to a loopback name,
        by no foreign page that is allowed, and not passed on from afar. Others are let in with a token only."""
        here, origin = read_authority("http", headers.get("host", "")), read_origin(headers.get("origin", ""))
        near = here is not None and here.is_loopback and (origin is None or origin.is_loopback)
        return self.bound_to_loopback and near and not is_forwarded_from_afar(headers)

    @property
    def strangers(self) -> list[str]:
        """The hosts and origins allowed here that are not of this machine."""
        origins = (read_origin(origin) for origin in self.allowed_origins)
        names = {*self.allowed_hosts, *(origin.name for origin in origins if origin is not None)}
        return sorted(name for name in names if not is_loopback(name))

    def _foreign_origin(self, here: Origin, headers: Mapping[str, str]) -> str:
        given = headers.get("origin")
        if given is None:
            # Following a link on another site to a page of ours is fine; loading our pages into its own is not.
            followed = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
            own = headers.get("sec-fetch-site", "none").lower() in ("none", "same-origin")
            return "" if own or followed else "This request was made by a page of another site."
        origin = read_origin(given)
        allowed = (read_origin(each) for each in self.allowed_origins)
        if origin is not None and (origin == here or origin in allowed):
            return ""
        return f"Pages of {given[:200]!r} may not call this server."


def is_forwarded_from_afar(headers: Mapping[str, str]) -> bool:
    """Whether a proxy says that it passes on what came from, or was meant for, another machine."""
    named = [*headers.get("x-forwarded-for", "").split(","), *headers.get("x-forwarded-host", "").split(",")]
    named.append(headers.get("x-real-ip", ""))
    named += [quoted or plain for quoted, plain in _FORWARDED.findall(headers.get("forwarded", "")[:4096])]
    return any(not is_loopback(without_port(each.strip())) for each in named if each.strip())


def without_port(text: str) -> str:
    """The host of `host:port`; an address of IPv6 without brackets is one as a whole."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
