"""Runs in the database: their rows, their events, and who holds them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, select, text, update

from agents.events import RunCancelled, RunFailed, encode_event
from agents.phases.spec import Resume, RunSpec, decode_spec, encode_spec
from agents.scheduler.approvals import journal_key
from backend.approvals.waiting import waited_seconds
from backend.db.tables import messages, run_events, runs, threads
from backend.errors import Missing, NotWaiting
from backend.runs.journal import empty_journal, has_any
from backend.runs.types import ACTIVE, RUNNING, WAITING, Run, StoredEvent, StoredOutcome
from knowledge.text.storable import storable
from knowledge.types import Scope

_ADD_AT_ONCE = text(
    "INSERT INTO run_events (run_id, seq, kind, data) SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 "
    "FROM json_each(:rows)"
)


class RunStore:
    """The runs that `scope` may see, inside the transaction of `connection`; commits nothing."""

    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope

    def add(
        self,
        *,
        run_id: str,
        thread_id: str,
        message_id: str,
        user_message_id: str,
        spec: RunSpec,
        owner: str,
    ) -> Run:
        """A new run, held by the process that is about to begin it."""
        now = datetime.now(UTC)
        self._connection.execute(
            insert(runs).values(
                id=run_id,
                workspace_id=self._scope.workspace_id,
                owner_id=self._scope.user_id,
                thread_id=thread_id,
                message_id=message_id,
                user_message_id=user_message_id,
                phase=spec.phase,
                status=RUNNING,
                model="",
                error="",
                error_code="",
                request=encode_spec(spec),
                attempt=1,
                cancel_requested=False,
                lease_owner=owner,
                created_at=now,
            )
        )
        return self.get(run_id)

    def get(self, run_id: str) -> Run:
        """Raises Missing."""
        row = self._connection.execute(_query(runs.c.id == run_id, self._mine())).first()
        if row is None:
            raise Missing("There is no such run.")
        return replace(_run(row), waited_s=waited_seconds(self._connection, [run_id]).get(run_id, 0.0))

    def answering(self, user_message_id: str) -> str | None:
        """The run that is answering this message and has not ended."""
        query = select(runs.c.id).where(
            self._mine(), runs.c.user_message_id == user_message_id, runs.c.status.in_(ACTIVE)
        )
        return self._connection.execute(query).scalar()

    def request_cancel(self, run_id: str) -> Run:
        """Ask whoever runs it to stop; a waiting run ends here, one that has ended stays as it is. Raises Missing."""
        self.get(run_id)
        ask = update(runs).where(runs.c.id == run_id, runs.c.status.in_(ACTIVE)).values(cancel_requested=True)
        if self._connection.execute(ask.returning(runs.c.status)).scalar() == WAITING:
            cancel_waiting(self._connection, run_id)
        return self.get(run_id)

    def resume(self, run_id: str, answer: Any, *, owner: str) -> Run:
        """Answer what a run waits for: its next attempt, held by the process that is about to begin it, has the
        answer in its spec. Of two answers one is taken. Raises Missing, NotWaiting."""
        run = self.get(run_id)
        spec = replace(run.spec, resume=Resume(asked=run.waiting_for or {}, answer=answer))
        waiting = and_(runs.c.id == run_id, runs.c.status == WAITING, runs.c.attempt == run.attempt)
        taken = self._connection.execute(
            update(runs)
            .where(waiting)
            .values(
                status=RUNNING,
                request=encode_spec(spec),
                waiting_for=None,
                attempt=runs.c.attempt + 1,
                resumes=runs.c.resumes + 1,
                lease_owner=owner,
            )
        )
        if not taken.rowcount:
            raise NotWaiting("This run waits for no answer; it may have been answered or stopped already.")
        self._connection.execute(update(messages).where(messages.c.id == run.message_id).values(status=RUNNING))
        return self.get(run_id)

    def active_of(self, thread_id: str) -> list[str]:
        """The runs of a thread that have not ended."""
        query = select(runs.c.id).where(self._mine(), runs.c.thread_id == thread_id, runs.c.status.in_(ACTIVE))
        return list(self._connection.execute(query).scalars())

    def _mine(self) -> ColumnElement[bool]:
        return and_(runs.c.workspace_id == self._scope.workspace_id, runs.c.owner_id == self._scope.user_id)


def read_events(connection: Connection, run_id: str, after: int, limit: int = 2000) -> list[StoredEvent]:
    """The run's events with a number above `after`, in order; the caller has checked who asks."""
    query = (
        select(run_events.c.seq, run_events.c.kind, run_events.c.data)
        .where(run_events.c.run_id == run_id, run_events.c.seq > after)
        .order_by(run_events.c.seq)
        .limit(limit)
    )
    return [StoredEvent(seq=seq, kind=kind, data=data) for seq, kind, data in connection.execute(query)]


