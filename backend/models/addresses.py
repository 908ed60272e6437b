"""Addresses of models: what may be one, the origin a key is bound to, and the credentials that some hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote

from backend.errors import Invalid

_EXAMPLE = "The address of a model is a URL such as http://localhost:11434/v1."
NOWHERE = "nowhere:"
"""The origin of what is no address."""
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelAddress:
    """Where a model is. `url` holds no credentials, so that it may be shown; `origin` is what a key is bound to:
    scheme, host and port of the URL, or the provider of a model without one. `userinfo` is `user:password`."""

    url: str
    origin: str
    userinfo: str = field(default="", repr=False)


def parse_address(base_url: str, model: str) -> ModelAddress:
    """The address, as the client that sends requests understands it. Raises Invalid."""
    if not base_url.strip():
        return ModelAddress(url="", origin=f"provider:{model.partition(':')[0].strip().lower()}")
    import httpx2

    try:
        url = httpx2.URL(base_url.strip())
        host, port = url.raw_host.decode("ascii"), url.port or _PORTS.get(url.scheme, 0)
    except (httpx2.InvalidURL, ValueError, TypeError):
        raise Invalid(_EXAMPLE) from None
    if url.scheme not in _PORTS or not host or "%" in host or "\\" in base_url or not 0 < port < 65_536:
        raise Invalid(_EXAMPLE)
    name = f"[{host}]" if ":" in host else host
    shown = str(url.copy_with(username=None, password=None)) if url.userinfo else base_url.strip()
    userinfo = unquote(url.userinfo.decode("ascii", "replace"))
    return ModelAddress(url=shown, origin=f"{url.scheme}://{name}:{port}", userinfo=userinfo)


def with_userinfo(url: str, userinfo: str) -> str:
    """The address with `user:password` in it, for the client that sends them."""
    import httpx2

    user, _, password = userinfo.partition(":")
    return str(httpx2.URL(url).copy_with(username=user, password=password or None))


def known_address(base_url: str, model: str) -> ModelAddress:
    """As `parse_address`, for an address that was taken before; one that cannot be any is a place of its own."""
    try:
        return parse_address(base_url, model)
    except Invalid:
        return ModelAddress(url=base_url.rpartition("@")[2], origin=NOWHERE)
