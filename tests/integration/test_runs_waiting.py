"""A run that waits for an answer: parked without task or lease, gone on with by any process, stopped or deleted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from agents.events import RunEvent, TextDelta
from agents.phases.context import RunContext
from agents.phases.phase import Description, Outcome, PhaseEvent, Requirement, Waiting
from agents.runner import Runner
from backend.db.tables import runs
from backend.errors import NotWaiting, RunActive
from backend.processes.tables import processes
from backend.runs.opening import Placement, open_run
from backend.runs.service import RunService
from backend.runs.store import RunStore
from backend.runs.types import Run
from backend.threads.store import ThreadStore
from knowledge.storage.database import Database
from tests.running import ME, answer_of, begin, heard, orphan, run_of, service, spec, until


class AskingPhase:
    """Asks which cluster is meant, and answers once it is told."""

    name = "answer"
    description = Description(en="Asks before it answers.", zh="先问再答。")
    requires: frozenset[Requirement] = frozenset()

    def prepare(self) -> None:
        pass

    async def stream(self, context: RunContext) -> AsyncGenerator[PhaseEvent, None]:
        resume = context.spec.resume
        if resume is None:
            yield TextDelta(text="One moment. ")
            yield Waiting(asked={"question": "Which cluster?"})
            return
        yield TextDelta(text=f"{resume.asked['question']} {resume.answer['cluster']}.")
        yield Outcome(verdict="answered", mode="extractive")


class Executor:
    def __init__(self) -> None:
        self.attempts: list[int] = []

    async def __call__(self, run: Run) -> AsyncGenerator[RunEvent, None]:
        self.attempts.append(run.attempt)
        given = {"run_id": run.id, "thread_id": run.thread_id, "spec": run.spec, "attempt": run.attempt}
        async for event in Runner([AskingPhase()]).run(RunContext(**given, may_wait=True), asyncio.Event()):
            yield event


async def parked(database: Database, runs_here: RunService) -> Run:
    """A run that has come to wait."""
    run = begin(database, runs_here)
    await until(lambda: run_of(database, run).status == "waiting")
    return run


def lease_of(database: Database, run: Run) -> str:
    with database.read() as connection:
        return str(connection.execute(select(runs.c.lease_owner).where(runs.c.id == run.id)).scalar_one())


async def test_another_process_goes_on_long_after_the_first_has_died(database: Database) -> None:
    first = service(database, Executor())
    await first.start()
    run = await parked(database, first)
    waiting = run_of(database, run)
    assert (waiting.waiting_for, waiting.finished_at, lease_of(database, run)) == (
        {"question": "Which cluster?"},
        None,
        "",
    )
    assert (answer_of(database, run).status, answer_of(database, run).text) == ("waiting", "One moment. ")
    await first.stop()
    with database.write() as connection:  # days later nobody knows the first one any more
        connection.execute(delete(processes))

    executor = Executor()
    second = service(database, executor, max_attempts=1)
    await second.start()
    stream = second.follow(run.id, 0, beat=60)
    events = await anext(stream)
    assert executor.attempts == [], "nobody takes over what waits"
    await second.resume(ME, run.id, {"cluster": "blue"})
    events += [event async for batch in stream for event in batch]
    await second.stop()
    assert executor.attempts == [2]
    assert [event.kind for event in events] == [
        "run_started", "text_delta", "run_waiting", "run_started", "text_delta", "run_finished",
    ]  # fmt: skip
    assert [event.seq for event in events] == [1, 2, 3, 4, 5, 6]
    answer = answer_of(database, run)
    assert (answer.status, answer.text) == ("finished", "Which cluster? blue.")
    assert run_of(database, run).waiting_for is None


async def test_of_two_answers_one_is_taken(database: Database) -> None:
    here, there = service(database, Executor()), service(database, Executor())
    await here.start()
    await there.start()
    run = await parked(database, here)
    both = await asyncio.gather(
        here.resume(ME, run.id, {"cluster": "blue"}), there.resume(ME, run.id, {"cluster": "green"}),
        return_exceptions=True,
    )  # fmt: skip
    assert sorted(type(each).__name__ for each in both) == ["NotWaiting", "Run"]
    await heard(there, run.id)
    with pytest.raises(NotWaiting):
        await here.resume(ME, run.id, {"cluster": "red"})
    await here.stop()
    await there.stop()


async def test_an_answer_whose_process_dies_at_once_is_not_lost(database: Database) -> None:
    first = service(database, Executor())
    await first.start()
    run = await parked(database, first)
    await first.stop()
    with database.write() as connection:
        RunStore(connection, ME).resume(run.id, {"cluster": "blue"}, owner="0" * 32)
    second = service(database, Executor())
    await second.start()
    await heard(second, run.id)
    await second.stop()
    assert answer_of(database, run).text == "Which cluster? blue."


async def test_a_waiting_run_can_be_stopped_and_its_followers_hear_of_it(database: Database) -> None:
    here = service(database, Executor())
    await here.start()
    run = await parked(database, here)
    stream = here.follow(run.id, 0, beat=60)
    events = await anext(stream)
    with database.write() as connection:
        assert RunStore(connection, ME).request_cancel(run.id).status == "cancelled"
    events += [event async for batch in stream for event in batch]
    assert [event.kind for event in events][-2:] == ["run_waiting", "run_cancelled"]
    assert json.loads(events[-1].data)["text"] == "One moment. "
    answer = answer_of(database, run)
    assert (answer.status, answer.text) == ("cancelled", "One moment. ")
    with pytest.raises(NotWaiting):
        await here.resume(ME, run.id, {})
    await here.stop()


async def test_a_stop_that_was_asked_for_while_it_came_to_wait_counts(database: Database) -> None:
    class Slow(Executor):
        async def __call__(self, run: Run) -> AsyncGenerator[RunEvent, None]:
            async for event in super().__call__(run):
                if event.kind == "run_waiting":
                    with database.write() as connection:  # by another process, at the last moment
                        connection.execute(update(runs).values(cancel_requested=True))
                yield event

    here = service(database, Slow())
    await here.start()
    run = begin(database, here)
    events = await heard(here, run.id)
    await here.stop()
    assert events[-1].kind == "run_cancelled"
    assert run_of(database, run).status == "cancelled"


async def test_nothing_may_follow_what_waits_and_deleting_it_ends_the_stream(database: Database) -> None:
    here = service(database, Executor())
    await here.start()
    run = await parked(database, here)
    with database.write() as connection, pytest.raises(RunActive):
        open_run(connection, run.thread_id, spec(), Placement(), owner=here.owner)
    with database.read() as connection:
        assert ThreadStore(connection, ME).get(run.thread_id).active_run_id == run.id
    following = asyncio.create_task(heard(here, run.id))
    with database.write() as connection:
        ThreadStore(connection, ME).delete(run.thread_id)
    await following
    await here.stop()


@pytest.mark.parametrize("model", [None, "none", {"name": "m", "base_url": "http://m/v1", "api_key": "sealed"}])
def test_a_request_that_an_earlier_version_stored_still_reads(database: Database, model: Any) -> None:
    run = orphan(database, owner="e" * 32)
    old = {"question": "Old?", "knowledge_bases": ["kb"], "filters": {"path_prefixes": ["a/"]}, "model": model}
    with database.write() as connection:
        connection.execute(update(runs).values(request=old))
    read = run_of(database, run).spec
    assert (read.question, read.phase, read.scope, read.knowledge_bases) == ("Old?", "answer", ME, ("kb",))
    assert read.model == model
    assert read.filters is not None
    assert read.filters.path_prefixes == ("a/",)
