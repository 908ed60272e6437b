"""What workers do with the rows of jobs that they do not hold: find them, take them up, and give up on the hopeless.

Every function works in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, and_, func, or_, select, update

from backend.db.clock import database_now
from backend.jobs.events import JobCancelled, JobEnd, JobFailed, JobStarted, JobStuck, JobSucceeded
from backend.jobs.queue import Silent, append_event, job_of
from backend.jobs.tables import jobs
from backend.jobs.types import Job

_CRASHED = (
    "The worker ended without a word {crashes} times in a row at the same point of this job, so it is not tried again "
    "by itself. A file that takes more memory than there is can be the cause; see the worker's log, remove the file "
    "and retry the job."
)


def unclaimed(connection: Connection, living: Collection[str]) -> list[Row[Any]]:
    """The jobs that wait, and those whose worker is not among the living, oldest first."""
    orphaned = and_(jobs.c.status == "running", jobs.c.worker_id.notin_(living))
    columns = (jobs.c.id, jobs.c.round, jobs.c.status, jobs.c.worker_id, jobs.c.cancel_requested)
    query = select(*columns, jobs.c.knowledge_base_id, jobs.c.run_at, database_now().label("now"))
    return list(connection.execute(query.where(or_(jobs.c.status == "queued", orphaned)).order_by(jobs.c.id)))


def next_round(connection: Connection, row: Row[Any]) -> int | None:
    """The number under which the caller, and nobody else, may hand the job to the engine; None when it has changed."""
    mine = update(jobs).where(*_unchanged(row)).values(round=jobs.c.round + 1)
    round_: int | None = connection.scalar(mine.returning(jobs.c.round))
    return round_


def cancel_orphan(connection: Connection, row: Row[Any]) -> None:
    """Ends a job that somebody wanted cancelled while its worker died."""
    if connection.execute(update(jobs).where(*_unchanged(row)).values(**ended(JobCancelled()))).rowcount:
        append_event(connection, row.id, JobCancelled())


def claim(connection: Connection, job_id: str, round_: int, worker_id: str, max_crashes: int) -> Job | None:
    """The job, now this worker's; None when there is nothing to be done in this round of it, or nothing any more.

    A job that is running when it is taken up has ended its worker: after `max_crashes` of them in a row without any
    progress between, it is failed.
    """
    wanted = and_(jobs.c.id == job_id, jobs.c.round == round_, jobs.c.status.in_(("queued", "running")))
    row = connection.execute(select(jobs).where(wanted).with_for_update()).one_or_none()
    if row is None:
        return None
    values: dict[str, Any] = {"worker_id": worker_id, "status": "running", "attempt": row.attempt + 1}
    if row.status == "running":
        reached = sum(stage["done"] for stage in row.stages)
        values["crashes"] = 1 if reached > row.crash_reached else row.crashes + 1
        values["crash_reached"] = max(reached, row.crash_reached)
    started = {"started_at": func.coalesce(jobs.c.started_at, database_now()), "heartbeat_at": database_now()}
    event: JobStarted | JobEnd = JobStarted(attempt=row.attempt + 1)
    if row.cancel_requested:
        event = JobCancelled()
    elif values.get("crashes", 0) >= max_crashes:
        event = JobFailed(code="worker_crashed", message=_CRASHED.format(crashes=max_crashes))
    if isinstance(event, JobStarted):
        values |= {**started, "told_stuck": False}
    else:
        values |= ended(event)
    taken = connection.execute(update(jobs).where(jobs.c.id == job_id).values(**values).returning(jobs)).one()
    append_event(connection, job_id, event)
    return job_of(taken) if isinstance(event, JobStarted) else None


def cancels_asked(connection: Connection, job_ids: Collection[str]) -> list[str]:
    """Those of these jobs whose owner wants them stopped."""
    return list(connection.scalars(select(jobs.c.id).where(jobs.c.id.in_(job_ids), jobs.c.cancel_requested)))


def report_stuck(connection: Connection, job: Silent) -> None:
    """Says so, once, unless it has been heard of meanwhile."""
    same = and_(jobs.c.id == job.id, jobs.c.heartbeat_at == job.heartbeat_at, jobs.c.told_stuck.is_(False))
    if connection.execute(update(jobs).where(same).values(told_stuck=True)).rowcount:
        append_event(connection, job.id, JobStuck(silent_s=round(job.silent_s, 1)))


def ended(event: JobEnd) -> dict[str, Any]:
    """What the row of a job that ended so says."""
    values: dict[str, Any] = {"worker_id": "", "finished_at": database_now()}
    match event:
        case JobSucceeded(result=result):
            return values | {"status": "succeeded", "result": result, "error": "", "error_code": ""}
        case JobFailed(code=code, message=message):
            return values | {"status": "failed", "error": message, "error_code": code}
        case JobCancelled():
            return values | {"status": "cancelled"}


def _unchanged(row: Row[Any]) -> tuple[Any, ...]:
    same = (jobs.c.status == row.status, jobs.c.worker_id == row.worker_id)
    return (jobs.c.id == row.id, jobs.c.round == row.round, *same)
