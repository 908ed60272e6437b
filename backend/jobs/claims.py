"""What workers do with the rows of jobs: take one up, tell how far it is, end it, and take over from the dead.

Every function works in the caller's transaction. A worker writes to a job only through its Claim; one that was given
up for dead in the meantime gets ClaimLost and must stop.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, and_, func, select, update

from backend.jobs.events import (
    FileRefused,
    JobCancelled,
    JobEvent,
    JobFailed,
    JobNoted,
    JobProgressed,
    JobQueued,
    JobStarted,
    JobStuck,
    JobSucceeded,
    Refusal,
    Stage,
)
from backend.jobs.store import append_event, decode_stages, encode_stages
from backend.jobs.tables import jobs
from knowledge.types import Scope


class ClaimLost(Exception):
    """The job has been given to another worker, cancelled or deleted; whoever held it must stop."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """A job in the engine's hands: the id of its workflow, and the line it waits in (one runs at a time in each)."""

    job_id: str
    round: int
    line: str

    @property
    def workflow_id(self) -> str:
        return f"{self.job_id}.{self.round}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A job taken up by a worker: what to do, and the fence its writes pass."""

    job_id: str
    attempt: int
    worker_id: str
    kind: str
    knowledge_base_id: str | None
    arguments: dict[str, Any]
    scope: Scope
    failures: tuple[Refusal, ...] = ()
    failure_count: int = 0
    stages: tuple[Stage, ...] = ()


def unsubmitted(connection: Connection) -> list[Ticket]:
    """The waiting jobs that the engine does not know yet, oldest first."""
    rows = connection.execute(
        select(jobs.c.id, jobs.c.round, jobs.c.knowledge_base_id)
        .where(jobs.c.status == "queued", jobs.c.submitted.is_(False))
        .order_by(jobs.c.id)
        .limit(1000)
    )
    return [Ticket(job_id=row.id, round=row.round, line=row.knowledge_base_id or row.id) for row in rows]


def mark_submitted(connection: Connection, tickets: Sequence[Ticket]) -> None:
    for ticket in tickets:
        connection.execute(
            update(jobs).where(jobs.c.id == ticket.job_id, jobs.c.round == ticket.round).values(submitted=True)
        )


def claim(connection: Connection, job_id: str, round_: int, worker_id: str) -> Claim | None:
    """Takes the job up, or returns None when this round of it is not waiting (cancelled, running, done, retried)."""
    now = datetime.now(UTC)
    row = connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.round == round_, jobs.c.status == "queued")
        .values(
            status="running",
            submitted=True,
            worker_id=worker_id,
            attempt=jobs.c.attempt + 1,
            started_at=func.coalesce(jobs.c.started_at, now),
            heartbeat_at=now,
            told_stuck=False,
        )
        .returning(jobs)
    ).one_or_none()
    if row is None:
        return None
    append_event(connection, job_id, JobStarted(attempt=row.attempt))
    return Claim(
        job_id=row.id,
        attempt=row.attempt,
        worker_id=worker_id,
        kind=row.kind,
        knowledge_base_id=row.knowledge_base_id,
        arguments=row.arguments,
        scope=Scope(workspace_id=row.workspace_id, user_id=row.owner_id),
        failures=tuple(Refusal(**failure) for failure in row.failures),
        failure_count=row.failure_count,
        stages=decode_stages(row.stages),
    )


def beat(connection: Connection, claims: Collection[Claim]) -> set[str]:
    """Says that these jobs are alive. Returns the ids of those that are no longer the caller's."""
    lost: set[str] = set()
    for held in claims:
        alive = connection.execute(
            update(jobs).where(_held(held)).values(heartbeat_at=datetime.now(UTC), told_stuck=False)
        )
        if not alive.rowcount:
            lost.add(held.job_id)
    return lost


def cancels_asked(connection: Connection, job_ids: Collection[str]) -> list[str]:
    """Those of these jobs whose owner wants them stopped."""
    wanted = select(jobs.c.id).where(jobs.c.id.in_(job_ids), jobs.c.cancel_requested.is_(True))
    return list(connection.scalars(wanted))


def record_progress(
    connection: Connection,
    held: Claim,
    stages: tuple[Stage, ...],
    *,
    events: Sequence[FileRefused | JobNoted],
    shown: Sequence[Refusal],
    failure_count: int,
) -> None:
    """Shows where the job stands. `shown` are its last failures, `events` what has not been told yet."""
    reached = sum(stage.done for stage in stages)
    _write(
        connection,
        held,
        stages=encode_stages(stages),
        failures=[asdict(refusal) for refusal in shown],
        failure_count=failure_count,
        reached=func.max(jobs.c.reached, reached)
        if connection.dialect.name == "sqlite"
        else func.greatest(jobs.c.reached, reached),
        heartbeat_at=datetime.now(UTC),
    )
    for event in events:
        append_event(connection, held.job_id, event)
    append_event(connection, held.job_id, JobProgressed(stages=stages, failure_count=failure_count))


