"""Who may speak to the API: foreign pages are kept out everywhere, strangers wherever a token is set.

On loopback the danger is a web page open in the same browser: it can send requests to 127.0.0.1, and with a host name
of its own that resolves there (DNS rebinding) even read the answers. Both show in the Host and Origin headers.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from backend.errors import Refused, TokenRequired
from backend.settings import Settings, is_loopback
from knowledge.types import Scope

COOKIE = "chatbot_session"
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/api/v1/healthz", "/api/v1/readyz", "/api/v1/session"})
"""Answered without a token: they tell nothing, or are where the token is given."""

LOCAL = Scope(workspace_id="local", user_id="local")
"""The one user of the local mode."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Guard:
    """Decides for each request whose it is, from its headers alone (names in lower case)."""

    token: str
    bound_to_loopback: bool
    allowed_hosts: frozenset[str]
    allowed_origins: frozenset[str]

    @classmethod
    def of(cls, settings: Settings) -> Guard:
        """The guard that the settings ask for."""
        return cls(
            token=settings.token.get_secret_value(),
            bound_to_loopback=is_loopback(settings.api.host),
            allowed_hosts=frozenset(name.lower() for name in settings.api.allowed_hosts),
            allowed_origins=frozenset(origin.lower().rstrip("/") for origin in settings.api.allowed_origins),
        )

    def admit(self, path: str, headers: Mapping[str, str]) -> Scope:
        """Whose rows the request may see. Raises Refused (foreign page) or TokenRequired."""
        host = _hostname(headers.get("host", ""))
        self._check_host(host)
        self._check_origin(host, headers)
        if self.token and path not in OPEN_PATHS:
            self._check_token(headers)
        return LOCAL

    def matches(self, token: str) -> bool:
        """Whether this is the token, compared in constant time; never when none is set."""
        return bool(self.token) and hmac.compare_digest(token.encode(), self.token.encode())

    def cookie_value(self) -> str:
        """What a browser keeps instead of the token; it becomes void when the token changes."""
        return hmac.new(self.token.encode(), b"browser session", hashlib.sha256).hexdigest()

    def _check_host(self, host: str) -> None:
        anywhere = not self.bound_to_loopback and not self.allowed_hosts
        if not anywhere and not is_loopback(host) and host not in self.allowed_hosts:
            raise Refused(
                f"This server does not answer to the host name {host[:100]!r}. Name it in CHATBOT_API__ALLOWED_HOSTS "
                "if it should."
            )

    def _check_origin(self, host: str, headers: Mapping[str, str]) -> None:
        origin = headers.get("origin")
        if origin is None:
            if headers.get("sec-fetch-site", "").lower() == "cross-site":
                raise Refused("This request was made by a page of another site.")
            return
        name = _hostname(urlsplit(origin).netloc if _is_url(origin) else "")
        own = name and (name == host or (self.bound_to_loopback and is_loopback(name)))
        if not own and origin.lower().rstrip("/") not in self.allowed_origins:
            raise Refused(
                f"Pages of {origin[:200]!r} may not call this server. Name the origin in CHATBOT_API__ALLOWED_ORIGINS "
                "if they should."
            )

    def _check_token(self, headers: Mapping[str, str]) -> None:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.matches(given.strip()):
            return
        cookie = _cookie(headers.get("cookie", ""))
        if cookie and hmac.compare_digest(cookie.encode(), self.cookie_value().encode()):
            return
        raise TokenRequired("Send the token of this server: `Authorization: Bearer <CHATBOT_TOKEN>`.")


def _is_url(origin: str) -> bool:
    return origin.lower().startswith(("http://", "https://"))


def _hostname(authority: str) -> str:
    """The name in `name:port`, in lower case; `[::1]:80` is `::1`. Empty for what is none."""
    authority = authority.strip().lower()
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    return authority.rpartition("@")[2].partition(":")[0].rstrip(".")


def _cookie(header: str) -> str:
    try:
        morsel = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""
