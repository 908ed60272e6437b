"""Which requests are answered at all: those made to a name of ours, and by pages of our own or none.

On loopback the danger is a web page open in the same browser: it can send requests to 127.0.0.1, and with a host name
of its own that resolves there (DNS rebinding) even read the answers. A page of another port of the same host is as
foreign as any. All of this shows in the headers Host, Origin and Sec-Fetch-Site.
"""

from __future__ import annotations

from dataclasses import dataclass

from backend.accounts.origins import Origin, is_loopback, read_authority, read_origin
from backend.accounts.visits import Visit
from backend.errors import Refused
from backend.settings import Settings
from knowledge.types import Scope

LOCAL = Scope(workspace_id="local", user_id="local")
"""The one user of the local mode."""

_TOKEN_NEEDED = "Others can reach this server by this way, so a token is needed: set CHATBOT_TOKEN."


@dataclass(frozen=True, kw_only=True, slots=True)
class Guard:
    """Decides for each request from its headers whether it is answered; who makes it is another question.

    `asks_for_token`: strangers are asked for one. `allowed_hosts` are answered to besides loopback names; empty: any,
    where we listen for others and ask for a token.
    """

    asks_for_token: bool
    bound_to_loopback: bool
    allowed_hosts: frozenset[str]
    allowed_origins: frozenset[Origin]

    @classmethod
    def of(cls, settings: Settings) -> Guard:
        """The guard that the settings ask for."""
        origins = (read_origin(origin) for origin in settings.api.allowed_origins)
        return cls(
            asks_for_token=bool(settings.token.get_secret_value()),
            bound_to_loopback=is_loopback(settings.api.host),
            allowed_hosts=frozenset(settings.api.allowed_hosts),
            allowed_origins=frozenset(origin for origin in origins if origin is not None),
        )

    def check(self, visit: Visit) -> None:
        """Raises Refused."""
        here = read_authority(visit.scheme, visit.headers.get("host", ""))
        if here is None:
            raise Refused("The Host header is missing or malformed.")
        self._check_host(here)
        origin = self._check_origin(here, visit)
        local = here.is_loopback and (origin is None or origin.is_loopback) and not visit.is_forwarded_from_afar
        if not self.asks_for_token and not local:
            raise Refused(_TOKEN_NEEDED)

    def _check_host(self, here: Origin) -> None:
        anywhere = not self.bound_to_loopback and not self.allowed_hosts
        if not anywhere and not here.is_loopback and here.name not in self.allowed_hosts:
            raise Refused(
                f"This server does not answer to the host name {here.name[:100]!r}. Name it in "
                "CHATBOT_API__ALLOWED_HOSTS if it should."
            )

    def _check_origin(self, here: Origin, visit: Visit) -> Origin | None:
        given = visit.headers.get("origin")
        if given is None:
            if not _may_lack_origin(visit):
                raise Refused("This request was made by a page of another site.")
            return None
        origin = read_origin(given)
        if origin is None or (origin != here and origin not in self.allowed_origins):
            raise Refused(
                f"Pages of {given[:200]!r} may not call this server. Name the origin in CHATBOT_API__ALLOWED_ORIGINS "
                "if they should."
            )
        return origin


def _may_lack_origin(visit: Visit) -> bool:
    """Programs send neither header, our pages are of the same origin; a link that somebody follows on another port of
    this host may open a download, and nothing else of another page may come without naming its origin."""
    site = visit.headers.get("sec-fetch-site", "none").lower()
    if site in ("none", "same-origin"):
        return True
    followed = (visit.headers.get("sec-fetch-mode"), visit.headers.get("sec-fetch-dest")) == ("navigate", "document")
    return site == "same-site" and followed and visit.method in ("GET", "HEAD")
