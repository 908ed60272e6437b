"""A thread with runs that do as they are told, for tests of whoever performs and follows them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from agents.events import Retrieved, RunEvent, RunFinished, RunStarted, TextDelta
from agents.phases.spec import RunSpec
from backend.processes.identity import this_process
from backend.processes.registry import ProcessRegistry
from backend.runs.opening import Placement, open_run
from backend.runs.service import RunExecutor, RunService
from backend.runs.store import RunStore
from backend.runs.types import Run, StoredEvent
from backend.settings import RunSettings
from backend.telemetry import Metrics
from backend.threads.store import ThreadStore
from backend.threads.types import StoredMessage
from knowledge.storage.database import Database
from knowledge.types import Scope

ME = Scope(workspace_id="local", user_id="local")

Say = Callable[[str], Awaitable[None]]


def spec(question: str = "How?", **changes: Any) -> RunSpec:
    """A question, as plain as can be."""
    return RunSpec(question=question, scope=ME, **changes)


def started(run: Run) -> RunStarted:
    return RunStarted(
        run_id=run.id,
        thread_id=run.thread_id,
        phase=run.phase,
        question=run.spec.question,
        mode="extractive",
        model="",
        attempt=run.attempt,
    )


def finished(text: str) -> RunFinished:
    return RunFinished(text=text, verdict="answered", mode="extractive")


class Script:
    """An executor: tells what it `found`, if anything, then says `words`, each as soon as `gate` lets it; the gate
    closes after `hold_after` words."""

    def __init__(
        self, *words: str, pause: float = 0.0, hold_after: int | None = None, found: Retrieved | None = None
    ) -> None:
        self.words = words
        self.found = found
        self.pause = pause
        self.hold_after = hold_after
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun: list[int] = []
        self.stopped = 0

    async def __call__(self, run: Run) -> AsyncGenerator[RunEvent, None]:
        self.begun.append(run.attempt)
        try:
            yield started(run)
            if self.found is not None:
                yield self.found
            for number, word in enumerate(self.words):
                if number == self.hold_after:
                    self.gate.clear()
                await self.gate.wait()
                if self.pause:
                    await asyncio.sleep(self.pause)
                yield TextDelta(text=word)
            await self.gate.wait()
            yield finished("".join(self.words))
        finally:
            self.stopped += 1


def service(
    database: Database,
    execute: RunExecutor,
    *,
    lease_seconds: float = 30.0,
    max_attempts: int = 5,
    clock: Callable[[], float] = time.monotonic,
) -> RunService:
    settings = RunSettings(lease_seconds=lease_seconds, max_attempts=max_attempts)
    processes = ProcessRegistry(this_process("api"), silent_after_s=lease_seconds, clock=clock)
    return RunService(database=database, execute=execute, processes=processes, settings=settings, metrics=Metrics())


def begin(database: Database, runs: RunService, thread_id: str | None = None, asked: RunSpec | None = None) -> Run:
    """A new run, begun."""
    with database.write() as connection:
        thread_id = thread_id or ThreadStore(connection, ME).create("", ()).id
        run = open_run(connection, thread_id, asked or spec(), Placement(), owner=runs.owner)
    runs.begin(run)
    return run


def orphan(database: Database, *, owner: str) -> Run:
    """A run whose owner never performs it."""
    with database.write() as connection:
        thread = ThreadStore(connection, ME).create("", ())
        return open_run(connection, thread.id, spec(), Placement(), owner=owner)


async def heard(runs: RunService, run_id: str, after: int = 0) -> list[StoredEvent]:
    """Everything that following says until it ends."""
    async with asyncio.timeout(20):
        return [event async for events in runs.follow(run_id, after, beat=60) for event in events]


def answer_of(database: Database, run: Run) -> StoredMessage:
    with database.read() as connection:
        return ThreadStore(connection, ME).message(run.message_id)


def run_of(database: Database, run: Run) -> Run:
    with database.read() as connection:
        return RunStore(connection, ME).get(run.id)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens by itself."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)
