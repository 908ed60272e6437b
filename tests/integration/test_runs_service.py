"""Runs: what is said is stored and heard once, in order, whoever performs, stops or dies."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from sqlalchemy.exc import DatabaseError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from agents.errors import ModelUnavailable
from agents.events import Retrieved, RunEvent, TextDelta
from agents.evidence import Evidence
from backend.errors import NotReady
from backend.processes.identity import this_process
from backend.processes.registry import ProcessRegistry
from backend.runs import broker
from backend.runs.service import RunService
from backend.runs.store import RunStore, add_events
from backend.runs.types import Run, StoredEvent
from backend.threads import store as threads_store
from backend.threads.store import ThreadStore
from knowledge.storage.database import Database
from tests.failing_database import FailingDatabase, Fatal
from tests.running import ME, Script, answer_of, begin, finished, heard, orphan, run_of, service, spec, started, until

DEAD_PROCESS = "0" * 32
"""It has signed off, or was found dead and forgotten."""


@asynccontextmanager
async def running(runs: RunService) -> AsyncIterator[RunService]:
    await runs.start()
    try:
        yield runs
    finally:
        await runs.stop()


async def test_what_a_run_says_is_numbered_stored_and_heard(database: Database) -> None:
    async with running(service(database, Script("Hel", "lo"))) as runs:
        run = begin(database, runs)
        events = await heard(runs, run.id)
    assert [event.seq for event in events] == [1, 2, 3, 4]
    assert [event.kind for event in events] == ["run_started", "text_delta", "text_delta", "run_finished"]
    assert json.loads(events[1].data) == {"text": "Hel", "kind": "text_delta"}
    answer = answer_of(database, run)
    assert (answer.text, answer.status, answer.answered, answer.mode) == ("Hello", "finished", True, "extractive")
    assert run_of(database, run).status == "finished"


async def test_whoever_joins_or_resumes_misses_nothing_and_hears_nothing_twice(database: Database) -> None:
    words = [f"{number} " for number in range(120)]
    async with running(service(database, Script(*words, pause=0.001))) as runs:
        run = begin(database, runs)
        listening = []
        for _ in range(12):
            listening.append(asyncio.create_task(heard(runs, run.id)))
            await asyncio.sleep(0.01)
        resumed = await heard(runs, run.id, after=60)
        everything = await asyncio.gather(*listening)
    assert [event.seq for event in resumed] == list(range(61, 123))
    for events in everything:
        assert [event.seq for event in events] == list(range(1, 123))


async def test_a_listener_that_falls_behind_reads_the_table(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "BACKLOG", 5)
    async with running(service(database, Script(*["x"] * 300))) as runs:
        run = begin(database, runs)
        seen = []
        async for events in runs.follow(run.id, 0, beat=60):
            seen += [event.seq for event in events]
            await asyncio.sleep(0.02)
    assert seen == list(range(1, 303))


async def test_silence_is_broken_by_a_beat(database: Database) -> None:
    script = Script("late")
    script.gate.clear()
    async with running(service(database, script)) as runs:
        run = begin(database, runs)
        batches = []
        async for events in runs.follow(run.id, 0, beat=0.05):
            batches.append(len(events))
            if len(batches) == 4:
                script.gate.set()
    assert 0 in batches
    assert sum(batches) == 3


async def test_cancelling_keeps_what_was_written(database: Database) -> None:
    script = Script("one ", "two ", "three", hold_after=1)
    async with running(service(database, script)) as runs:
        run = begin(database, runs)
        await until(lambda: "one" in answer_of(database, run).text)
        runs.cancel(run.id)
        events = await heard(runs, run.id)
    assert events[-1].kind == "run_cancelled"
    answer = answer_of(database, run)
    assert answer.status == "cancelled"
    assert answer.text.startswith("one ")
    assert json.loads(events[-1].data)["text"] == answer.text
    assert script.stopped == 1


async def test_what_a_stopped_answer_cites_is_looked_up(database: Database) -> None:
    place = "Data lives in the folder named by CHATBOT_DATA_DIR."
    evidence = Evidence(
        number=1, document_id="d", knowledge_base_id="kb", path="a.md", title="A", url="", heading_path=(), anchor="",
        text=place, start=40, end=40 + len(place), score=1.0,
    )  # fmt: skip
    found = Retrieved(query="?", language="en", hits=(), passages=(evidence,))
    script = Script(f"{place} [1] ", "And the", " next sentence", hold_after=2, found=found)
    async with running(service(database, script)) as runs:
        run = begin(database, runs)
        await until(lambda: "And" in answer_of(database, run).text)
        runs.cancel(run.id)
        events = await heard(runs, run.id)
    assert [event.kind for event in events][-2:] == ["cited", "run_cancelled"]
    answer = answer_of(database, run)
    assert [(each["number"], each["start"], each["supported"]) for each in answer.citations] == [(1, 40, True)]
    assert (answer.status, answer.uncited) == ("cancelled", [])


async def test_another_process_follows_and_cancels(database: Database) -> None:
    script = Script("one ", "two")
    async with running(service(database, script)) as here, running(service(database, Script())) as there:
        script.gate.clear()
        run = begin(database, here)
        listening = asyncio.create_task(heard(there, run.id))
        await until(lambda: bool(script.begun))
        with database.write() as connection:
            RunStore(connection, ME).request_cancel(run.id)
        events = await listening
    assert [event.kind for event in events] == ["run_started", "run_cancelled"]


async def test_a_run_whose_process_died_is_begun_again(database: Database) -> None:
    left = orphan(database, owner=DEAD_PROCESS)
    script = Script("again")
    async with running(service(database, script)) as runs:
        events = await heard(runs, left.id)
    assert script.begun == [2]
    assert json.loads(events[0].data)["attempt"] == 2
    assert answer_of(database, left).text == "again"


async def test_a_run_of_another_machine_is_taken_over_when_its_process_falls_silent(database: Database) -> None:
    elsewhere = ProcessRegistry(replace(this_process("api"), host="elsewhere"))
    with database.write() as connection:
        elsewhere.beat(connection)
    left = orphan(database, owner=elsewhere.me.id)
    late = orphan(database, owner=DEAD_PROCESS)
    now = [0.0]
    async with running(service(database, Script("again"), lease_seconds=2.0, clock=lambda: now[0])) as runs:
        await heard(runs, late.id)
        assert run_of(database, left).attempt == 1, "it has only just been heard of"
        now[0] += 3.0
        await heard(runs, left.id)
        assert run_of(database, left).attempt == 2


async def test_numbers_go_on_in_the_next_attempt_and_earlier_text_does_not_count(database: Database) -> None:
    script = Script("half ", "whole", hold_after=1)
    first = service(database, script)
    await first.start()
    run = begin(database, first)
    await until(lambda: "half" in answer_of(database, run).text)
    await first.stop()
    async with running(service(database, Script("new"))) as second:
        events = await heard(second, run.id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.kind for event in events].count("run_started") == 2
    assert answer_of(database, run).text == "new"


async def test_only_one_of_two_that_believe_to_hold_a_run_writes(database: Database) -> None:
    script = Script("old ", "old ", "old", hold_after=1)
    old = service(database, script)
    await old.start()
    run = begin(database, old)
    await until(lambda: bool(answer_of(database, run).text))
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE runs SET lease_owner = 'somebody else'")
    async with running(service(database, Script("new"))) as new:
        await heard(new, run.id)
        script.gate.set()
        await until(lambda: script.stopped == 1)
        events = await heard(new, run.id)
    await old.stop()
    assert answer_of(database, run).text == "new"
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert events[-1].kind == "run_finished"


async def test_a_run_that_breaks_every_process_is_given_up(database: Database) -> None:
    left = orphan(database, owner=DEAD_PROCESS)
    async with running(service(database, Script("never"), max_attempts=1)) as runs:
        events = await heard(runs, left.id)
    assert [event.kind for event in events] == ["run_started", "run_failed"]
    assert json.loads(events[1].data)["code"] == "given_up"


async def _raising(error: Exception, run: Run) -> AsyncIterator[RunEvent]:
    raise error
    yield started(run)


@pytest.mark.parametrize(
    ("error", "code"), [(ModelUnavailable("It is away."), "model_unavailable"), (KeyError("secret"), "internal_error")]
)
async def test_an_accident_ends_a_run_and_says_so(database: Database, error: Exception, code: str) -> None:
    async with running(service(database, lambda run: _raising(error, run))) as runs:  # type: ignore[arg-type]
        run = begin(database, runs)
        events = await heard(runs, run.id)
    assert [event.kind for event in events] == ["run_started", "run_failed"]
    assert json.loads(events[1].data)["code"] == code
    assert "secret" not in events[1].data
    assert answer_of(database, run).status == "failed"


async def test_deleting_the_conversation_ends_run_and_stream(database: Database) -> None:
    script = Script("one", "two")
    async with running(service(database, script)) as runs:
        script.gate.clear()
        run = begin(database, runs)
        listening = asyncio.create_task(heard(runs, run.id))
        await until(lambda: bool(script.begun))
        with database.write() as connection:
            ThreadStore(connection, ME).delete(run.thread_id)
        script.gate.set()
        await listening
        await until(lambda: script.stopped == 1)


async def test_a_key_for_one_run_is_forgotten_at_its_end(database: Database) -> None:
    endpoint = {"name": "m", "base_url": "http://model.example/v1", "api_key": "sk-secret"}
    async with running(service(database, Script("done"))) as runs:
        run = begin(database, runs, asked=spec(model=endpoint))
        assert run.spec.model == endpoint
        await heard(runs, run.id)
    assert run_of(database, run).spec.model == {**endpoint, "api_key": ""}


def test_messages_keep_their_order_whatever_the_clocks_say(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two machines write to one thread, and the clock of the second is some seconds behind."""
    now = time.time_ns()
    clocks = itertools.count()

    def made_elsewhere() -> str:
        number = next(clocks)
        return f"{(now // 1_000_000 - number * 3_000) << 80 | number:032x}"

    monkeypatch.setattr(threads_store, "new_id", made_elsewhere)
    with database.write() as connection:
        conversations = ThreadStore(connection, ME)
        thread = conversations.create("", ())
        question = conversations.add_question(thread, None, "First?")
        answer = conversations.add_answer(thread.id, question, "r" * 32)
        later = conversations.add_question(thread, answer, "Second?")
        newest = conversations.add_answer(thread.id, later, "s" * 32)
        for run_id, message_id, asked in (("r" * 32, answer, question), ("s" * 32, newest, later)):
            RunStore(connection, ME).add(
                run_id=run_id,
                thread_id=thread.id,
                message_id=message_id,
                user_message_id=asked,
                spec=spec(),
                owner=DEAD_PROCESS,
            )
    assert sorted([question, answer, later, newest], reverse=True) == [question, answer, later, newest]
    with database.read() as connection:
        conversations = ThreadStore(connection, ME)
        first, cursor = conversations.messages(thread.id, 3)
        rest, last = conversations.messages(thread.id, 3, cursor or "")
        end = conversations.newest(thread.id)
        assert conversations.get(thread.id).active_run_id == "s" * 32
    assert [message.id for message in [*first, *rest]] == [question, answer, later, newest]
    assert (last, end and end.id) == (None, newest)


