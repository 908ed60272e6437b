"""The worker: submits jobs to the engine, runs what that dispatches, keeps its heartbeat, and stops when told to."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from backend.jobs import claims
from backend.jobs.engine import DbosEngine, EngineLost, engine_url, workflow_id
from backend.jobs.events import JobCancelled
from backend.jobs.execution import UNREACHABLE, ClaimLost, Execution
from backend.jobs.kinds import Steps
from backend.jobs.queue import JobQueue
from backend.jobs.types import Job
from backend.processes.identity import this_process
from backend.processes.registry import SILENT_AFTER_S, ProcessRegistry
from knowledge.storage.database import Database

if TYPE_CHECKING:
    from backend.bootstrap import Container
    from backend.settings import RunSettings, Settings

log = structlog.get_logger(__name__)

EXIT_RESTART = 75
"""How a worker ends that is to be started again."""
LISTEN_WITHIN_S = 0.4


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerOptions:
    """How a worker works; times in seconds."""

    concurrency: int = 2
    poll_s: float = 0.25
    """How often waiting jobs are looked for, and cancels."""
    beat_s: float = 1.0
    idle_beat_s: float = 4.0
    """How often a worker says that it lives while it has nothing to do."""
    reconcile_s: float = 2.0
    retry_s: float = 1.0
    """A job that the database broke off is begun again after so long."""
    silent_after_s: float = SILENT_AFTER_S
    """A worker on another machine, silent for so long, is given up; on this machine a look is enough."""
    quiet_limit_s: float = 120.0
    """A job that gives no sign of life for so long is no longer beaten for, and so shown as stuck."""
    hang_limit_s: float = 150.0
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
        queue: JobQueue,
        engine_url: str,
        container: Any,
        *,
        options: WorkerOptions | None = None,
        on_idle: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        end_process: Callable[[int], object] = os._exit,
    ) -> None:
        """`container` is what kinds of jobs work with, `clock` tells how long a job has been quiet."""
        self._options = options or WorkerOptions()
        self._database = database
        self._queue = queue
        self._container = container
        self._on_idle = on_idle
        self._clock = clock
        self._end_process = end_process
        self.exit_code = 0
        self.processes = ProcessRegistry(this_process("worker"), silent_after_s=self._options.silent_after_s)
        self.id = self.processes.me.id
        self._engine = DbosEngine(engine_url, self.id, self._run, self._options.concurrency)
        self._executions: dict[str, Execution] = {}
        self._submitted: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._maintain, name="job-maintenance", daemon=True)
        self._busy_at = time.monotonic()
        self._beaten_at = 0.0

    def start(self) -> None:
        """Signs on and begins; returns once jobs are taken up."""
        with self._database.write() as connection:
            self.processes.beat(connection)
        self._engine.start(self._options.poll_s)
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
        for execution in self._running():
            execution.released.set()
        deadline = time.monotonic() + self._options.stop_grace_s
        while self._executions and time.monotonic() < deadline:
            time.sleep(0.02)
        for execution in self._running():  # those that did not listen
            self._unless_lost(execution.release)
            execution.lost.set()
        with self._database.write() as connection:
            self.processes.sign_off(connection)
        if self._thread.is_alive():
            self._thread.join(timeout=2)
        self._engine.stop()

    def _running(self) -> list[Execution]:
        return list(self._executions.values())

    def _run(self, job_id: str, round_: int) -> None:
        """Does a round of a job, however often the database fails meanwhile. Each beginning counts as a crash, so that
        what fails for ever ends the job."""
        while not self._stop.is_set():
            try:
                self._attempt(job_id, round_)
            except ClaimLost:
                log.info("job_given_away", job=job_id)
            except UNREACHABLE as error:
                log.warning("job_interrupted", job=job_id, reason=str(error))
                self._stop.wait(self._options.retry_s)
                continue
            except Exception:  # the outer edge of a round: this worker lives, so nobody else would take the job up
                log.exception("job_broken_off", job=job_id)
                self._stop.wait(self._options.retry_s)
                continue
            return

    def _attempt(self, job_id: str, round_: int) -> None:
        with self._database.write() as connection:
            job = claims.claim(connection, job_id, round_, self.id, self._options.max_crashes)
        if job is None:
            return
        execution = self._executions[job_id] = Execution(self._database, job, self.id, clock=self._clock)
        if self._stop.is_set():
            execution.released.set()
        try:
            execution.run(partial(self._begin, job))
        finally:
            del self._executions[job_id]

    def _begin(self, job: Job) -> Steps:
        with self._database.read() as connection:
            arguments = self._queue.arguments(connection, job)
        return self._queue.kinds[job.kind].run(self._container, job, arguments)

    def _maintain(self) -> None:
        """The worker's second thread: everything that must go on while a job computes."""
        options = self._options
        due = {
            self._submit: options.poll_s,
            self._cancel: options.poll_s,
            self._beat: options.beat_s,
            self._end_when_hung: options.beat_s,
            self._reconcile: options.reconcile_s,
            self._release_when_idle: options.reconcile_s,
        }
        at = dict.fromkeys(due, 0.0)
        while not self._stop.is_set():
            for action, every in due.items():
                if time.monotonic() >= at[action]:
                    at[action] = time.monotonic() + every
                    try:
                        action()
                    except UNREACHABLE as error:
                        log.warning("database_unreachable", reason=str(error))
                    except EngineLost as error:
                        log.error("job_engine_lost", reason=str(error))
                        self.exit_code = EXIT_RESTART
                        self._stop.set()
                    except Exception:  # the outer edge of this thread: one bad round must not end it
                        log.exception("job_maintenance_failed")
            self._stop.wait(options.poll_s)

    def _submit(self) -> None:
        """Gives the engine the jobs that nobody holds and that it does not know."""
        with self._database.read() as connection:
            living = self.processes.living(connection) | {self.id}
            rows = claims.unclaimed(connection, living)
        if all(workflow_id(row.id, row.round) in self._submitted for row in rows):
            return
        # Asked after the rows were read: what ended in between has changed its row, and is not given a next round.
        self._submitted = self._engine.recover(living)
        for row in rows:
            if row.status == "running" and row.cancel_requested:
                with self._database.write() as connection:
                    claims.cancel_orphan(connection, row)
            elif workflow_id(row.id, row.round) not in self._submitted:
                with self._database.write() as connection:
                    round_ = claims.next_round(connection, row)
                if round_ is not None:
                    delay_s = (row.run_at - row.now).total_seconds() if row.run_at else 0.0
                    self._engine.submit(row.id, round_, partition=row.knowledge_base_id or row.id, delay_s=delay_s)
                    self._submitted.add(workflow_id(row.id, round_))

    def _beat(self) -> None:
        running = self._running()
        if not running and time.monotonic() - self._beaten_at < self._options.idle_beat_s:
            return
        self._beaten_at = time.monotonic()
        with self._database.write() as connection:
            self.processes.beat(connection)
            for execution in running:
                if execution.quiet_s() < self._options.quiet_limit_s:
                    execution.beat(connection)

    def _end_when_hung(self) -> None:
        """Ends the process as `kill -9` would, so that what it was at is taken up again, and a crash of that job."""
        for execution in self._running():
            if execution.quiet_s() > self._options.hang_limit_s:
                log.error("job_hangs", job=execution.job.id, quiet_s=round(execution.quiet_s()))
                self._end_process(EXIT_RESTART)

    def _release_when_idle(self) -> None:
        """Lets the models go once there has been nothing to do for a while."""
        if self._executions:
            self._busy_at = time.monotonic()
        elif self._busy_at and time.monotonic() - self._busy_at > self._options.idle_release_s:
            self._busy_at = 0.0
            self._on_idle()

    def _cancel(self) -> None:
        """Asks the job to stop; one in a step that lasts (a model being loaded) is cancelled all the same."""
        running = {execution.job.id: execution for execution in self._running()}
        if not running:
            return
        with self._database.read() as connection:
            asked = claims.cancels_asked(connection, running)
        for execution in (running[job_id] for job_id in asked):
            if execution.cancel() > LISTEN_WITHIN_S:
                execution.lost.set()
                self._unless_lost(partial(execution.end, JobCancelled()))

    def _reconcile(self) -> None:
        """Recovers what the dead left, forgets them and what has ended, and tells which jobs are stuck."""
        with self._database.read() as connection:
            living = self.processes.living(connection) | {self.id}
            dead = self.processes.dead(connection)
            silent = [job for job in self._queue.silent(connection) if not job.told_stuck]
        self._submitted = self._engine.recover(living)
        if dead or silent:
            with self._database.write() as connection:
                self.processes.forget(connection, dead)
                for job in silent:
                    claims.report_stuck(connection, job)

    def _unless_lost(self, action: Callable[[], None]) -> None:
        try:
            action()
        except ClaimLost:
            log.debug("job_ended_meanwhile")


