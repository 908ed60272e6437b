"""Runs of this process: begun, stored event by event, cancelled, resumed, and taken over from processes that died.

A run is an asyncio task. Its row names the process that performs it; whoever finds that process dead begins the run's
next attempt. Every event is fenced by that name, so of two processes that believe to hold a run only one writes. A run
that waits for an answer has neither task nor holder; whichever process is given the answer goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import structlog

from agents.events import RunCancelled, RunEvent, RunFailed, RunFinished, RunWaiting, UsageReported
from agents.scheduler.journal import Recorded
from backend.approvals.store import any_expired, expire
from backend.errors import NamedError, NotReady
from backend.processes.registry import ProcessRegistry
from backend.runs import store
from backend.runs.attempt import Attempt
from backend.runs.broker import Broker
from backend.runs.capacity import Capacity
from backend.runs.following import Follower
from backend.runs.retention import prune_traces
from backend.runs.types import WAITING, Run, StoredEvent
from backend.runs.writer import EventWriter
from backend.settings import RunSettings
from backend.telemetry import Metrics
from knowledge.storage.database import Database
from knowledge.types import Scope

CANCEL_POLL_SECONDS = 0.5
RETENTION_SECONDS = 3600.0
"""How often old traces are looked for."""
EXPIRY_SECONDS = 20.0
"""How often is looked for decisions that nobody made in time."""

log = structlog.get_logger(__name__)


class RunExecutor(Protocol):
    """Executes an attempt of a run. The iterator begins with RunStarted and ends with the event that ends the attempt,
    or raises; closing it stops the work. What it records is to be stored among its events, in their order."""

    def __call__(self, run: Run) -> AsyncGenerator[RunEvent | Recorded, None]: ...


class RunService:
    """Performs runs on the event loop it was started on."""

    def __init__(
        self,
        *,
        database: Database,
        execute: RunExecutor,
        processes: ProcessRegistry,
        settings: RunSettings,
        metrics: Metrics,
        capacity: Capacity | None = None,
    ) -> None:
        """`capacity` is shared with whatever else this process works on for its callers."""
        self.owner = processes.me.id
        self._processes = processes
        self._settings = settings
        self._capacity = capacity or Capacity(settings.max_active)
        self._database = database
        self._execute = execute
        self._metrics = metrics
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._cancelled: set[str] = set()
        self._lost: set[str] = set()
        self._ending: set[str] = set()
        broker = Broker[StoredEvent]()
        self._writer = EventWriter(
            database=database, broker=broker, metrics=metrics, owner=self.owner, on_lost=self._abandon
        )
        self._follower = Follower(database=database, broker=broker, is_local=self._tasks.__contains__)
        self._background: list[asyncio.Task[None]] = []
        self._stopping = False
        self._broken = ""
        self._writing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to write, to say that this process lives, and to take over what others left."""
        await asyncio.to_thread(self._extend)
        self._writing = asyncio.create_task(self._writer.work())
        self._writing.add_done_callback(self._writer_ended)
        self._background = [
            asyncio.create_task(self._every(CANCEL_POLL_SECONDS, self._poll_cancels)),
            asyncio.create_task(self._every(self._settings.lease_seconds / 3, self._renew)),
            asyncio.create_task(self._every(self._settings.lease_seconds / 5, self._take_over)),
            asyncio.create_task(self._every(EXPIRY_SECONDS, self._expire)),
            asyncio.create_task(self._every(RETENTION_SECONDS, self._prune)),
        ]

    async def stop(self) -> None:
        """Stop every run where it is and give it back, for another process to begin anew."""
        self._stopping = True
        running = [*self._background, *self._tasks.values()]
        self._lost.update(self._tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if self._writing is not None and not self._writing.done():
            await self._writer.stop()
            await self._writing
        await asyncio.to_thread(self._release)

    @property
    def state(self) -> str:
        """ "ok", or why this process can perform no runs any more."""
        return self._broken or "ok"

    def check_room(self) -> None:
        """Raises Busy when this process works on as much as it may, NotReady when it can perform no runs."""
        if self._broken:
            raise NotReady(f"No answers can be written: {self._broken}.")
        self._capacity.check_room()

    def begin(self, run: Run) -> None:
        """Perform a run that this process holds; returns at once. To be called on the event loop."""
        if self._broken:
            return  # its lease is not renewed either, so another process begins it
        for marks in (self._cancelled, self._lost, self._ending):
            marks.discard(run.id)  # of an attempt that is stored as parked and has not returned yet
        task = asyncio.create_task(self._perform(run), name=f"run {run.id}")
        self._tasks[run.id] = task
        self._metrics.runs_active.inc()
        self._capacity.add()
        task.add_done_callback(lambda _: self._discard(run.id, task))

    def cancel(self, run_id: str) -> None:
        """Stop a run at once if it is performed here; elsewhere the mark in its row does so within a second."""
        task = self._tasks.get(run_id)
        if task is not None and run_id not in self._cancelled | self._ending:
            self._cancelled.add(run_id)
            task.cancel()

    async def resume(self, scope: Scope, run_id: str, answer: Any) -> Run:
        """Go on with a run that waits, here, whichever process it waited in and however long: its next attempt begins
        with the answer, a JSON value, in its spec. Raises Missing, NotWaiting, Busy, NotReady."""
        self.check_room()
        run = await asyncio.to_thread(self._answer, scope, run_id, answer)
        self.begin(run)
        return run

    def follow(self, run_id: str, after: int, *, beat: float = 15.0) -> AsyncIterator[list[StoredEvent]]:
        """See Follower.follow."""
        return self._follower.follow(run_id, after, beat=beat)

    def _discard(self, run_id: str, task: asyncio.Task[None]) -> None:
        self._metrics.runs_active.dec()
        self._capacity.remove()
        if self._tasks.get(run_id) is task:
            del self._tasks[run_id]
            for marks in (self._cancelled, self._lost, self._ending):
                marks.discard(run_id)

    def _abandon(self, run_id: str) -> None:
        task = self._tasks.get(run_id)
        if task is not None and run_id not in self._lost | self._ending:
            log.info("run taken over or gone", run_id=run_id)
            self._lost.add(run_id)
            task.cancel()

    def _writer_ended(self, writing: asyncio.Task[None]) -> None:
        """Without a writer nothing said here is kept: let go of every run, and of the leases, for others to take over.

        The process says that it is not ready; runs that it still held are begun anew elsewhere when their lease ends.
        """
        if self._stopping:
            return
        error = None if writing.cancelled() else writing.exception()
        self._broken = "the writer of run events ended; restart this process"
        log.critical("runs: the event writer ended", exc_info=error)
        self._lost.update(self._tasks)
        for task in [*self._background, *self._tasks.values()]:
            task.cancel()

    async def _perform(self, run: Run) -> None:
        with structlog.contextvars.bound_contextvars(run_id=run.id):
            started = time.perf_counter()
            attempt = Attempt(run, self._writer)
            last = await self._stream(run, attempt)
            if last is None:
                return
            self._ending.add(run.id)
            outcome = await attempt.end(last)
            if outcome.status == WAITING:
                log.info("run waits")
                return
            self._metrics.runs.labels(run.phase, outcome.status, outcome.mode or "").inc()
            self._metrics.run_seconds.labels(run.phase).observe(time.perf_counter() - started)
            log.info("run ended", status=outcome.status, mode=outcome.mode, code=outcome.error_code)

    async def _stream(self, run: Run, attempt: Attempt) -> RunEvent | None:
        """Store the events of an attempt; its last event, or None when the run is no longer ours."""
        crashes = run.attempt - run.resumes - 1
        if crashes >= self._settings.max_attempts:
            return RunFailed(code="given_up", message=f"Given up: the server broke off {crashes} times.")
        try:
            if run.cancel_requested:
                return RunCancelled()
            async with contextlib.aclosing(self._execute(run)) as events:
                async for event in events:
                    if isinstance(event, Recorded):
                        for told in event.events:
                            self._count(told)
                        await attempt.record(event)
                        continue
                    if isinstance(event, RunFinished | RunFailed | RunCancelled | RunWaiting):
                        return event
                    self._count(event)
                    await attempt.add(event)
            return RunFailed(code="incomplete", message="The answer broke off without an end.")
        except asyncio.CancelledError:
            # Caught for good: what is left to do is to write how it ended.
            return RunCancelled(text=attempt.transcript.text) if run.id not in self._lost else None
        except NamedError as error:
            return RunFailed(code=error.code, message=str(error))
        except Exception:  # the outer edge of a run: whatever went wrong must end it, and say so
            log.exception("run failed")
            return RunFailed(
                code="internal_error", message="Something went wrong inside the server; its log says what."
            )

    def _count(self, event: RunEvent) -> None:
        if isinstance(event, UsageReported):
            self._metrics.tokens.labels("input").inc(event.input_tokens)
            self._metrics.tokens.labels("output").inc(event.output_tokens)

    async def _every(self, seconds: float, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await act()
            except Exception:  # the outer edge of upkeep: one bad round must not end it
                log.exception("runs: upkeep failed; trying again", step=act.__name__)
            await asyncio.sleep(seconds)

    async def _poll_cancels(self) -> None:
        if self._tasks:
            for run_id in await asyncio.to_thread(self._read_cancels):
                self.cancel(run_id)

    async def _renew(self) -> None:
        before = set(self._tasks)
        held = await asyncio.to_thread(self._extend)
        for run_id in before - held:
            self._abandon(run_id)

    async def _take_over(self) -> None:
        for run in await asyncio.to_thread(self._claim_orphaned):
            log.info("run taken over", run_id=run.id, attempt=run.attempt)
            self.begin(run)

    async def _expire(self) -> None:
        for run in await asyncio.to_thread(self._expire_decisions):
            log.info("nobody decided in time", run_id=run.id)
            self.begin(run)

    async def _prune(self) -> None:
        if self._settings.trace_days:
            before = datetime.now(UTC) - timedelta(days=self._settings.trace_days)
            pruned = await asyncio.to_thread(prune_traces, self._database, before)
            if pruned:
                log.info("old traces were pruned", runs=pruned)

    def _read_cancels(self) -> list[str]:
        with self._database.read() as connection:
            return store.cancelled(connection, self.owner)

    def _extend(self) -> set[str]:
        with self._database.write() as connection:
            self._processes.beat(connection)
            return store.held_by(connection, self.owner)

    def _claim_orphaned(self) -> list[Run]:
        with self._database.read() as connection:
            living = self._processes.living(connection) | {self.owner}
            if not store.any_orphaned(connection, living):
                return []
        with self._database.write() as connection:
            # What was taken from us and given up again is ours only once our own earlier attempt has stopped.
            return store.take_over(connection, self.owner, living, but=list(self._tasks))

    def _expire_decisions(self) -> list[Run]:
        now = datetime.now(UTC)
        with self._database.read() as connection:
            if not any_expired(connection, now):
                return []
        with self._database.write() as connection:
            return expire(connection, now, owner=self.owner)

    def _answer(self, scope: Scope, run_id: str, answer: Any) -> Run:
        with self._database.write() as connection:
            return store.RunStore(connection, scope).resume(run_id, answer, owner=self.owner)

    def _release(self) -> None:
        with self._database.write() as connection:
            store.release(connection, self.owner)
            self._processes.sign_off(connection)
