"""Who makes a request: the local user where no token is set; elsewhere whoever sends it, or a session traded for it."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping

from backend.accounts.attempts import Attempts
from backend.accounts.guard import LOCAL
from backend.accounts.sessions import BrowserSessions, session_cookie
from backend.accounts.visits import Visit
from backend.errors import TokenRequired
from knowledge.storage.database import Database
from knowledge.types import Scope

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/api/v1/healthz", "/api/v1/readyz", "/api/v1/session"})
"""Answered without a token: they tell nothing, or are where the token is given."""


class Authentication:
    """Tells whose request it is."""

    def __init__(self, token: str, database: Database, attempts: Attempts | None = None) -> None:
        """`token` empty: nobody is asked for one."""
        self._token = token.encode()
        self._attempts = attempts or Attempts()
        self._sessions = BrowserSessions(database, token)

    @property
    def asks_for_token(self) -> bool:
        """Whether strangers are asked for a token."""
        return bool(self._token)

    async def scope_of(self, visit: Visit) -> Scope:
        """Whose rows the request may see. Raises TokenRequired, TooManyAttempts."""
        if not self._token or visit.path in OPEN_PATHS:
            return LOCAL
        given = _bearer(visit.headers)
        if given is not None:
            if self._attempts.judge(visit.client, hmac.compare_digest(given, self._token)):
                return LOCAL
        elif cookie := session_cookie(visit.headers.get("cookie", "")):
            found = await asyncio.to_thread(self._sessions.find, cookie)
            if found is not None:
                return found
        raise TokenRequired("Send the token of this server: `Authorization: Bearer <CHATBOT_TOKEN>`.")

    def open_session(self, token: str, client: str) -> str:
        """The cookie of a new session for whoever knows the token. Raises TokenRequired, TooManyAttempts."""
        if not self._attempts.judge(client, hmac.compare_digest(token.encode(), self._token)):
            raise TokenRequired("This is not the token of this server.")
        return self._sessions.open(LOCAL)

    def end_session(self, cookie_header: str) -> None:
        """End the session in a Cookie header, if there is one."""
        if self._token and (cookie := session_cookie(cookie_header)):
            self._sessions.end(cookie)


def _bearer(headers: Mapping[str, str]) -> bytes | None:
    """The token in an Authorization header, as the bytes that were sent."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    return given.strip().encode("latin-1", "replace") if scheme.lower() == "bearer" else None
