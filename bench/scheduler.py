"""The scheduler of agents: what a step costs, what a run keeps, and `kill -9` at random moments of a plan with writes.

`python -m bench scheduler [--kills 100] [--steps 100]`
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import random
import re
import signal
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select, text

from agents.events import RunEvent
from agents.messages.parts import Message, ToolCall, ToolResult
from agents.phases.context import RunContext
from agents.phases.definition import PhaseDefinition
from agents.phases.parts import PhaseParts
from agents.phases.spec import RunSpec
from agents.runner import Runner
from agents.scheduler.journal import Recorded
from agents.scheduler.phase import DeclaredPhase
from agents.tools.policy import RolePolicy
from agents.tools.ports import Tool, ToolBox, ToolContext, ToolOutput, ToolSpec
from backend.approvals.store import ApprovalStore
from backend.approvals.tables import approvals
from backend.db.tables import run_events, run_journal
from backend.migrations import upgrade_database
from backend.processes.identity import this_process
from backend.processes.registry import ProcessRegistry
from backend.runs.journal import read_journal
from backend.runs.opening import Placement, open_run
from backend.runs.service import RunService
from backend.runs.store import status_of
from backend.runs.types import ACTIVE, Run
from backend.settings import RunSettings, Settings
from backend.telemetry import Metrics, configure_logging
from backend.threads.store import ThreadStore
from bench.scheduler_parts import ME, BenchTool, Effects, Model, bare, stepping
from knowledge.storage.database import Database

PLAN_STEPS = 6
_STEP = re.compile(r"Your step now is (\d+)")


class NoAudit:
    async def begin(
        self, spec: ToolSpec, arguments: Mapping[str, Any], context: ToolContext, *, decision: str, decided_by: str = ""
    ) -> str:
        return ""

    async def end(self, audit_id: str, *, status: str, output: str, duration_ms: float) -> None:
        pass


@dataclass
class Execute:
    """Performs stored runs of one phase with a model and tools of the bench."""

    database: Database
    phase: DeclaredPhase
    model: Model
    tools: Sequence[Tool]

    async def __call__(self, run: Run) -> AsyncGenerator[RunEvent | Recorded, None]:
        with self.database.read() as connection:
            journal = read_journal(connection, run.id)
        held = {tool.spec.name: tool for tool in self.tools}
        box = ToolBox(tools=held, policy=RolePolicy(listed=frozenset(held)), audit=NoAudit())
        context = RunContext(
            run_id=run.id,
            thread_id=run.thread_id,
            spec=run.spec,
            attempt=run.attempt,
            may_wait=True,
            model=self.model,
            toolbox=box,
            journal=journal,
        )
        async for event in Runner([self.phase]).perform(context, asyncio.Event()):
            yield event


def declared(agents: Mapping[str, Any], **more: Any) -> DeclaredPhase:
    definition = PhaseDefinition.model_validate({
        "name": "work",
        "title": {"en": "Work", "zh": "工作"},
        "description": {"en": "Works.", "zh": "工作。"},
        "agents": agents,
        "chains": [{"name": "main", "agents": list(agents)}],
        "tools": ["act"],
        "budget": {"steps": 1000, "tool_calls": 1000, "seconds": 3600},
        **more,
    })  # fmt: skip
    unused: Any = None
    return DeclaredPhase.of(definition, PhaseParts(searcher_for=unused, extractor=unused))


def service(database: Database, execute: Any, lease_seconds: float = 30.0) -> RunService:
    return RunService(
        database=database,
        execute=execute,
        processes=ProcessRegistry(this_process("api"), silent_after_s=lease_seconds),
        settings=RunSettings(lease_seconds=lease_seconds, max_attempts=1000),
        metrics=Metrics(),
    )


def opened(database: Database, owner: str) -> Run:
    with database.write() as connection:
        thread = ThreadStore(connection, ME).create("", ())
        return open_run(
            connection, thread.id, RunSpec(question="How?", phase="work", scope=ME), Placement(), owner=owner
        )


# One: what a step costs -----------------------------------------------------------------------------------------------


async def ours(folder: Path, steps: int) -> float:
    """Seconds a step: a call of the model and one of the tool, stored and streamed."""
    database = Database(f"sqlite:///{folder / 'ours.db'}")
    upgrade_database(database)
    phase = declared({"worker": {"kind": "react", "max_steps": 200, "speaks": True}})
    phase.prepare()
    here = service(database, Execute(database, phase, Model(stepping(steps)), [BenchTool("read")]))
    await here.start()
    run = opened(database, here.owner)
    begun = time.perf_counter()
    here.begin(run)
    async for _ in here.follow(run.id, 0):
        pass
    took = time.perf_counter() - begun
    await here.stop()
    database.close()
    return took / steps


async def measure_overhead(steps: int, rounds: int = 5) -> None:
    mine, theirs = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            theirs.append(await bare(Path(folder), steps))
            mine.append(await ours(Path(folder), steps))
    ratio = statistics.median(mine) / statistics.median(theirs)
    print(
        f"a step of {steps}: {statistics.median(mine) * 1000:.2f} ms; bare LangGraph with its SQLite saver "
        f"{statistics.median(theirs) * 1000:.2f} ms; ratio {ratio:.2f} (bar 1.5)"
    )


# Two: what a run keeps ------------------------------------------------------------------------------------------------


async def stored(steps: int) -> tuple[int, int]:
    """Bytes of a database that grew by one run of so many steps, with passages in their outputs: while it waits for
    nothing any more but its end, and afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'chatbot.db'}")
        upgrade_database(database)
        phase = declared({"worker": {"kind": "react", "max_steps": 200, "speaks": True}})
        most = 0
        held = "A line of a tool's output that is as long as such lines are. " * 40

        class Wordy(BenchTool):
            async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
                return ToolOutput(text=f"{arguments['what']} {held}")

        here = service(database, Execute(database, phase, Model(stepping(steps)), [Wordy("read")]))
        await here.start()
        before = _bytes(database)
        run = opened(database, here.owner)
        here.begin(run)
        async for _ in here.follow(run.id, 0):
            most = max(most, _bytes(database))
        await here.stop()
        with database.read() as connection:
            left = connection.execute(select(run_journal.c.key).where(run_journal.c.run_id == run.id)).all()
            kept = connection.execute(
                text("SELECT sum(length(data) + 60) FROM run_events WHERE run_id = :id"), {"id": run.id}
            ).scalar_one()
        assert not left
        database.close()
        return most - before, int(kept)


