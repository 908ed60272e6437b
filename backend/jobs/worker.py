"""The worker process: submits what waits, runs what the engine hands it, beats for it, takes over from the dead."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.exc import OperationalError

from backend.jobs import claims, registry
from backend.jobs.claims import ClaimLost
from backend.jobs.engine import DbosEngine, Workflow
from backend.jobs.events import JobCancelled
from backend.jobs.execution import Executor, Handler, Running
from backend.jobs.store import STUCK_AFTER
from knowledge.storage.database import Database

log = structlog.get_logger(__name__)

EXIT_HUNG = 75
LISTEN_WITHIN_S = 0.4
IDLE_BEAT_S = 4.0


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerOptions:
    """How a worker works; times in seconds."""

    concurrency: int = 2
    poll_s: float = 0.25
    """How often waiting jobs are looked for, and cancels."""
    beat_s: float = 1.0
    reconcile_s: float = 2.0
    abandoned_after_s: float = 30.0
    """A job or worker on another machine, silent for so long, is given up; on this machine a look is enough."""
    quiet_limit_s: float = 120.0
    """A handler that gives no sign of life for so long is no longer beaten for, and so shown as stuck."""
    hang_limit_s: float = 900.0
    """After that the process ends itself, for a thread cannot be stopped; whoever supervises it starts it again."""
    max_crashes: int = 20
    """Attempts in a row that may end without a word and without getting any further."""
    idle_release_s: float = 300.0
    """Without work for so long, the models are let go."""
    stop_grace_s: float = 4.0


class Worker:
    """Runs jobs until stopped. One per process (the engine allows no more)."""

    def __init__(
        self,
        database: Database,
        engine_url: str,
        handlers: Mapping[str, Handler],
        *,
        options: WorkerOptions | None = None,
        on_idle: Callable[[], None] = lambda: None,
    ) -> None:
        self._options = options or WorkerOptions()
        self._database = database
        self._on_idle = on_idle
        self.identity = registry.this_process()
        self._executor = Executor(database, self.identity.id, handlers)
        self._engine = DbosEngine(
            engine_url,
            self.identity.id,
            self._executor.run,
            concurrency=self._options.concurrency,
            poll_s=self._options.poll_s,
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._tend, name="job-tender", daemon=True)
        self._cancelled_at: dict[str, float] = {}
        self._busy_at = time.monotonic()
        self._beaten_at = 0.0

    def start(self) -> None:
        """Signs on and begins; returns once jobs are taken up."""
        with self._database.write() as connection:
            registry.sign_on(connection, self.identity)
        self._engine.start()
        self._thread.start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Waits until somebody stops the worker; True when that has happened."""
        return self._stop.wait(timeout_s)

    def ask_to_stop(self) -> None:
        """Makes `wait` return; safe in a signal handler."""
        self._stop.set()

    def stop(self) -> None:
        """Stops within a few seconds. What was running waits again, to be taken up where it was."""
        self._stop.set()
        self._executor.stop()
        deadline = time.monotonic() + self._options.stop_grace_s
        while self._executor.running() and time.monotonic() < deadline:
            time.sleep(0.02)
        with self._database.write() as connection:
            for running in self._executor.running():
                running.lost.set()
                self._try(claims.release, connection, running)
            registry.sign_off(connection, self.identity)
        if self._thread.is_alive():
            self._thread.join(timeout=2)
        self._engine.stop()

    def _tend(self) -> None:
        """The worker's second thread: everything that must go on while a job computes."""
        due = {self._beat: 0.0, self._reconcile: 0.0}
        every = {self._beat: self._options.beat_s, self._reconcile: self._options.reconcile_s}
        while not self._stop.is_set():
            try:
                self._submit()
                self._look_for_cancels()
                for action, when in due.items():
                    if time.monotonic() >= when:
                        action()
                        due[action] = time.monotonic() + every[action]
                self._release_when_idle()
            except OperationalError as error:
                log.warning("database_unreachable", reason=str(error.orig))
            except Exception:  # the outer edge of this thread: one bad round must not end a worker's care
                log.exception("job_tending_failed")
            self._stop.wait(self._options.poll_s)

    def _submit(self) -> None:
        with self._database.read() as connection:
            tickets = claims.unsubmitted(connection)
        if tickets:
            for ticket in tickets:
                self._engine.submit(ticket)
            with self._database.write() as connection:
                claims.mark_submitted(connection, tickets)

    def _beat(self) -> None:
        running = self._executor.running()
        if not running and time.monotonic() - self._beaten_at < IDLE_BEAT_S:
            return
        self._beaten_at = time.monotonic()
        alive = [each for each in running if each.quiet_s() < self._options.quiet_limit_s]
        with self._database.write() as connection:
            registry.beat(connection, self.identity)
            lost = claims.beat(connection, [each.claim for each in alive])
        for each in running:
            if each.claim.job_id in lost:
                each.lost.set()
            if each.quiet_s() > self._options.hang_limit_s:
                log.error("job_hangs", job=each.claim.job_id, quiet_s=round(each.quiet_s()))
                os._exit(EXIT_HUNG)

    def _look_for_cancels(self) -> None:
        running = {each.claim.job_id: each for each in self._executor.running()}
        if running:
            with self._database.read() as connection:
                asked = claims.cancels_asked(connection, running)
            for job_id in asked:
                self._cancel(running[job_id])

    def _cancel(self, running: Running) -> None:
        """Asks the handler to stop; one that cannot listen now (a model being loaded) is cancelled over its head."""
        asked = self._cancelled_at.setdefault(running.claim.job_id, time.monotonic())
        running.cancelled.set()
        if time.monotonic() - asked < LISTEN_WITHIN_S:
            return
        running.lost.set()
        with self._database.write() as connection:
            try:
                claims.finish(connection, running.claim, JobCancelled())
            except ClaimLost:
                log.debug("job_ended_meanwhile", job=running.claim.job_id)
        self._cancelled_at.pop(running.claim.job_id, None)

    def _reconcile(self) -> None:
        """Finds what dead workers left: their jobs wait again, and the engine hands their workflows to the living."""
        silent_for = timedelta(seconds=self._options.abandoned_after_s)
        with self._database.read() as connection:
            alive = registry.living(connection, silent_for) | {self.identity.id}
            rows = claims.running_rows(connection)
            waiting = claims.waiting_tickets(connection)
            dead = registry.dead(connection, alive, silent_for * 4)
        freed: set[str] = set()
        for row in rows:
            age = datetime.now(UTC) - row.heartbeat_at
            if row.worker_id not in alive or age > silent_for or self._dropped(row.id, row.worker_id, age):
                with self._database.write() as connection:
                    ended = claims.take_over(connection, row, max_crashes=self._options.max_crashes)
                if ended != "changed":
                    log.warning("job_taken_over", job=row.id, now=ended)
                    freed.add(row.id)
            elif age > STUCK_AFTER:
                with self._database.write() as connection:
                    claims.tell_stuck(connection, row)
        unfinished = self._engine.unfinished()
        for workflow in unfinished:
            if workflow.state == "running" and self._is_orphan(workflow, alive, freed):
                self._engine.resume(workflow)
        known = {(each.job_id, each.round) for each in unfinished}
        forgotten = [each for each in waiting if (each.job_id, each.round) not in known]
        if forgotten:
            with self._database.write() as connection:
                for ticket in forgotten:
                    claims.submit_again(connection, ticket)
        if dead:
            with self._database.write() as connection:
                registry.bury(connection, dead)

    def _dropped(self, job_id: str, worker_id: str, age: timedelta) -> bool:
        """A job of ours that no thread of ours works on: the database went away under it."""
        if worker_id != self.identity.id or age < timedelta(seconds=5):
            return False
        return job_id not in {each.claim.job_id for each in self._executor.running()}

    def _is_orphan(self, workflow: Workflow, alive: set[str], freed: set[str]) -> bool:
        return workflow.executor_id not in alive or (
            workflow.job_id in freed and workflow.executor_id != self.identity.id
        )

    def _release_when_idle(self) -> None:
        now = time.monotonic()
        if self._executor.running():
            self._busy_at = now
        elif self._busy_at and now - self._busy_at > self._options.idle_release_s:
            self._on_idle()
            self._busy_at = 0.0

    def _try(self, action: Callable[..., None], connection: object, running: Running) -> None:
        try:
            action(connection, running.claim)
        except ClaimLost:
            log.debug("job_ended_meanwhile", job=running.claim.job_id)
