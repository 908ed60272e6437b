"""Looking through all runs of a caller, and a whole run as one value to keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, select

from agents.phases.spec import encode_spec
from backend.db.paging import cut
from backend.db.tables import messages, run_events, runs
from backend.runs.store import RunStore, read_events, without_key
from backend.runs.types import Run, StoredEvent
from backend.threads.store import holds
from knowledge.storage.paging import decode_cursor
from knowledge.types import Scope

_MOST_EVENTS = 200_000


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFilters:
    """What narrows a list of runs; empty texts narrow nothing. `query`: words of the question or of the answer."""

    phase: str = ""
    status: str = ""
    query: str = ""
    tool: str = ""
    thread_id: str = ""


def list_runs(
    connection: Connection, scope: Scope, filters: RunFilters, limit: int, cursor: str = ""
) -> tuple[list[Run], str | None]:
    """The runs of a scope, the newest first."""
    conditions: list[ColumnElement[bool]] = [
        runs.c.workspace_id == scope.workspace_id,
        runs.c.owner_id == scope.user_id,
    ]
    for name in ("phase", "status", "thread_id"):
        if value := getattr(filters, name):
            conditions.append(runs.c[name] == value)
    if filters.query:
        said = exists().where(
            messages.c.id.in_([runs.c.user_message_id, runs.c.message_id]), holds(messages.c.text, filters.query)
        )
        conditions.append(said)
    if filters.tool:
        called = and_(run_events.c.run_id == runs.c.id, run_events.c.kind == "tool_called")
        conditions.append(exists().where(called, holds(run_events.c.data, f'"tool": "{filters.tool}"')))
    if cursor:
        conditions.append(runs.c.id < decode_cursor(cursor, 1)[0])
    query = select(runs.c.id).where(*conditions).order_by(runs.c.id.desc()).limit(limit + 1)
    ids, following = cut(connection.execute(query).scalars().all(), limit, lambda run_id: (run_id,))
    store = RunStore(connection, scope)
    return [store.get(run_id) for run_id in ids], following


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """A run with what it was asked and everything that happened; nothing secret is in it."""

    run: Run
    spec: Mapping[str, Any]
    events: tuple[StoredEvent, ...]


def read_trace(connection: Connection, scope: Scope, run_id: str) -> Trace:
    """Raises Missing."""
    run = RunStore(connection, scope).get(run_id)
    events = read_events(connection, run_id, 0, _MOST_EVENTS)
    return Trace(run=run, spec=without_key(encode_spec(run.spec)), events=tuple(events))