def add_events(connection: Connection, events: Sequence[tuple[str, StoredEvent]]) -> None:
    """Store events of runs that the caller holds."""
    if connection.dialect.name == "sqlite":
        # One step of one statement. A row each would let go of the interpreter's lock and wait for it again at every
        # row, which with a busy event loop beside it makes a batch of a hundred events take a tenth of a second.
        rows = [(run_id, each.seq, each.kind, storable(each.data)) for run_id, each in events]
        connection.execute(_ADD_AT_ONCE, {"rows": json.dumps(rows)})
        return
    connection.execute(
        insert(run_events),
        [{"run_id": run_id, "seq": each.seq, "kind": each.kind, "data": each.data} for run_id, each in events],
    )


def held(connection: Connection, ids: Collection[str], owner: str) -> set[str]:
    """Those of the runs that are still this owner's; nobody takes them over before the transaction ends."""
    query = select(runs.c.id).where(runs.c.id.in_(ids), runs.c.status == RUNNING, runs.c.lease_owner == owner)
    return set(connection.execute(query.with_for_update(read=True)).scalars())


def close(connection: Connection, run_id: str, outcome: StoredOutcome) -> None:
    """Write how an attempt ended into the row and the message of its run; the caller holds the run.

    A run that waits is let go of: its lease is nobody's.
    """
    row = connection.execute(
        select(runs.c.message_id, runs.c.thread_id, runs.c.request, runs.c.cancel_requested).where(runs.c.id == run_id)
    ).one()
    now = datetime.now(UTC)
    parked: dict[str, Any] = {"waiting_for": outcome.waiting_for, "lease_owner": ""}
    status = outcome.status
    if status == WAITING and _decided(connection, run_id, outcome.waiting_for or {}):
        # Decided on its way to be parked: whoever looks next for runs that nobody holds goes on with it.
        status, parked = RUNNING, {"waiting_for": None, "lease_owner": "", "resumes": runs.c.resumes + 1}
    ended: dict[str, Any] = {"waiting_for": None, "request": without_key(row.request), "finished_at": now}
    connection.execute(
        update(runs)
        .where(runs.c.id == run_id)
        .values(
            status=status,
            mode=outcome.mode,
            model=outcome.model,
            error=outcome.error,
            error_code=outcome.error_code,
            **(parked if outcome.status == WAITING else ended),
        )
    )
    connection.execute(
        update(messages)
        .where(messages.c.id == row.message_id)
        .values(
            status=status,
            text=outcome.text,
            mode=outcome.mode,
            model=outcome.model,
            verdict=outcome.verdict,
            error=outcome.error,
            citations=outcome.citations,
            uncited=outcome.uncited,
            nearest=outcome.nearest,
        )
    )
    connection.execute(update(threads).where(threads.c.id == row.thread_id).values(updated_at=now))
    if outcome.status != WAITING:
        empty_journal(connection, run_id)
    if status == WAITING and row.cancel_requested:
        cancel_waiting(connection, run_id)  # asked for while it was on its way to be parked


def _decided(connection: Connection, run_id: str, waiting_for: Mapping[str, Any]) -> bool:
    """Whether a person has decided on something that a run is about to wait for."""
    asked = [journal_key(each["approval_id"]) for each in waiting_for.get("approvals", ())]
    return bool(asked) and has_any(connection, run_id, asked)


def fail(connection: Connection, run_id: str, code: str, message: str) -> StoredEvent:
    """End a run that the caller holds as failed; what is stored of its text stays. The event that says so."""
    return _end(connection, run_id, RunFailed(code=code, message=message), "failed")


def cancel_waiting(connection: Connection, run_id: str) -> StoredEvent:
    """End a waiting run as cancelled, which nobody performs; its text stays. The event that says so."""
    return _end(connection, run_id, RunCancelled(text=text_so_far(connection, run_id)), "cancelled")


def _end(connection: Connection, run_id: str, event: RunFailed | RunCancelled, status: str) -> StoredEvent:
    """Append the last event of a run and close it with what is stored of it."""
    last = connection.execute(select(func.max(run_events.c.seq)).where(run_events.c.run_id == run_id)).scalar() or 0
    stored = StoredEvent(seq=last + 1, kind=event.kind, data=encode_event(event))
    add_events(connection, [(run_id, stored)])
    failed = event if isinstance(event, RunFailed) else None
    row = connection.execute(
        select(runs.c.mode, runs.c.model, messages.c.citations, messages.c.uncited, messages.c.nearest)
        .join(messages, messages.c.id == runs.c.message_id)
        .where(runs.c.id == run_id)
    ).one()
    outcome = StoredOutcome(
        status=status,
        text=text_so_far(connection, run_id),
        mode=row.mode,
        model=row.model,
        verdict=None,
        error=failed.message if failed else "",
        error_code=failed.code if failed else "",
        citations=row.citations,
        uncited=row.uncited,
        nearest=row.nearest,
    )
    close(connection, run_id, outcome)
    return stored