async def test_messages_added_at_once_get_different_numbers(database: Database) -> None:
    with database.write() as connection:
        thread = ThreadStore(connection, ME).create("", ())

    def add(number: int) -> None:
        with database.write() as connection:
            ThreadStore(connection, ME).add_question(thread, None, f"Question {number}?")

    await asyncio.gather(*(asyncio.to_thread(add, number) for number in range(8)))
    with database.read() as connection:
        assert len(ThreadStore(connection, ME).messages(thread.id, 100)[0]) == 8


@pytest.mark.parametrize(
    ("error", "times"),
    [
        (OperationalError("INSERT", {}, Exception("the database system is shutting down")), 2),
        (InterfaceError("INSERT", {}, Exception("connection already closed")), 2),
        (PoolTimeout("QueuePool limit reached"), 2),
        (InternalError("INSERT", {}, Exception("current transaction is aborted")), 2),
        (DatabaseError("INSERT", {}, Exception("database disk image is malformed")), 1),
        (RuntimeError("what nobody thought of"), 1),
    ],
)
async def test_no_error_of_the_database_ends_the_writer(database: Database, error: Exception, times: int) -> None:
    """What is no fault of the run's entries may last: they are kept, and the run is not failed for it."""
    failing = FailingDatabase(database.engine.url.render_as_string(hide_password=False), *[error] * times)
    async with running(service(failing, Script("Hel", "lo"))) as runs:
        run = begin(database, runs)
        events = await heard(runs, run.id)
        assert runs.state == "ok"
    failing.close()
    assert [event.kind for event in events] == ["run_started", "text_delta", "text_delta", "run_finished"]
    assert answer_of(database, run).text == "Hello"