def _bytes(database: Database) -> int:
    with database.read() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        return int(pages) * int(connection.execute(text("PRAGMA page_size")).scalar_one())


async def measure_storage() -> None:
    for steps in (25, 50, 100):
        peak, kept = await stored(steps)
        print(
            f"a run of {steps} steps with outputs of 2.5 kB: {peak / 1e6:.2f} MB of the database at most, "
            f"{kept / 1e6:.2f} MB of events kept (bar 5 MB)"
        )


# Three: kill -9 -------------------------------------------------------------------------------------------------------


def planned(messages: Sequence[Message]) -> str | ToolCall:
    """Plans steps that each write once, and sums up."""
    who, asked = messages[0].text, "".join(message.text for message in messages if message.role == "user")
    if "You plan" in who:
        return json.dumps({"steps": [f"write {number}" for number in range(1, PLAN_STEPS + 1)]})
    if found := _STEP.search(asked):
        done = any(isinstance(part, ToolResult) for message in messages for part in message.parts)
        what = f"step-{found.group(1)}"
        return f"{what} is done" if done else ToolCall(id=what, name="act", arguments=json.dumps({"what": what}))
    return "All steps are done."


def phase_with_writes() -> DeclaredPhase:
    return declared({
        "planner": {"kind": "planner"},
        "executor": {"kind": "executor", "planner": "planner"},
        "writer": {"kind": "single", "speaks": True},
    })  # fmt: skip


def child(url: str, effects: Path, phase: DeclaredPhase) -> None:
    """Performs whatever run is left over, until it is killed."""

    async def work() -> None:
        database = Database(url)
        noted = Effects(effects)
        model, tool = Model(planned, noted, pause_s=0.004), BenchTool("write", noted, pause_s=0.002)
        here = service(database, Execute(database, phase, model, [tool]), lease_seconds=1.01)
        await here.start()
        await asyncio.sleep(600)

    configure_logging(Settings(log={"level": "error"}))  # type: ignore[arg-type]
    asyncio.run(work())