def text_so_far(connection: Connection, run_id: str) -> str:
    """What the present attempt of a run has written, from its stored events."""
    started = select(func.max(run_events.c.seq)).where(
        run_events.c.run_id == run_id, run_events.c.kind == "run_started"
    )
    begun = connection.execute(started).scalar() or 0
    query = (
        select(run_events.c.data)
        .where(run_events.c.run_id == run_id, run_events.c.seq > begun, run_events.c.kind == "text_delta")
        .order_by(run_events.c.seq)
    )
    return "".join(json.loads(data)["text"] for data in connection.execute(query).scalars())


def held_by(connection: Connection, owner: str) -> set[str]:
    """The runs that this owner still holds."""
    mine = and_(runs.c.status == RUNNING, runs.c.lease_owner == owner)
    return set(connection.execute(select(runs.c.id).where(mine)).scalars())


def release(connection: Connection, owner: str) -> None:
    """Give back every run of an owner, so that another process takes it up at once."""
    mine = and_(runs.c.status == RUNNING, runs.c.lease_owner == owner)
    connection.execute(update(runs).where(mine).values(lease_owner=""))


def cancelled(connection: Connection, owner: str) -> list[str]:
    """The owner's runs whose end somebody asked for."""
    query = select(runs.c.id).where(runs.c.status == RUNNING, runs.c.lease_owner == owner, runs.c.cancel_requested)
    return list(connection.execute(query).scalars())


def any_orphaned(connection: Connection, living: Collection[str]) -> bool:
    """Whether some run is held by none of the living."""
    return connection.execute(select(runs.c.id).where(_orphaned(living)).limit(1)).first() is not None


def status_of(connection: Connection, run_id: str) -> str | None:
    """The status of a run; None when it was deleted with its conversation. Only ACTIVE ones have events to come."""
    return connection.execute(select(runs.c.status).where(runs.c.id == run_id)).scalar()


def take_over(
    connection: Connection, owner: str, living: Collection[str], *, but: Collection[str] = (), limit: int = 50
) -> list[Run]:
    """The runs that none of the living holds, `but` some, now this owner's, each with its next attempt."""
    query = select(runs.c.id).where(_orphaned(living), runs.c.id.notin_(but)).limit(limit)
    ids = list(connection.execute(query.with_for_update(skip_locked=True)).scalars())
    if not ids:
        return []
    taken = update(runs).where(runs.c.id.in_(ids)).values(lease_owner=owner, attempt=runs.c.attempt + 1)
    connection.execute(taken)
    return [_run(row) for row in connection.execute(_query(runs.c.id.in_(ids)))]


def _orphaned(living: Collection[str]) -> ColumnElement[bool]:
    return and_(runs.c.status == RUNNING, runs.c.lease_owner.notin_(living))


def without_key(request: Mapping[str, Any]) -> dict[str, Any]:
    """The request without the key that was given for this run only."""
    model = request.get("model")
    return {**request, "model": {**model, "api_key": ""}} if isinstance(model, dict) else dict(request)


def _query(*conditions: ColumnElement[bool]) -> Any:
    last = select(func.max(run_events.c.seq)).where(run_events.c.run_id == runs.c.id).scalar_subquery()
    return select(runs, last.label("last_event_id")).where(*conditions)


def _spec(row: Row[Any]) -> RunSpec:
    """What is stored of earlier versions has neither phase nor scope; the row has both."""
    scope = {"workspace_id": row.workspace_id, "user_id": row.owner_id}
    return decode_spec({"phase": row.phase, "scope": scope, **row.request})


def _run(row: Row[Any]) -> Run:
    return Run(
        id=row.id,
        workspace_id=row.workspace_id,
        owner_id=row.owner_id,
        thread_id=row.thread_id,
        message_id=row.message_id,
        user_message_id=row.user_message_id,
        phase=row.phase,
        status=row.status,
        mode=row.mode,
        model=row.model,
        error=row.error,
        error_code=row.error_code,
        spec=_spec(row),
        waiting_for=row.waiting_for,
        attempt=row.attempt,
        resumes=row.resumes,
        cancel_requested=row.cancel_requested,
        last_event_id=row.last_event_id or 0,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )
