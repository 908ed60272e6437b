"""The queue of jobs as callers see it: rows of the truth database, their events beside them."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ColumnElement, Connection, Row, Select, and_, delete, insert, literal, select, update
from sqlalchemy.exc import IntegrityError

from backend.db.clock import database_now
from backend.jobs.events import (
    CancelRequested,
    JobCancelled,
    JobEvent,
    JobProgressed,
    JobQueued,
    Refusal,
    Stage,
    decode_job_event,
    encode_job_event,
)
from backend.jobs.kinds import Arguments, JobKind
from backend.jobs.tables import job_arguments, job_events, jobs
from backend.jobs.types import Job, JobActive, JobNotFound, JobStatus, StoredJobEvent
from backend.processes.heartbeats import Heartbeats
from backend.processes.registry import ProcessRegistry
from knowledge.ids import new_id
from knowledge.types import Scope

STUCK_AFTER_S = 15.0
"""A running job is beaten for every second; silent for this long, it is called stuck. So is one no worker awaits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Silent:
    """A running job that has not been heard of for `silent_s`; `told_stuck` when its events say so already."""

    id: str
    heartbeat_at: datetime
    silent_s: float
    told_stuck: bool


class JobQueue:
    """Jobs of one database. Every method works inside the transaction of `connection` and leaves the commit to the
    caller; those that write need `Database.write()`. All raise JobNotFound for a job the scope may not see.

    Enqueuing is a row in the caller's own transaction: a job whose request was rolled back never existed, and a job
    that was committed is run even if no worker has ever been started yet. Workers find it within a second.
    """

    def __init__(
        self,
        kinds: Iterable[JobKind[Any]],
        processes: ProcessRegistry,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.kinds = {kind.name: kind for kind in kinds}
        self._processes = processes
        self._heartbeats = Heartbeats(clock)

    def enqueue(
        self,
        connection: Connection,
        scope: Scope,
        kind: str,
        arguments: Mapping[str, Any],
        *,
        knowledge_base_id: str | None = None,
        idempotency_key: str = "",
        run_at: datetime | None = None,
    ) -> Job:
        """The new job, to be run at once or not before `run_at`, or the one this owner made with the same non-empty key
        before. Raises ValueError for arguments that are not those of the kind."""
        known = self._made_before(connection, scope, idempotency_key)
        if known is None:
            given = self.kinds[kind].arguments.model_validate(arguments)
            row = _new_row(scope, kind, knowledge_base_id, idempotency_key, run_at)
            try:
                with connection.begin_nested():
                    connection.execute(insert(jobs).values(row))
                known = str(row["id"])
            except IntegrityError:  # the same key, at the same moment, in another process
                known = self._made_before(connection, scope, idempotency_key)
                if known is None:
                    raise
            else:
                stored = {"job_id": known, "arguments": given.model_dump(mode="json")}
                connection.execute(insert(job_arguments).values(stored))
                append_event(connection, known, JobQueued())
        return self.get(connection, scope, known)

    def get(self, connection: Connection, scope: Scope, job_id: str) -> Job:
        found = self._select(connection, jobs.c.id == job_id, _visible(scope))
        if not found:
            raise JobNotFound(f"There is no job {job_id!r}.")
        return found[0]

    def page(
        self,
        connection: Connection,
        scope: Scope,
        *,
        limit: int = 50,
        cursor: str = "",
        knowledge_base_id: str | None = None,
        status: Collection[JobStatus] = (),
        results: bool = True,
    ) -> tuple[list[Job], str | None]:
        """At most `limit` jobs, newest first, and the cursor of the next page (None on the last). Without `results`,
        which may be megabytes, they are not read, and empty."""
        conditions = [_visible(scope)]
        if cursor:
            conditions.append(jobs.c.id < cursor)
        if knowledge_base_id is not None:
            conditions.append(jobs.c.knowledge_base_id == knowledge_base_id)
        if status:
            conditions.append(jobs.c.status.in_(status))
        found = self._select(connection, *conditions, limit=limit + 1, results=results)
        return found[:limit], found[limit - 1].id if len(found) > limit else None

    def events(
        self, connection: Connection, scope: Scope, job_id: str, after: int = 0, limit: int = 500
    ) -> list[StoredJobEvent]:
        """The events with a number above `after`, in order."""
        self.get(connection, scope, job_id)
        rows = connection.execute(
            select(job_events.c.seq, job_events.c.data, job_events.c.created_at)
            .where(job_events.c.job_id == job_id, job_events.c.seq > after)
            .order_by(job_events.c.seq)
            .limit(limit)
        )
        return [StoredJobEvent(id=row.seq, event=decode_job_event(row.data), at=row.created_at) for row in rows]

    def cancel(self, connection: Connection, scope: Scope, job_id: str) -> Job:
        """A waiting job is cancelled at once, a running one within two seconds; a finished one is left as it is."""
        self.get(connection, scope, job_id)
        this = update(jobs).where(jobs.c.id == job_id).values(cancel_requested=True)
        waiting = this.where(jobs.c.status == "queued").values(status="cancelled", finished_at=database_now())
        running = this.where(jobs.c.status == "running", jobs.c.cancel_requested.is_(False))
        if connection.execute(waiting).rowcount:
            append_event(connection, job_id, JobCancelled())
        elif connection.execute(running).rowcount:
            append_event(connection, job_id, CancelRequested())
        return self.get(connection, scope, job_id)

    def retry(self, connection: Connection, scope: Scope, job_id: str) -> Job:
        """Queues a failed or cancelled job again; it goes on from what it had reached. Raises JobActive."""
        job = self.get(connection, scope, job_id)
        again = connection.execute(
            update(jobs)
            .where(jobs.c.id == job_id, jobs.c.status.in_(("failed", "cancelled")))
            .values(**_fresh(), run_at=None, failures=[], failure_count=0)
        )
        if not again.rowcount:
            raise JobActive(f"Job {job_id!r} is {job.status}; only a failed or cancelled job can be retried.")
        append_event(connection, job_id, JobQueued())
        return self.get(connection, scope, job_id)

    def arguments(self, connection: Connection, job: Job) -> Arguments:
        """What the job was asked to do; for whoever does it."""
        query = select(job_arguments.c.arguments).where(job_arguments.c.job_id == job.id)
        given: Arguments = self.kinds[job.kind].arguments.model_validate(connection.scalar(query))
        return given

    def silent(self, connection: Connection) -> list[Silent]:
        """The running jobs, of everybody, that are stuck; for workers and for whoever looks after the installation."""
        columns = (jobs.c.id, jobs.c.heartbeat_at, jobs.c.told_stuck, database_now().label("now"))
        rows = connection.execute(select(*columns).where(jobs.c.status == "running")).all()
        found = [(row, self._silent_s(row)) for row in rows]
        return [
            Silent(id=row.id, heartbeat_at=row.heartbeat_at, silent_s=silent_s, told_stuck=row.told_stuck)
            for row, silent_s in found
            if silent_s > STUCK_AFTER_S
        ]

    def _made_before(self, connection: Connection, scope: Scope, key: str) -> str | None:
        if not key:
            return None
        mine = and_(_visible(scope), jobs.c.owner_id == scope.user_id)
        return connection.scalar(select(jobs.c.id).where(mine, jobs.c.idempotency_key == key))

    def _select(
        self, connection: Connection, *conditions: ColumnElement[bool], limit: int = 1, results: bool = True
    ) -> list[Job]:
        columns: list[Any] = [each for each in jobs.c if results or each is not jobs.c.result]
        if not results:
            columns.append(literal({}, JSON).label("result"))
        query: Select[Any] = select(*columns, database_now().label("now")).where(*conditions)
        rows = connection.execute(query.order_by(jobs.c.id.desc()).limit(limit)).all()
        running = (row for row in rows if row.status == "running")
        stuck = {row.id for row in running if self._silent_s(row) > STUCK_AFTER_S}
        waiting = {row.id for row in rows if row.status == "queued" and _waited_s(row) > STUCK_AFTER_S}
        # Whether a worker lives is asked only when there is a job that has waited for one.
        if waiting and not self._processes.living(connection, "worker"):
            stuck |= waiting
        return [job_of(row, stuck=row.id in stuck) for row in rows]

    def _silent_s(self, row: Row[Any]) -> float:
        age_s = max(0.0, (row.now - row.heartbeat_at).total_seconds())
        return self._heartbeats.silent_s(row.id, row.heartbeat_at, age_s)


def append_event(connection: Connection, job_id: str, event: JobEvent) -> None:
    """Stores the event under the job's next number. Progress makes older progress superfluous."""
    seq = connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id)
        .values(last_event_id=jobs.c.last_event_id + 1)
        .returning(jobs.c.last_event_id)
    ).scalar_one()
    if isinstance(event, JobProgressed):
        connection.execute(delete(job_events).where(job_events.c.job_id == job_id, job_events.c.kind == event.kind))
    row = {"job_id": job_id, "seq": seq, "kind": event.kind, "data": encode_job_event(event)}
    connection.execute(insert(job_events).values({**row, "created_at": database_now()}))


