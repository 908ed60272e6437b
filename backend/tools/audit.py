"""The record of calls: a row before each, another at its end, and nothing that changes them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, insert, select

from agents.tools.ports import ToolContext, ToolSpec
from backend.db.clock import database_now
from backend.db.paging import cut
from backend.tools.tables import audit_calls, audit_ends
from knowledge.ids import new_id
from knowledge.storage.database import Database
from knowledge.storage.paging import decode_cursor
from knowledge.types import Scope

RUNNING, INTERRUPTED = "running", "interrupted"
STATUSES = ("succeeded", "failed", "denied", "cancelled", RUNNING, INTERRUPTED)
GRACE_S = 60.0
"""A call that has no end so long after the time that it may take was broken off by the death of its process."""
LONGEST_TEXT = 2_000
"""So many characters of an argument are kept as they are."""
_DELETED_AT_ONCE = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditEntry:
    """A call as it was recorded. `status` is one of STATUSES; without an end the output's size and hash are None."""

    id: str
    user_id: str
    origin: str
    run_id: str
    thread_id: str
    call_id: str
    tool: str
    source: str
    risk: str
    arguments: Mapping[str, Any]
    decision: str
    decided_by: str
    status: str
    started_at: datetime
    finished_at: datetime | None
    duration_ms: float | None
    output_size: int | None
    output_hash: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditFilter:
    """What entries must meet; what is empty is not asked for. `since` counts, `until` does not."""

    tool: str = ""
    user: str = ""
    run: str = ""
    status: str = ""
    since: datetime | None = None
    until: datetime | None = None


class SqlToolAudit:
    """The ToolAudit of the scheduler, in the database. A row is committed when `begin` returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(
        self, spec: ToolSpec, arguments: Mapping[str, Any], context: ToolContext, *, decision: str, decided_by: str = ""
    ) -> str:
        """The id of the row of a call that is about to be made, or was denied; `arguments` are masked already."""
        audit_id = new_id()
        now = datetime.now(UTC)
        row = {
            "id": audit_id,
            "workspace_id": context.scope.workspace_id,
            "user_id": context.scope.user_id,
            "origin": context.origin,
            "run_id": context.run_id,
            "thread_id": context.thread_id,
            "call_id": context.call_id,
            "tool": spec.name,
            "source": spec.source,
            "risk": spec.risk,
            "arguments": shortened(arguments),
            "decision": decision,
            "decided_by": decided_by,
            "started_at": now,
            "deadline_at": now + timedelta(seconds=spec.timeout_s + GRACE_S),
        }
        await asyncio.to_thread(self._add, audit_calls, row)
        return audit_id

    async def end(self, audit_id: str, *, status: str, output: str, duration_ms: float) -> None:
        """Write how the call ended."""
        content = output.encode("utf-8", "replace")
        row = {
            "audit_id": audit_id,
            "status": status,
            "finished_at": datetime.now(UTC),
            "duration_ms": duration_ms,
            "output_size": len(content),
            "output_hash": hashlib.sha256(content).hexdigest(),
        }
        await asyncio.to_thread(self._add, audit_ends, row)

    def _add(self, table: Any, row: Mapping[str, Any]) -> None:
        with self._database.write() as connection:
            connection.execute(insert(table).values(row))


class AuditTrail:
    """The entries that a scope may read, inside the transaction of `connection`: those of its workspace."""

    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._mine = audit_calls.c.workspace_id == scope.workspace_id

    def page(self, wanted: AuditFilter, limit: int, cursor: str = "") -> tuple[list[AuditEntry], str | None]:
        """Entries, newest first, and the cursor of the next page."""
        query = self._query(wanted).limit(limit + 1)
        if cursor:
            query = query.where(audit_calls.c.id < decode_cursor(cursor, 1)[0])
        now = self._now()
        found = [_entry(row, now) for row in self._connection.execute(query)]
        return cut(found, limit, lambda entry: (entry.id,))

    def get(self, audit_id: str) -> AuditEntry | None:
        """The entry, if there is one."""
        row = self._connection.execute(self._query(AuditFilter()).where(audit_calls.c.id == audit_id)).first()
        return None if row is None else _entry(row, self._now())

    def _now(self) -> datetime:
        found: datetime = self._connection.execute(select(database_now())).scalar_one()
        return found

    def _query(self, wanted: AuditFilter) -> Select[Any]:
        joined = audit_calls.outerjoin(audit_ends, audit_ends.c.audit_id == audit_calls.c.id)
        query = select(audit_calls, audit_ends).select_from(joined).where(self._mine, *_conditions(wanted))
        return query.order_by(audit_calls.c.id.desc())


def prune_audit(database: Database, keep_days: int) -> Iterator[int]:
    """Delete entries older than so many days, all that there is to keep when it is 0; yields how many, in portions."""
    if keep_days <= 0:
        return
    before = datetime.now(UTC) - timedelta(days=keep_days)
    old = select(audit_calls.c.id).where(audit_calls.c.started_at < before).limit(_DELETED_AT_ONCE)
    while True:
        with database.write() as connection:
            ids = connection.execute(old).scalars().all()
            connection.execute(delete(audit_ends).where(audit_ends.c.audit_id.in_(ids)))
            connection.execute(delete(audit_calls).where(audit_calls.c.id.in_(ids)))
        if not ids:
            return
        yield len(ids)


def shortened(value: Any) -> Any:
    """Arguments for the record: a long text is told by its beginning, its length and its SHA-256."""
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        digest = hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()
        return f"{value[:LONGEST_TEXT]}… ({len(value):,} characters, SHA-256 {digest})"
    if isinstance(value, Mapping):
        return {str(name): shortened(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [shortened(each) for each in value]
    return value


def _conditions(wanted: AuditFilter) -> Sequence[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    for column, value in ((audit_calls.c.tool, wanted.tool), (audit_calls.c.user_id, wanted.user)):
        if value:
            found.append(column == value)
    if wanted.run:
        found.append(audit_calls.c.run_id == wanted.run)
    if wanted.since is not None:
        found.append(audit_calls.c.started_at >= wanted.since)
    if wanted.until is not None:
        found.append(audit_calls.c.started_at < wanted.until)
    if wanted.status:
        found.append(_has_status(wanted.status))
    return found


def _has_status(status: str) -> ColumnElement[bool]:
    no_end = audit_ends.c.audit_id.is_(None)
    if status == RUNNING:
        return and_(no_end, audit_calls.c.deadline_at >= database_now())
    if status == INTERRUPTED:
        return and_(no_end, audit_calls.c.deadline_at < database_now())
    return audit_ends.c.status == status


def _entry(row: Row[Any], now: datetime) -> AuditEntry:
    open_status = RUNNING if row.deadline_at >= now else INTERRUPTED
    return AuditEntry(
        id=row.id,
        user_id=row.user_id,
        origin=row.origin,
        run_id=row.run_id,
        thread_id=row.thread_id,
        call_id=row.call_id,
        tool=row.tool,
        source=row.source,
        risk=row.risk,
        arguments=row.arguments,
        decision=row.decision,
        decided_by=row.decided_by,
        status=row.status if row.status is not None else open_status,
        started_at=row.started_at,
        finished_at=row.finished_at,
        duration_ms=row.duration_ms,
        output_size=row.output_size,
        output_hash=row.output_hash,
    )