@dataclass
class Killing:
    """One run, killed again and again; what was seen."""

    database: Database
    url: str
    effects: Effects
    phase: DeclaredPhase
    chosen: random.Random
    kills: int = 0
    asked_twice: int = 0
    repeated_stored: list[str] = field(default_factory=list)
    repeated_unstored: int = 0

    def run(self, most: int) -> Run:
        run = opened(self.database, "0" * 32)
        while self._status(run) in ACTIVE:
            before = len(self.effects.lines())
            stored = self._stored_answers(run)
            worker = multiprocessing.get_context("fork").Process(
                target=child, args=(self.url, self.effects.path, self.phase)
            )
            worker.start()
            until = time.monotonic() + (self.chosen.uniform(0.02, 0.6) if self.kills < most else 60)
            while time.monotonic() < until and self._status(run) in ACTIVE:
                self._decide(run)
                time.sleep(0.005)
            ended = self._status(run) not in ACTIVE
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.pid or 0, signal.SIGKILL)
            worker.join()
            if not ended:
                self.kills += 1
            again = [line[6:] for line in self.effects.lines()[before:] if line.startswith("asked ")]
            self.repeated_stored += [label for label in again if label in stored]
        return run

    def _status(self, run: Run) -> str:
        with self.database.read() as connection:
            return str(status_of(connection, run.id))

    def _stored_answers(self, run: Run) -> set[str]:
        with self.database.read() as connection:
            journal = read_journal(connection, run.id)
        answers = [value for key, value in journal.items() if "/model." in key]
        return {each["text"] or f"call {each['calls'][0]['id']}" for each in answers}

    def _decide(self, run: Run) -> None:
        """The person: approves every call, but one that may have been made only when it was not."""
        with self.database.read() as connection:
            pending = connection.execute(
                select(approvals).where(approvals.c.run_id == run.id, approvals.c.decision == "")
            ).all()
        for row in pending:
            maybe = "may already have been made" in row.reason
            made = f"effect {row.arguments['what']}" in self.effects.lines()
            self.asked_twice += maybe
            with self.database.write() as connection, contextlib.suppress(Exception):
                ApprovalStore(connection, ME).decide(
                    run.id, row.id, "reject" if maybe and made else "approve", owner=""
                )


def measure_kills(kills: int, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'chatbot.db'}"
        phase = phase_with_writes()
        phase.prepare()
        database = Database(url)
        upgrade_database(database)
        database.close()
        done, wrong, asked, twice, unstored, count = 0, [], 0, 0, 0, 0
        while done < kills:
            count += 1
            effects = Effects(Path(folder) / f"effects-{count}")
            database = Database(url)
            killing = Killing(database, url, effects, phase, random.Random(seed + count))
            run = killing.run(min(12, kills - done))
            done += killing.kills
            asked += killing.asked_twice
            wrong += killing.repeated_stored
            lines = Counter(effects.lines())
            with database.read() as connection:
                status = status_of(connection, run.id)
                numbers = (
                    connection.execute(
                        select(run_events.c.seq).where(run_events.c.run_id == run.id).order_by(run_events.c.seq)
                    )
                    .scalars()
                    .all()
                )
            if status != "finished":
                wrong.append(f"run {count} is {status}")
            if numbers != list(range(1, len(numbers) + 1)):
                wrong.append(f"run {count} has a gap in its events")
            for number in range(1, PLAN_STEPS + 1):
                times = lines[f"effect step-{number}"]
                if times != 1:
                    twice += times > 1
                    wrong.append(f"run {count}: step {number} was made {times} times")
            unstored += sum(times - 1 for line, times in lines.items() if line.startswith("asked ") and times > 1)
            database.close()
        print(
            f"{done} kills over {count} runs of {PLAN_STEPS} writes: {len(wrong)} things wrong, {twice} effects twice "
            f"(bar 0); {asked} calls that may have been made were asked about; {unstored} calls of the model were cut "
            "off before they were stored, and made again"
        )
        for line in wrong[:20]:
            print(f"  {line}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    configure_logging(Settings(log={"level": "error"}))  # type: ignore[arg-type]
    measure_kills(options.kills, options.seed)
    asyncio.run(measure_overhead(options.steps))
    asyncio.run(measure_storage())


if __name__ == "__main__":
    main()
