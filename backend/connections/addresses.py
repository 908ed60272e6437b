"""Addresses of platforms: what may be one for a kind, and what its secrets are bound to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from agents.tools.tcp.place import PORTS
from agents.tools.yaml.loading import platforms
from backend.errors import Invalid
from backend.models.addresses import NOWHERE, known_address, parse_address

_OPTIONS = frozenset(("sslmode",))


def checked_address(base_url: str, kind: str) -> str:
    """The address of a connection, which holds no credentials. Raises Invalid."""
    url = base_url.strip()
    toolset = platforms().get(kind)
    schemes = toolset.schemes if toolset is not None else ["http", "https"]
    if not set(schemes) & set(PORTS):
        return _checked_url(url)
    scheme = url.partition(":")[0].lower()
    if scheme not in schemes or _origin(url) == NOWHERE or "\\" in url or not url.isprintable():
        example = toolset.example_url if toolset else ""
        raise Invalid(
            f"The address of this platform is a URL such as {example}.", reason="address_form", example=example
        )
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise _holds_credentials()
    _check_options(parts.query)
    return url


def _checked_url(url: str) -> str:
    address = parse_address(url, "")
    if not address.url:
        example = "https://prometheus.example:9090"
        raise Invalid(f"The address of a platform is a URL such as {example}.", reason="address_form", example=example)
    if address.userinfo:
        raise _holds_credentials()
    return address.url


def _holds_credentials() -> Invalid:
    return Invalid(
        "Leave user and password out of the address: give them as auth.user and auth.password, with auth.kind basic.",
        reason="address_credentials",
    )


def _check_options(query: str) -> None:
    names = {part.partition("=")[0] for part in query.split("&") if part}
    if names - _OPTIONS:
        option = min(names - _OPTIONS)[:50]
        raise Invalid(
            f"{option!r} is no option of an address; there is sslmode.", reason="address_option", option=option
        )


def place_of(base_url: str, auth: Mapping[str, Any]) -> str:
    """What a connection's secrets are bound to: the origin of its address, and of the one its tokens come from."""
    origins = [_origin(base_url) if base_url else NOWHERE]
    if auth.get("token_url"):
        origins.append(known_address(auth["token_url"], "").origin)
    return " ".join(origins)


def _origin(url: str) -> str:
    scheme = url.partition(":")[0].lower()
    if scheme not in PORTS:
        return known_address(url, "").origin
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port or PORTS[scheme]
    except ValueError:
        return NOWHERE
    if not host or not url[len(scheme) :].startswith("://") or _is_no_host(host):
        return NOWHERE
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _is_no_host(host: str, others: Sequence[str] = ("%", ",", "/", " ")) -> bool:
    """Libraries read lists of hosts, and paths of sockets, where a host stands."""
    return not host.isascii() or any(sign in host for sign in others)
