"""Runs one attempt at a job in the thread it is called on, tells how far it is, and writes how it ended."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import structlog
from sqlalchemy import Connection, and_, update
from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError

from backend.db.clock import database_now
from backend.errors import NamedError
from backend.jobs.claims import ended
from backend.jobs.events import (
    JobCancelled,
    JobEnd,
    JobFailed,
    JobNoted,
    JobProgressed,
    JobQueued,
    JobSucceeded,
    Refusal,
    Stage,
)
from backend.jobs.kinds import Outcome, Steps
from backend.jobs.progress import Progress
from backend.jobs.queue import append_event
from backend.jobs.tables import jobs
from backend.jobs.types import Job
from knowledge.storage.database import Database

log = structlog.get_logger(__name__)

PROGRESS_EVERY_S = 0.5
UNREACHABLE = (OperationalError, InterfaceError, TimeoutError)
"""What a database that is away, or has no connection left, raises."""


class ClaimLost(Exception):
    """The job has been given to another worker, cancelled or deleted; whoever held it must stop."""


class Execution:
    """An attempt at a job, as the thread that drives it and those that watch over it see it. The events, once set,
    stop it at its next step: `cancelled` for good, `released` for another worker, `lost` because it is another's."""

    def __init__(
        self, database: Database, job: Job, worker_id: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.job = job
        self.cancelled, self.released, self.lost = threading.Event(), threading.Event(), threading.Event()
        self._database = database
        mine = and_(jobs.c.id == job.id, jobs.c.worker_id == worker_id, jobs.c.status == "running")
        self._held = update(jobs).where(mine, jobs.c.attempt == job.attempt)
        self._clock = clock
        self._last_step = self._cancelled_at = clock()

    def quiet_s(self) -> float:
        """Seconds since the job last gave a sign of life."""
        return self._clock() - self._last_step

    def cancel(self) -> float:
        """Asks the job to stop for good; seconds since that was asked for the first time."""
        if not self.cancelled.is_set():
            self._cancelled_at = self._clock()
            self.cancelled.set()
        return self._clock() - self._cancelled_at

    def beat(self, connection: Connection) -> None:
        """Says that the job is alive."""
        if not connection.execute(self._held.values(heartbeat_at=database_now(), told_stuck=False)).rowcount:
            self.lost.set()

    def end(self, event: JobEnd) -> None:
        """Writes that the job has ended so. Raises ClaimLost."""
        with self._database.write() as connection:
            self._write(connection, **ended(event))
            append_event(connection, self.job.id, event)

    def release(self) -> None:
        """Puts the job back to be taken up by any worker at once: this one is being stopped. Raises ClaimLost."""
        with self._database.write() as connection:
            self._write(connection, status="queued", worker_id="")
            append_event(connection, self.job.id, JobQueued())

    def run(self, begin: Callable[[], Steps]) -> None:
        """Drives what `begin` returns to its end, or until it is to stop, and leaves the row saying how it ended.

        Raises ClaimLost, and the errors of a database that cannot be reached.
        """
        progress = Progress(self.job)
        try:
            outcome = self._drive(begin(), progress)
            event: JobEnd | None = None if outcome is None else JobSucceeded(result=outcome.result)
        except (ClaimLost, *UNREACHABLE):
            raise
        except Exception as error:  # the outer edge of a job: whatever went wrong must end it, and say so
            event = self._failed(error)
        if self.lost.is_set():
            raise ClaimLost(self.job.id)
        if progress.changed:
            self._show(progress)
        if event is None and not self.cancelled.is_set():
            self.release()
            return
        try:
            self.end(event or JobCancelled())
        except (ClaimLost, *UNREACHABLE):
            raise
        except Exception as error:  # a result that cannot be stored must not leave the job running for ever
            self.end(self._failed(error))

    def _drive(self, steps: Steps, progress: Progress) -> Outcome | None:
        """What the job leaves behind, or None when it was stopped on the way."""
        outcome = Outcome()
        next_write = 0.0
        with contextlib.closing(steps):
            for step in steps:
                self._last_step = self._clock()
                if self.cancelled.is_set() or self.lost.is_set() or self.released.is_set():
                    return None
                match step:
                    case Stage():
                        progress.count(step)
                    case Refusal():
                        progress.refuse(step)
                    case JobNoted():
                        progress.note(step)
                    case Outcome():
                        outcome = step
                if progress.changed and time.monotonic() >= next_write:
                    self._show(progress)
                    next_write = time.monotonic() + PROGRESS_EVERY_S
        return outcome

    def _show(self, progress: Progress) -> None:
        stages, events = progress.stages(), progress.take_events()
        with self._database.write() as connection:
            self._write(
                connection,
                stages=[asdict(stage) for stage in stages],
                failures=[asdict(refusal) for refusal in progress.failures()],
                failure_count=progress.failure_count,
                heartbeat_at=database_now(),
            )
            for event in (*events, JobProgressed(stages=stages, failure_count=progress.failure_count)):
                append_event(connection, self.job.id, event)

    def _write(self, connection: Connection, **values: Any) -> None:
        if not connection.execute(self._held.values(**values)).rowcount:
            raise ClaimLost(self.job.id)

    def _failed(self, error: Exception) -> JobFailed:
        if isinstance(error, NamedError):
            return JobFailed(code=error.code, message=str(error))
        log.exception("job_failed", job=self.job.id, kind=self.job.kind)
        message = f"The job failed by a mistake of ours ({error!r}); see the log."
        return JobFailed(code="internal_error", message=message)
