"""The JobQueue on the truth database: jobs as rows, their events beside them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError

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
from backend.jobs.ports import FINISHED, Job, JobActive, JobKind, JobNotFound, JobStatus, StoredJobEvent
from backend.jobs.tables import job_events, jobs, workers
from knowledge.ids import new_id
from knowledge.types import Scope

STUCK_AFTER = timedelta(seconds=15)
"""A running job is beaten for every second; silent for this long, it is called stuck. So is one no worker awaits."""

_STAGE_FIELDS = frozenset(Stage.__dataclass_fields__)


class SqlJobQueue:
    """JobQueue (see the port). Enqueuing is an insert; workers look for new rows twice a second."""

    def enqueue(
        self,
        connection: Connection,
        scope: Scope,
        kind: JobKind,
        arguments: Mapping[str, Any],
        *,
        knowledge_base_id: str | None = None,
        idempotency_key: str = "",
    ) -> Job:
        known = self._made_before(connection, scope, idempotency_key)
        if known is None:
            row = _new_row(scope, kind, arguments, knowledge_base_id, idempotency_key)
            try:
                with connection.begin_nested():
                    connection.execute(insert(jobs).values(row))
                known = str(row["id"])
            except IntegrityError:  # the same key, at the same moment, in another process
                known = self._made_before(connection, scope, idempotency_key)
                if known is None:
                    raise
            else:
                append_event(connection, known, JobQueued())
        return self.get(connection, scope, known)

    def get(self, connection: Connection, scope: Scope, job_id: str) -> Job:
        row = connection.execute(select(jobs).where(jobs.c.id == job_id, _visible(scope))).one_or_none()
        if row is None:
            raise JobNotFound(f"There is no job {job_id!r}.")
        return _job(row, datetime.now(UTC), worker_alive(connection))

    def page(
        self,
        connection: Connection,
        scope: Scope,
        *,
        limit: int = 50,
        cursor: str = "",
        knowledge_base_id: str | None = None,
        status: Collection[JobStatus] = (),
    ) -> tuple[list[Job], str | None]:
        query = select(jobs).where(_visible(scope)).order_by(jobs.c.id.desc()).limit(limit + 1)
        if cursor:
            query = query.where(jobs.c.id < cursor)
        if knowledge_base_id is not None:
            query = query.where(jobs.c.knowledge_base_id == knowledge_base_id)
        if status:
            query = query.where(jobs.c.status.in_(status))
        now, awaited = datetime.now(UTC), worker_alive(connection)
        found = [_job(row, now, awaited) for row in connection.execute(query)]
        return found[:limit], found[limit - 1].id if len(found) > limit else None

    def events(
        self, connection: Connection, scope: Scope, job_id: str, after: int = 0, limit: int = 500
    ) -> list[StoredJobEvent]:
        self.get(connection, scope, job_id)
        rows = connection.execute(
            select(job_events.c.seq, job_events.c.data, job_events.c.created_at)
            .where(job_events.c.job_id == job_id, job_events.c.seq > after)
            .order_by(job_events.c.seq)
            .limit(limit)
        )
        return [StoredJobEvent(id=row.seq, event=decode_job_event(row.data), at=row.created_at) for row in rows]

    def cancel(self, connection: Connection, scope: Scope, job_id: str) -> Job:
        self.get(connection, scope, job_id)
        now = datetime.now(UTC)
        waiting = connection.execute(
            update(jobs)
            .where(jobs.c.id == job_id, jobs.c.status == "queued")
            .values(status="cancelled", cancel_requested=True, finished_at=now)
        )
        if waiting.rowcount:
            append_event(connection, job_id, JobCancelled())
            return self.get(connection, scope, job_id)
        running = connection.execute(
            update(jobs)
            .where(jobs.c.id == job_id, jobs.c.status == "running", jobs.c.cancel_requested.is_(False))
            .values(cancel_requested=True)
        )
        if running.rowcount:
            append_event(connection, job_id, CancelRequested())
        return self.get(connection, scope, job_id)

    def retry(self, connection: Connection, scope: Scope, job_id: str) -> Job:
        job = self.get(connection, scope, job_id)
        again = connection.execute(
            update(jobs)
            .where(jobs.c.id == job_id, jobs.c.status.in_(("failed", "cancelled")))
            .values(**_fresh(), round=jobs.c.round + 1, failures=[], failure_count=0)
        )
        if not again.rowcount:
            raise JobActive(f"Job {job_id!r} is {job.status}; only a failed or cancelled job can be retried.")
        append_event(connection, job_id, JobQueued())
        return self.get(connection, scope, job_id)

    def _made_before(self, connection: Connection, scope: Scope, key: str) -> str | None:
        if not key:
            return None
        mine = and_(_visible(scope), jobs.c.owner_id == scope.user_id)
        return connection.scalar(select(jobs.c.id).where(mine, jobs.c.idempotency_key == key))


def append_event(connection: Connection, job_id: str, event: JobEvent) -> int:
    """Stores the event under the job's next number and returns that. Progress makes older progress superfluous."""
    seq = connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id)
        .values(last_event_id=jobs.c.last_event_id + 1)
        .returning(jobs.c.last_event_id)
    ).scalar_one()
    if isinstance(event, JobProgressed):
        connection.execute(delete(job_events).where(job_events.c.job_id == job_id, job_events.c.kind == event.kind))
    connection.execute(
        insert(job_events).values(
            job_id=job_id, seq=seq, kind=event.kind, data=encode_job_event(event), created_at=datetime.now(UTC)
        )
    )
    return int(seq)