def finish(connection: Connection, held: Claim, event: JobSucceeded | JobFailed | JobCancelled) -> None:
    """Ends the job as the event says. Raises ClaimLost."""
    _write(connection, held, **_ended(event))
    append_event(connection, held.job_id, event)


def release(connection: Connection, held: Claim) -> None:
    """Puts the job back to be taken up by any worker at once: this one is being stopped. Raises ClaimLost."""
    _write(connection, held, status="queued", submitted=False, round=jobs.c.round + 1, worker_id="")
    append_event(connection, held.job_id, JobQueued())


def running_rows(connection: Connection) -> list[Row[Any]]:
    """Every running job with what tells whether it is still being worked on."""
    return list(
        connection.execute(
            select(jobs.c.id, jobs.c.round, jobs.c.worker_id, jobs.c.heartbeat_at, jobs.c.told_stuck).where(
                jobs.c.status == "running"
            )
        )
    )


def waiting_tickets(connection: Connection) -> list[Ticket]:
    """The waiting jobs that the engine should know."""
    rows = connection.execute(
        select(jobs.c.id, jobs.c.round, jobs.c.knowledge_base_id).where(
            jobs.c.status == "queued", jobs.c.submitted.is_(True)
        )
    )
    return [Ticket(job_id=row.id, round=row.round, line=row.knowledge_base_id or row.id) for row in rows]


def tell_stuck(connection: Connection, row: Row[Any]) -> None:
    """Says once that nothing has been heard of a running job."""
    told = connection.execute(
        update(jobs)
        .where(jobs.c.id == row.id, jobs.c.status == "running", jobs.c.told_stuck.is_(False))
        .where(jobs.c.heartbeat_at == row.heartbeat_at)
        .values(told_stuck=True)
    )
    if told.rowcount:
        silent = (datetime.now(UTC) - row.heartbeat_at).total_seconds()
        append_event(connection, row.id, JobStuck(silent_s=round(silent, 1)))


def take_over(
    connection: Connection, row: Row[Any], *, max_crashes: int
) -> Literal["queued", "failed", "cancelled", "changed"]:
    """Frees a running job of a worker that is gone: it waits again, or ends when it has been the end of too many.

    Of several workers that try at once one succeeds; the others get "changed".
    """
    current = connection.execute(
        select(jobs).where(jobs.c.id == row.id, jobs.c.status == "running").with_for_update()
    ).one_or_none()
    if current is None or current.worker_id != row.worker_id or current.heartbeat_at != row.heartbeat_at:
        return "changed"
    crashes = 1 if current.reached > current.crash_reached else current.crashes + 1
    event: JobEvent
    if current.cancel_requested:
        event = JobCancelled()
        values = _ended(event)
    elif crashes >= max_crashes:
        event = JobFailed(code="worker_crashed", message=_poisoned(crashes))
        values = _ended(event)
    else:
        event = JobQueued()
        values = {"status": "queued"}
    connection.execute(
        update(jobs)
        .where(jobs.c.id == row.id)
        .values({**values, "worker_id": "", "crashes": crashes, "crash_reached": current.reached})
    )
    append_event(connection, row.id, event)
    return values["status"]  # type: ignore[no-any-return]


def submit_again(connection: Connection, ticket: Ticket) -> None:
    """For a waiting job of which the engine knows nothing more: it is submitted anew, as the next round."""
    connection.execute(
        update(jobs)
        .where(jobs.c.id == ticket.job_id, jobs.c.round == ticket.round, jobs.c.status == "queued")
        .values(submitted=False, round=jobs.c.round + 1)
    )


def _held(held: Claim) -> ColumnElement[bool]:
    return and_(
        jobs.c.id == held.job_id,
        jobs.c.worker_id == held.worker_id,
        jobs.c.attempt == held.attempt,
        jobs.c.status == "running",
    )


def _write(connection: Connection, held: Claim, **values: Any) -> None:
    if not connection.execute(update(jobs).where(_held(held)).values(**values)).rowcount:
        raise ClaimLost(held.job_id)


def _ended(event: JobSucceeded | JobFailed | JobCancelled) -> dict[str, Any]:
    values: dict[str, Any] = {"worker_id": "", "finished_at": datetime.now(UTC)}
    match event:
        case JobSucceeded(result=result):
            return values | {"status": "succeeded", "result": result, "error": "", "error_code": ""}
        case JobFailed(code=code, message=message):
            return values | {"status": "failed", "error": message, "error_code": code}
        case JobCancelled():
            return values | {"status": "cancelled"}


def _poisoned(crashes: int) -> str:
    return (
        f"The worker ended without a word {crashes} times in a row at the same point of this job, so it is not tried "
        "again by itself. A file that takes more memory than there is can be the cause; see the worker's log, remove "
        "the file and retry the job."
    )
