"""The journals of runs in the database: what their attempts have recorded, by key."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, select

from backend.db.conflicts import without_conflict
from backend.db.tables import run_journal
from knowledge.text.storable import storable


def add_records(connection: Connection, records: Sequence[tuple[str, str, Mapping[str, Any]]]) -> None:
    """Record steps as (run, key, value); a step that is recorded already stays as it is."""
    if not records:
        return
    now = datetime.now(UTC)
    rows = [
        {"run_id": run_id, "key": key, "value": storable(json.dumps(value, ensure_ascii=False)), "created_at": now}
        for run_id, key, value in records
    ]
    connection.execute(without_conflict(connection, run_journal), rows)


def read_journal(connection: Connection, run_id: str) -> dict[str, Any]:
    """Everything that a run has recorded."""
    query = select(run_journal.c.key, run_journal.c.value).where(run_journal.c.run_id == run_id)
    return {key: json.loads(value) for key, value in connection.execute(query)}


def has_any(connection: Connection, run_id: str, keys: Collection[str]) -> bool:
    """Whether one of these steps is recorded."""
    query = select(run_journal.c.key).where(run_journal.c.run_id == run_id, run_journal.c.key.in_(keys)).limit(1)
    return connection.execute(query).first() is not None


def empty_journal(connection: Connection, run_id: str) -> None:
    """Forget the journal of a run that has ended: nobody goes on with it, and its events tell what happened."""
    connection.execute(delete(run_journal).where(run_journal.c.run_id == run_id))
