"""Forgetting how old runs came to their answers; the answers and their citations stay."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, exists, select

from agents.events import TERMINAL_KINDS
from backend.db.tables import run_events, runs
from backend.runs.types import ACTIVE
from knowledge.storage.database import Database

KEPT_KINDS = ("run_started", "cited", *sorted(TERMINAL_KINDS))
"""What is kept of a trace: what was asked, what is cited, and how it ended."""
BATCH = 100


def prune_traces(database: Database, before: datetime) -> int:
    """Delete the steps of runs that ended before this; how many runs that was. Short transactions, one after the
    other, so that nobody waits long."""
    pruned = 0
    while ids := _old(database, before):
        with database.write() as connection:
            connection.execute(
                delete(run_events).where(run_events.c.run_id.in_(ids), run_events.c.kind.notin_(KEPT_KINDS))
            )
        pruned += len(ids)
    return pruned


def _old(database: Database, before: datetime) -> list[str]:
    steps = exists().where(run_events.c.run_id == runs.c.id, run_events.c.kind.notin_(KEPT_KINDS))
    query = select(runs.c.id).where(runs.c.finished_at < before, runs.c.status.notin_(ACTIVE), steps).limit(BATCH)
    with database.read() as connection:
        return list(connection.execute(query).scalars())