def make_worker(container: Container) -> Worker:
    """A worker on the container's database that does every kind of job."""
    settings = container.settings
    url = engine_url(settings.effective_database_url, settings.data_dir.expanduser().absolute())
    return Worker(
        container.database,
        container.jobs,
        url,
        container,
        options=options_for(settings.runs),
        on_idle=partial(_release_models, container),
    )


def options_for(runs: RunSettings) -> WorkerOptions:
    """Options under which workers and the processes that answer take each other for alive: these beat three times in
    `lease_seconds`, and judge by them."""
    usual = WorkerOptions()
    return replace(
        usual,
        silent_after_s=max(usual.silent_after_s, runs.lease_seconds),
        idle_beat_s=min(usual.idle_beat_s, runs.lease_seconds / 3),
    )


def run_worker(settings: Settings) -> None:
    """Works until the process is told to stop, then gives what it was at to the next worker."""
    from backend.bootstrap import build
    from backend.telemetry import configure_logging

    configure_logging(settings)
    container = build(settings)
    worker = make_worker(container)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, frame: worker.ask_to_stop())
    worker.start()
    log.info("worker_started", worker=worker.id)
    worker.wait()
    worker.stop()
    container.close()
    log.info("worker_stopped", worker=worker.id)
    sys.stdout.flush()
    sys.stderr.flush()
    # A job that did not listen still holds a thread; it is another worker's now, and must not keep us.
    os._exit(worker.exit_code)


def _release_models(container: Container) -> None:
    """Gives the memory of models back, and removes what nothing refers to any more."""
    for embedder in container.embedders.values():
        embedder.close()
    threading.Thread(target=_collect_garbage, args=(container,), name="garbage-collection", daemon=True).start()


def _collect_garbage(container: Container) -> None:
    from backend.evaluation.questions import collect_unasked

    for _ in container.ingestor.collect_garbage():
        pass
    collect_unasked(container.database)
