"""Sessions of browsers: what they keep instead of the token. A session ends when somebody logs out."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta
from http.cookies import CookieError, SimpleCookie

from sqlalchemy import delete, insert, select

from backend.db.tables import sessions
from knowledge.storage.database import Database
from knowledge.types import Scope

COOKIE = "chatbot_session"
LIFETIME = timedelta(days=30)


class BrowserSessions:
    """Opens, finds and ends sessions. They are void when the token is another: it signs what browsers keep."""

    def __init__(self, database: Database, token: str) -> None:
        self._database = database
        self._key = token.encode()

    def open(self, scope: Scope) -> str:
        """The value of a new session's cookie."""
        session_id, now = secrets.token_urlsafe(32), datetime.now(UTC)
        with self._database.write() as connection:
            connection.execute(delete(sessions).where(sessions.c.expires_at < now))
            connection.execute(
                insert(sessions).values(
                    id_hash=_hash(session_id),
                    workspace_id=scope.workspace_id,
                    user_id=scope.user_id,
                    created_at=now,
                    expires_at=now + LIFETIME,
                )
            )
        return f"{session_id}.{self._signature(session_id)}"

    def find(self, cookie: str) -> Scope | None:
        """Whose session this is; None when it is none, or over."""
        session_id, _, signature = cookie.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(session_id).encode()):
            return None
        mine = (sessions.c.id_hash == _hash(session_id), sessions.c.expires_at >= datetime.now(UTC))
        with self._database.read() as connection:
            row = connection.execute(select(sessions).where(*mine)).first()
        return None if row is None else Scope(workspace_id=row.workspace_id, user_id=row.user_id)

    def end(self, cookie: str) -> None:
        """End a session, if it is one."""
        if self.find(cookie) is not None:
            with self._database.write() as connection:
                connection.execute(delete(sessions).where(sessions.c.id_hash == _hash(cookie.partition(".")[0])))

    def _signature(self, session_id: str) -> str:
        return hmac.new(self._key, f"browser session {session_id}".encode(), hashlib.sha256).hexdigest()


def session_cookie(header: str) -> str:
    """The session in a Cookie header; empty when there is none."""
    try:
        morsel = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _hash(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()
