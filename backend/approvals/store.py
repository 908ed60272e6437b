"""Approvals in the database, inside the transaction of whoever asks; nothing is committed here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, select, update

from agents.errors import ToolFailed
from agents.events import ApprovalRequested
from agents.scheduler.approvals import journal_key
from agents.tools.arguments import checked_arguments
from agents.tools.ports import ToolSpec
from backend.approvals.tables import approvals
from backend.db.conflicts import without_conflict
from backend.db.tables import runs
from backend.errors import AlreadyDecided, Invalid, Missing, NotWaiting
from backend.runs.journal import add_records
from backend.runs.store import RunStore
from backend.runs.types import ACTIVE, WAITING, Run
from knowledge.types import Scope

Choice = Literal["approve", "reject"]
EXPIRED = "expired"


@dataclass(frozen=True, kw_only=True, slots=True)
class Decided:
    """What came of a decision. `resumed` is the run when it goes on because of it, held by who decided; `decision` is
    `expired` when it came too late."""

    decision: str
    run: Run
    resumed: bool


def add_requested(connection: Connection, asked: Sequence[tuple[str, ApprovalRequested]]) -> None:
    """Keep what runs ask for; what they asked before stays as it is."""
    now = datetime.now(UTC)
    for run_id, event in asked:
        owner = connection.execute(select(runs.c.workspace_id, runs.c.owner_id).where(runs.c.id == run_id)).one()
        row = {
            "id": event.approval_id,
            "workspace_id": owner.workspace_id,
            "owner_id": owner.owner_id,
            "run_id": run_id,
            "tool": event.tool,
            "arguments": event.arguments,
            "arguments_hash": _hash(event.tool, event.arguments),
            "parameters": event.parameters,
            "reason": event.reason,
            "risk": event.risk,
            "round": event.round,
            "requested_at": now,
            "expires_at": datetime.fromisoformat(event.expires_at),
            "comment": "",
        }
        connection.execute(without_conflict(connection, approvals), [row])


class ApprovalStore:
    """The approvals of runs that `scope` may see."""

    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope

    def decide(
        self,
        run_id: str,
        approval_id: str,
        decision: Choice,
        *,
        arguments: Mapping[str, Any] | None = None,
        comment: str = "",
        owner: str,
    ) -> Decided:
        """Decide, once: the decision, its entry in the run's journal and the run's going on are one transaction.

        The same decision again changes nothing. Raises Missing, AlreadyDecided, NotWaiting, Invalid for edited
        arguments that do not meet the tool's schema.
        """
        # The writer of the run's events holds this row, too, while it parks the run: so either it sees this decision,
        # or this decision sees a run that waits.
        self._connection.execute(select(runs.c.id).where(runs.c.id == run_id).with_for_update())
        runs_here = RunStore(self._connection, self._scope)
        run = runs_here.get(run_id)
        row = self._row(run_id, approval_id)
        if row.decision:
            return self._again(row, run, decision, arguments, comment)
        if run.status not in ACTIVE:
            raise NotWaiting("This run has ended, so nothing is waited for any more.")
        edited = None if arguments is None or decision == "reject" else _edited(row, arguments)
        late = row.expires_at <= datetime.now(UTC)
        made = EXPIRED if late else decision
        entry = {"decision": made, "comment": comment, "arguments": edited, "decided_by": self._scope.user_id}
        run, resumed = _settle(self._connection, row, entry, run, owner)
        return Decided(decision=made, run=run, resumed=resumed)

    def pending(self, run_id: str) -> list[str]:
        """The ids of what a run has asked and nobody has decided."""
        query = select(approvals.c.id).where(approvals.c.run_id == run_id, approvals.c.decision == "")
        return list(self._connection.execute(query.order_by(approvals.c.requested_at, approvals.c.id)).scalars())

    def _row(self, run_id: str, approval_id: str) -> Row[Any]:
        query = select(approvals).where(approvals.c.id == approval_id, approvals.c.run_id == run_id)
        row = self._connection.execute(query.with_for_update()).first()
        if row is None:
            raise Missing("This run asked for no such decision.")
        return row

    def _again(
        self, row: Row[Any], run: Run, decision: Choice, arguments: Mapping[str, Any] | None, comment: str
    ) -> Decided:
        same_arguments = arguments is None or dict(arguments) == (row.arguments if row.edited is None else row.edited)
        if row.decision != decision or comment not in ("", row.comment) or not same_arguments:
            raise AlreadyDecided(f"This was decided before: {row.decision}. A decision is made once.")
        return Decided(decision=row.decision, run=run, resumed=False)


def any_expired(connection: Connection, now: datetime) -> bool:
    """Whether somebody has not decided in time."""
    late = (
        select(approvals.c.id)
        .join(runs, runs.c.id == approvals.c.run_id)
        .where(approvals.c.decision == "", approvals.c.expires_at <= now, runs.c.status == WAITING)
    )
    return connection.execute(late.limit(1)).first() is not None


def expire(connection: Connection, now: datetime, *, owner: str, limit: int = 50) -> list[Run]:
    """What nobody decided in time counts as rejected; the runs that go on with that, held by `owner`."""
    late = (
        select(approvals)
        .join(runs, runs.c.id == approvals.c.run_id)
        .where(approvals.c.decision == "", approvals.c.expires_at <= now, runs.c.status == WAITING)
        .limit(limit)
    )
    resumed: list[Run] = []
    for row in connection.execute(late.with_for_update(skip_locked=True, of=approvals)).all():
        scope = Scope(workspace_id=row.workspace_id, user_id=row.owner_id)
        run = RunStore(connection, scope).get(row.run_id)
        entry = {"decision": EXPIRED, "comment": "", "arguments": None, "decided_by": ""}
        run, goes_on = _settle(connection, row, entry, run, owner)
        if goes_on:
            resumed.append(run)
    return resumed


def _settle(connection: Connection, row: Row[Any], entry: dict[str, Any], run: Run, owner: str) -> tuple[Run, bool]:
    """Write a decision; the run, and whether it goes on with it now rather than when it comes to wait."""
    changed = connection.execute(
        update(approvals)
        .where(approvals.c.id == row.id, approvals.c.decision == "")
        .values(
            decision=entry["decision"],
            comment=entry["comment"],
            edited=entry["arguments"],
            decided_by=entry["decided_by"],
            decided_at=datetime.now(UTC),
        )
    )
    if not changed.rowcount:
        raise AlreadyDecided("This was decided at the same moment by somebody else.")
    add_records(connection, [(run.id, journal_key(row.id), entry)])
    if run.status != WAITING:
        return run, False
    scope = Scope(workspace_id=row.workspace_id, user_id=row.owner_id)
    answer = {"approval_id": row.id, "decision": entry["decision"]}
    return RunStore(connection, scope).resume(run.id, answer, owner=owner), True


def _edited(row: Row[Any], arguments: Mapping[str, Any]) -> dict[str, Any] | None:
    """The arguments that are approved instead, checked as those of the call were; None when they are the same."""
    if not row.tool:
        raise Invalid("This is a question, which has no arguments: answer it in `comment`.")
    if dict(arguments) == row.arguments:
        return None
    spec = ToolSpec(name=row.tool, description="", parameters=row.parameters, risk=row.risk)
    try:
        return checked_arguments(spec, arguments)
    except ToolFailed as error:
        raise Invalid(str(error)) from None


def _hash(tool: str, arguments: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps([tool, arguments], sort_keys=True).encode(errors="replace")).hexdigest()
