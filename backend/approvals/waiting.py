"""How long runs have waited for people."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from backend.approvals.tables import approvals
from backend.db.tables import runs


def waited_seconds(connection: Connection, run_ids: Collection[str]) -> dict[str, float]:
    """The seconds in which something was asked and not yet decided, by run; runs that never asked are left out. What
    nobody decided was waited for until its run ended, and does not count before that."""
    until = func.coalesce(approvals.c.decided_at, runs.c.finished_at)
    query = (
        select(approvals.c.run_id, approvals.c.requested_at, until.label("until"))
        .join(runs, runs.c.id == approvals.c.run_id)
        .where(approvals.c.run_id.in_(run_ids), until.is_not(None))
        .order_by(approvals.c.requested_at)
    )
    spans: dict[str, list[tuple[datetime, datetime]]] = {}
    for run_id, begun, ended in connection.execute(query):
        spans.setdefault(run_id, []).append((begun, ended))
    return {run_id: _together(each).total_seconds() for run_id, each in spans.items()}


def _together(spans: Iterable[tuple[datetime, datetime]]) -> timedelta:
    """What spans of time cover, once where they overlap; they come in the order of their beginnings."""
    covered, reached = timedelta(), None
    for begun, ended in spans:
        begun = begun if reached is None else max(begun, reached)
        if ended > begun:
            covered += ended - begun
            reached = ended
    return covered
