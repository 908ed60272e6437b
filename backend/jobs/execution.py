"""Runs one job in the thread it is called on: takes it up, follows its handler, tells how far it is, ends it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy.exc import OperationalError

from backend.errors import NamedError
from backend.jobs import claims
from backend.jobs.claims import Claim, ClaimLost
from backend.jobs.events import JobCancelled, JobFailed, JobNoted, JobSucceeded, Refusal
from backend.jobs.progress import Progress, StageCount
from knowledge.storage.database import Database

log = structlog.get_logger(__name__)

PROGRESS_EVERY_S = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a handler leaves behind: the job's result, JSON."""

    result: dict[str, Any] = field(default_factory=dict)


Step = StageCount | Refusal | JobNoted | Outcome | None
"""What a handler yields, about every second at least: a count, a file refused, a line for the log, its result, or None
to say that it is still at it."""

Handler = Callable[[Claim], Generator[Step, None, None]]
"""Does a job of one kind. It is closed to stop it, and started again to go on; what it commits must bear both. A
named error fails the job with its sentence; any other is a mistake of ours and says so."""


class Running:
    """A job that this process works on, as the thread that beats for it sees it."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.cancelled = threading.Event()
        self.lost = threading.Event()
        self.released = threading.Event()
        self._last_step = time.monotonic()

    def touch(self) -> None:
        self._last_step = time.monotonic()

    def quiet_s(self) -> float:
        """Seconds since the handler last gave a sign of life."""
        return time.monotonic() - self._last_step

    def must_stop(self) -> bool:
        return self.cancelled.is_set() or self.lost.is_set() or self.released.is_set()


class Executor:
    """Runs jobs one per calling thread; `running` is what it is at now, for whoever beats, cancels and stops."""

    def __init__(self, database: Database, worker_id: str, handlers: Mapping[str, Handler]) -> None:
        self._database = database
        self._worker_id = worker_id
        self._handlers = handlers
        self._lock = threading.Lock()
        self._running: dict[str, Running] = {}
        self._stopping = False

    def running(self) -> list[Running]:
        with self._lock:
            return list(self._running.values())

    def stop(self) -> None:
        """Lets every running job go at its next step, and takes up no other."""
        with self._lock:
            self._stopping = True
            for running in self._running.values():
                running.released.set()

    def run(self, job_id: str, round_: int) -> None:
        """Does the job, if this round of it still waits, and leaves its row saying how it ended."""
        with self._database.write() as connection:
            held = None if self._stopping else claims.claim(connection, job_id, round_, self._worker_id)
        if held is None:
            return
        running = Running(held)
        with self._lock:
            self._running[job_id] = running
            if self._stopping:
                running.released.set()
        try:
            self._follow(running)
        except ClaimLost:
            log.info("job_given_away", job=job_id)
        except OperationalError as error:
            # The database cannot be reached: the job falls silent and is taken over when it can be.
            log.warning("job_interrupted", job=job_id, reason=str(error.orig))
        finally:
            with self._lock:
                self._running.pop(job_id, None)

    def _follow(self, running: Running) -> None:
        held = running.claim
        progress = Progress(held.stages, held.failures, held.failure_count)
        try:
            outcome = self._drive(running, progress)
        except (ClaimLost, OperationalError):
            raise
        except Exception as error:  # the outer edge of a job: whatever went wrong must end it, and say so
            if not isinstance(error, NamedError):
                log.exception("job_failed", job=held.job_id, kind=held.kind)
            self._end(held, progress, _failure(error))
            return
        if running.lost.is_set():
            raise ClaimLost(held.job_id)
        if outcome is not None:
            self._end(held, progress, JobSucceeded(result=outcome.result))
        elif running.cancelled.is_set():
            self._end(held, progress, JobCancelled())
        else:
            with self._database.write() as connection:
                claims.release(connection, held)

    def _drive(self, running: Running, progress: Progress) -> Outcome | None:
        """The handler's outcome, or None when it was stopped on the way."""
        outcome = Outcome()
        next_write = 0.0
        handler = self._handlers[running.claim.kind]
        with contextlib.closing(handler(running.claim)) as steps:
            for step in steps:
                running.touch()
                if running.must_stop():
                    return None
                match step:
                    case StageCount():
                        progress.count(step)
                    case Refusal():
                        progress.refuse(step)
                    case JobNoted():
                        progress.note(step)
                    case Outcome():
                        outcome = step
                if progress.changed and time.monotonic() >= next_write:
                    self._write(running.claim, progress)
                    next_write = time.monotonic() + PROGRESS_EVERY_S
        return outcome

    def _write(self, held: Claim, progress: Progress) -> None:
        stages, events = progress.stages(), progress.take_events()
        with self._database.write() as connection:
            claims.record_progress(
                connection,
                held,
                stages,
                events=events,
                shown=progress.failures(),
                failure_count=progress.failure_count,
            )

    def _end(self, held: Claim, progress: Progress, event: JobSucceeded | JobFailed | JobCancelled) -> None:
        if progress.changed:
            self._write(held, progress)
        with self._database.write() as connection:
            claims.finish(connection, held, event)


def _failure(error: Exception) -> JobFailed:
    if isinstance(error, NamedError):
        return JobFailed(code=error.code, message=str(error))
    return JobFailed(code="internal_error", message=f"The job failed by a mistake of ours ({error!r}); see the log.")
