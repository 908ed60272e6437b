"""What the database remembers of sessions: for people, and for whoever cleans up after a process that died."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, delete, insert, update

from backend.sandboxes.tables import sandbox_sessions
from sandbox.sessions.session import Session

KEPT = timedelta(days=30)


def record_session(connection: Connection, session: Session, process_id: str) -> None:
    """Note how the session stands now; the first time it is added."""
    now = datetime.now(UTC)
    changing = {
        "run_count": session.run_count,
        "end_reason": session.ended,
        "last_used_at": session.last_used_at,
        "ended_at": now if session.ended else None,
    }
    known = update(sandbox_sessions).where(sandbox_sessions.c.id == session.id).values(**changing)
    if connection.execute(known).rowcount:
        return
    connection.execute(
        insert(sandbox_sessions).values(
            id=session.id,
            workspace_id=session.owner.workspace_id,
            owner_id=session.owner.user_id,
            process_id=process_id,
            adapter=session.adapter,
            language=session.language,
            created_at=session.created_at,
            **changing,
        )
    )


def end_of_the_dead(connection: Connection, living: Collection[str]) -> int:
    """End the sessions of processes that do not live, forget those long over; returns how many were ended."""
    now = datetime.now(UTC)
    connection.execute(delete(sandbox_sessions).where(sandbox_sessions.c.ended_at < now - KEPT))
    lost = update(sandbox_sessions).where(
        sandbox_sessions.c.ended_at.is_(None), sandbox_sessions.c.process_id.not_in(list(living))
    )
    return connection.execute(lost.values(ended_at=now, end_reason="lost")).rowcount