def worker_alive(connection: Connection) -> bool:
    """True when some worker has been heard of lately."""
    recently = datetime.now(UTC) - STUCK_AFTER
    return bool(connection.scalar(select(exists().where(workers.c.heartbeat_at > recently))))


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """How many workers live, and how many jobs of everybody are in each state; `stuck` ones are counted there too."""

    workers: int
    queued: int
    running: int
    stuck: int
    failed: int


def survey(connection: Connection) -> Survey:
    """The state of all jobs, for whoever looks after the installation."""
    recently = datetime.now(UTC) - STUCK_AFTER
    counts = {row[0]: row[1] for row in connection.execute(select(jobs.c.status, func.count()).group_by(jobs.c.status))}
    silent = select(func.count()).where(jobs.c.status == "running", jobs.c.heartbeat_at < recently)
    living = select(func.count()).select_from(workers).where(workers.c.heartbeat_at > recently)
    return Survey(
        workers=connection.scalar(living) or 0,
        queued=counts.get("queued", 0),
        running=counts.get("running", 0),
        stuck=connection.scalar(silent) or 0,
        failed=counts.get("failed", 0),
    )


def encode_stages(stages: tuple[Stage, ...]) -> list[dict[str, Any]]:
    return [asdict(stage) for stage in stages]


def decode_stages(stored: list[dict[str, Any]]) -> tuple[Stage, ...]:
    return tuple(Stage(**{name: value for name, value in stage.items() if name in _STAGE_FIELDS}) for stage in stored)


def _visible(scope: Scope) -> ColumnElement[bool]:
    """The one place where it is decided whose jobs a caller sees: those of the workspace, like its knowledge bases."""
    return jobs.c.workspace_id == scope.workspace_id


def _new_row(
    scope: Scope, kind: JobKind, arguments: Mapping[str, Any], knowledge_base_id: str | None, key: str
) -> dict[str, Any]:
    return {
        "id": new_id(),
        "workspace_id": scope.workspace_id,
        "owner_id": scope.user_id,
        "kind": kind,
        "knowledge_base_id": knowledge_base_id,
        "arguments": dict(arguments),
        "idempotency_key": key or None,
        "stages": [],
        "failures": [],
        "failure_count": 0,
        "result": {},
        "attempt": 0,
        "last_event_id": 0,
        "round": 1,
        "reached": 0,
        "created_at": datetime.now(UTC),
        "started_at": None,
        "heartbeat_at": None,
        **_fresh(),
    }


def _fresh() -> dict[str, Any]:
    """What a job that waits for its first worker has, whether it is new or retried."""
    return {
        "status": "queued",
        "cancel_requested": False,
        "submitted": False,
        "worker_id": "",
        "error": "",
        "error_code": "",
        "crashes": 0,
        "crash_reached": 0,
        "told_stuck": False,
        "finished_at": None,
    }


def _job(row: Row[Any], now: datetime, awaited: bool) -> Job:
    return Job(
        id=row.id,
        kind=row.kind,
        knowledge_base_id=row.knowledge_base_id,
        workspace_id=row.workspace_id,
        owner_id=row.owner_id,
        arguments=row.arguments,
        status=cast(JobStatus, row.status),
        stuck=_is_stuck(row, now, awaited),
        cancel_requested=row.cancel_requested,
        stages=decode_stages(row.stages),
        error=row.error,
        error_code=row.error_code,
        failures=tuple(Refusal(**failure) for failure in row.failures),
        failure_count=row.failure_count,
        result=row.result,
        attempt=row.attempt,
        last_event_id=row.last_event_id,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        heartbeat_at=row.heartbeat_at,
    )


def _is_stuck(row: Row[Any], now: datetime, awaited: bool) -> bool:
    if row.status in FINISHED:
        return False
    if row.status == "queued":
        return not awaited and now - row.created_at > STUCK_AFTER
    return row.heartbeat_at is None or now - row.heartbeat_at > STUCK_AFTER
