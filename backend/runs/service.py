"""Runs of this process: begun, stored as they speak, cancelled, and taken over from processes that died.

A run is an asyncio task. Its row carries a lease that this process renews; whoever finds a lease that ran out begins
the run's next attempt. Every event is fenced by the lease, so of two processes that believe to hold a run only one
writes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Protocol

import structlog

from agents.citations.unfinished import check_unfinished
from agents.events import (
    RunCancelled,
    RunEvent,
    RunFailed,
    RunFinished,
    RunStarted,
    TextDelta,
    UsageReported,
    encode_event,
)
from backend.errors import NamedError
from backend.runs import store
from backend.runs.broker import Broker
from backend.runs.capacity import Capacity
from backend.runs.following import Follower
from backend.runs.ownership import dead_owners, owner_name
from backend.runs.transcript import Transcript
from backend.runs.types import Outcome, Run, StoredEvent
from backend.runs.writer import Entry, EventWriter
from backend.settings import RunSettings
from backend.telemetry import Metrics
from knowledge.storage.database import Database

CANCEL_POLL_SECONDS = 0.5

log = structlog.get_logger(__name__)


class Performer(Protocol):
    """Carries a run out. The iterator begins with RunStarted and ends with RunFinished or RunFailed, or raises; closing
    it stops the work."""

    def __call__(self, run: Run) -> AsyncGenerator[RunEvent, None]: ...


class RunService:
    """Performs runs on the event loop it was started on."""

    def __init__(
        self,
        *,
        database: Database,
        perform: Performer,
        settings: RunSettings,
        metrics: Metrics,
        capacity: Capacity | None = None,
    ) -> None:
        """`capacity` is shared with whatever else this process works on for its callers."""
        self.owner = owner_name()
        self.lease = timedelta(seconds=settings.lease_seconds)
        self._settings = settings
        self._capacity = capacity or Capacity(settings.max_active)
        self._database = database
        self._perform = perform
        self._metrics = metrics
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._cancelled: set[str] = set()
        self._lost: set[str] = set()
        self._ending: set[str] = set()
        broker = Broker()
        self._writer = EventWriter(
            database=database, broker=broker, metrics=metrics, owner=self.owner, on_lost=self._abandon
        )
        self._follower = Follower(database=database, broker=broker, is_local=self._tasks.__contains__)
        self._background: list[asyncio.Task[None]] = []
        self._writing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to write, to renew leases and to take over what others left."""
        self._writing = asyncio.create_task(self._writer.work())
        self._background = [
            asyncio.create_task(self._every(CANCEL_POLL_SECONDS, self._notice_cancels)),
            asyncio.create_task(self._every(self._settings.lease_seconds / 3, self._renew)),
            asyncio.create_task(self._every(self._settings.lease_seconds / 5, self._take_over)),
        ]

    async def stop(self) -> None:
        """Stop every run where it is and give it back, for another process to begin anew."""
        running = [*self._background, *self._tasks.values()]
        self._lost.update(self._tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if self._writing is not None:
            await self._writer.stop()
            await self._writing
        await asyncio.to_thread(self._release)

    def check_room(self) -> None:
        """Raises Busy when this process works on as much as it may."""
        self._capacity.check_room()

    def begin(self, run: Run) -> None:
        """Perform a run that this process holds; returns at once. To be called on the event loop."""
        task = asyncio.create_task(self._carry_out(run), name=f"run {run.id}")
        self._tasks[run.id] = task
        self._metrics.runs_active.inc()
        self._capacity.add()
        task.add_done_callback(lambda _: self._forget(run.id))

    def cancel(self, run_id: str) -> None:
        """Stop a run at once if it is performed here; elsewhere the mark in its row does so within a second."""
        task = self._tasks.get(run_id)
        if task is not None and run_id not in self._cancelled | self._ending:
            self._cancelled.add(run_id)
            task.cancel()

    def follow(self, run_id: str, after: int, *, beat: float = 15.0) -> AsyncIterator[list[StoredEvent]]:
        """See Follower.follow."""
        return self._follower.follow(run_id, after, beat=beat)

    def _forget(self, run_id: str) -> None:
        self._tasks.pop(run_id, None)
        self._cancelled.discard(run_id)
        self._lost.discard(run_id)
        self._ending.discard(run_id)
        self._metrics.runs_active.dec()
        self._capacity.remove()

    def _abandon(self, run_id: str) -> None:
        task = self._tasks.get(run_id)
        if task is not None and run_id not in self._lost | self._ending:
            log.info("run taken over or gone", run_id=run_id)
            self._lost.add(run_id)
            task.cancel()

    async def _carry_out(self, run: Run) -> None:
        with structlog.contextvars.bound_contextvars(run_id=run.id):
            started = time.perf_counter()
            transcript = Transcript()
            speech = _Speech(run, self._writer)
            last = await self._speak(run, transcript, speech)
            if last is None:
                return
            self._ending.add(run.id)
            if not transcript.begun:
                await speech.say(_beginning(run))
            await _cite_unfinished(speech, transcript)
            transcript.note(last)
            outcome = transcript.outcome()
            # Shielded: the end is written even if the process is being stopped at this very moment.
            await asyncio.shield(speech.end(last, outcome))
            self._metrics.runs.labels(run.phase, outcome.status, outcome.mode or "").inc()
            self._metrics.run_seconds.labels(run.phase).observe(time.perf_counter() - started)
            log.info("run ended", status=outcome.status, mode=outcome.mode, code=outcome.error_code)

    async def _speak(self, run: Run, transcript: Transcript, speech: _Speech) -> RunEvent | None:
        """Store what the run says; its terminal event, or None when the run is no longer ours."""
        if run.attempt > self._settings.max_attempts:
            return RunFailed(code="given_up", message=f"Given up: the server broke off {run.attempt - 1} times.")
        try:
            if run.cancel_requested:
                return RunCancelled()
            async with contextlib.aclosing(self._perform(run)) as events:
                async for event in events:
                    if isinstance(event, RunFinished | RunFailed | RunCancelled):
                        return event
                    transcript.note(event)
                    self._count(event)
                    await speech.say(event)
            return RunFailed(code="incomplete", message="The answer broke off without an end.")
        except asyncio.CancelledError:
            # Caught for good: what is left to do is to write how it ended.
            return RunCancelled(text=transcript.text) if run.id not in self._lost else None
        except NamedError as error:
            return RunFailed(code=error.code, message=str(error))
        except Exception:
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
            except Exception:
                log.exception("runs: upkeep failed; trying again", step=act.__name__)
            await asyncio.sleep(seconds)

    async def _notice_cancels(self) -> None:
        if self._tasks:
            for run_id in await asyncio.to_thread(self._read_cancels):
                self.cancel(run_id)

    async def _renew(self) -> None:
        if self._tasks:
            before = set(self._tasks)
            held = await asyncio.to_thread(self._extend)
            for run_id in before - held:
                self._abandon(run_id)

    async def _take_over(self) -> None:
        for run in await asyncio.to_thread(self._adopt):
            log.info("run taken over", run_id=run.id, attempt=run.attempt)
            self.begin(run)

    def _read_cancels(self) -> list[str]:
        with self._database.read() as connection:
            return store.cancelled(connection, self.owner)

    def _extend(self) -> set[str]:
        with self._database.write() as connection:
            return store.extend(connection, self.owner, self.lease)

    def _adopt(self) -> list[Run]:
        with self._database.read() as connection:
            dead = dead_owners(store.owners(connection) - {self.owner})
            if not dead and not store.any_orphaned(connection):
                return []
        with self._database.write() as connection:
            # What was taken from us and given up again is ours only once our own earlier attempt has stopped.
            return store.take_over(connection, self.owner, dead, self.lease, but=list(self._tasks))

    def _release(self) -> None:
        with self._database.write() as connection:
            store.release(connection, self.owner)


class _Speech:
    """The numbered events of one attempt on their way to the writer."""

    def __init__(self, run: Run, writer: EventWriter) -> None:
        self._run_id = run.id
        self._seq = run.last_event_id
        self._writer = writer

    async def say(self, event: RunEvent) -> None:
        await self._writer.put(Entry(run_id=self._run_id, event=self._next(event)))

    async def end(self, event: RunEvent, outcome: Outcome) -> bool:
        stored = asyncio.get_running_loop().create_future()
        await self._writer.put(Entry(run_id=self._run_id, event=self._next(event), outcome=outcome, stored=stored))
        kept: bool = await stored
        return kept

    def _next(self, event: RunEvent) -> StoredEvent:
        self._seq += 1
        return StoredEvent(seq=self._seq, kind=event.kind, data=_encode(event))


async def _cite_unfinished(speech: _Speech, transcript: Transcript) -> None:
    """Say what an answer that was broken off cites; when the process is being stopped, its end matters more."""
    retrieved = transcript.unchecked
    if retrieved is not None:
        with contextlib.suppress(asyncio.CancelledError):
            cited = await asyncio.to_thread(check_unfinished, transcript.text, retrieved)
            transcript.note(cited)
            await speech.say(cited)


def _encode(event: RunEvent) -> str:
    """As `encode_event`, and quicker for the one kind that comes by the thousand."""
    if isinstance(event, TextDelta):
        return json.dumps({"text": event.text, "kind": event.kind}, ensure_ascii=False)
    return encode_event(event)


def _beginning(run: Run) -> RunEvent:
    """The first event of an attempt that came to its end before it began to work."""
    return RunStarted(
        run_id=run.id,
        thread_id=run.thread_id,
        phase=run.phase,
        question=str(run.request.get("question", "")),
        mode="extractive",
        model="",
        attempt=run.attempt,
    )