def job_of(row: Row[Any], *, stuck: bool = False) -> Job:
    """The job in a row of its table."""
    given = {name: getattr(row, name) for name in Job.__dataclass_fields__ if name != "stuck"}
    given["stages"] = tuple(Stage(**each) for each in row.stages)
    given["failures"] = tuple(Refusal(**each) for each in row.failures)
    return Job(stuck=stuck, **given)


def _waited_s(row: Row[Any]) -> float:
    due: datetime = max(row.created_at, row.run_at or row.created_at)
    return float((row.now - due).total_seconds())


def _visible(scope: Scope) -> ColumnElement[bool]:
    """The one place where it is decided whose jobs a caller sees: those of the workspace, like its knowledge bases."""
    return jobs.c.workspace_id == scope.workspace_id


def _new_row(scope: Scope, kind: str, base_id: str | None, key: str, run_at: datetime | None) -> dict[str, Any]:
    return {
        "id": new_id(),
        "workspace_id": scope.workspace_id,
        "owner_id": scope.user_id,
        "kind": kind,
        "knowledge_base_id": base_id,
        "idempotency_key": key or None,
        "stages": [],
        "failures": [],
        "failure_count": 0,
        "result": {},
        "attempt": 0,
        "last_event_id": 0,
        "round": 0,
        "run_at": run_at,
        "created_at": database_now(),
        **_fresh(),
    }


def _fresh() -> dict[str, Any]:
    """What a job that waits for its first worker has, whether it is new or retried."""
    return {
        "status": "queued",
        "cancel_requested": False,
        "worker_id": "",
        "error": "",
        "error_code": "",
        "crashes": 0,
        "crash_reached": 0,
        "told_stuck": False,
        "finished_at": None,
    }