async def test_a_run_whose_events_are_refused_fails_alone(database: Database) -> None:
    gate = asyncio.Event()

    async def speak(run: Run) -> AsyncGenerator[RunEvent, None]:
        yield started(run)
        await gate.wait()
        yield TextDelta(text="said")
        yield finished("said")

    async with running(service(database, speak)) as runs:
        bad, good = begin(database, runs), begin(database, runs)
        await until(lambda: run_of(database, good).last_event_id == run_of(database, bad).last_event_id == 1)
        with database.write() as connection:  # its next number is taken, as by a process that was thought dead
            add_events(connection, [(bad.id, StoredEvent(seq=2, kind="text_delta", data='{"text": "x"}'))])
        gate.set()
        failed, whole = await asyncio.gather(heard(runs, bad.id), heard(runs, good.id))
        assert runs.state == "ok"
    assert [event.kind for event in whole] == ["run_started", "text_delta", "run_finished"]
    assert [event.kind for event in failed] == ["run_started", "text_delta", "run_failed"]
    assert json.loads(failed[-1].data)["code"] == "event_not_stored"
    assert (answer_of(database, bad).status, answer_of(database, bad).text) == ("failed", "x")
    assert answer_of(database, good).status == "finished"


async def test_without_its_writer_a_process_lets_go_of_its_runs_and_says_so(database: Database) -> None:
    failing = FailingDatabase(database.engine.url.render_as_string(hide_password=False), Fatal())
    script = Script("never ", "kept")
    runs = service(failing, script, lease_seconds=1.1)
    await runs.start()
    run = begin(database, runs)
    await until(lambda: runs.state != "ok" and script.stopped == 1)
    with pytest.raises(NotReady):
        runs.check_room()
    async with running(service(database, Script("elsewhere"), lease_seconds=1.1)) as others:
        await heard(others, run.id)
    await runs.stop()
    failing.close()
    assert answer_of(database, run).text == "elsewhere"
