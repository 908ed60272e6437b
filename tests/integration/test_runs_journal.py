"""Journals and decisions in the database, on both engines: another process goes on where one died."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, select, update

import backend.approvals.tables
from agents.events import ApprovalRequested, RunEvent
from agents.messages.parts import ToolCall, ToolResult
from agents.phases.context import RunContext
from agents.runner import Runner
from agents.scheduler.journal import Recorded
from agents.tools.policy import RolePolicy
from agents.tools.ports import ToolBox
from backend.approvals.store import ApprovalStore, add_requested, any_expired, expire
from backend.db.tables import run_journal, runs
from backend.errors import AlreadyDecided, Missing, NotWaiting
from backend.processes.tables import processes
from backend.runs.journal import add_records, read_journal
from backend.runs.types import Run
from backend.threads.store import ThreadStore
from knowledge.storage.database import Database
from knowledge.types import Scope
from tests.agents_at_work import CountingTool, phase
from tests.performing import NoAudit, ToldModel, phase_of
from tests.running import ME, answer_of, begin, heard, orphan, run_of, service, spec, until

table = backend.approvals.tables.approvals


class Performing:
    """An executor over a declared phase: looks, changes, and says so. One model and one set of tools for all
    processes, so that what was done twice shows."""

    def __init__(self, database: Database, *, look_hangs: bool = False) -> None:
        self.database = database
        self.look = CountingTool("look", hangs=look_hangs)
        self.change = CountingTool("change", "write")
        self.model = ToldModel(self._replies)
        self.phase = phase_of(phase({"worker": {"kind": "react", "speaks": True}}, tools=["*"]))

    def _replies(self, messages: object) -> str | ToolCall:
        done = sum(isinstance(part, ToolResult) for each in messages for part in each.parts)  # type: ignore[attr-defined]
        name = ("look", "change")[done] if done < 2 else ""
        return ToolCall(id=f"c{done}", name=name, arguments='{"what": "x"}') if name else "Changed."

    async def __call__(self, run: Run) -> AsyncGenerator[RunEvent | Recorded, None]:
        with self.database.read() as connection:
            journal = read_journal(connection, run.id)
        tools = {"look": self.look, "change": self.change}
        context = RunContext(
            run_id=run.id,
            thread_id=run.thread_id,
            spec=run.spec,
            attempt=run.attempt,
            may_wait=True,
            model=self.model,
            toolbox=ToolBox(tools=tools, policy=RolePolicy(listed=frozenset(tools)), audit=NoAudit()),
            journal=journal,
        )
        async for event in Runner([self.phase]).perform(context, asyncio.Event()):
            yield event


def asked_of(database: Database, run: Run) -> str:
    """The id of what a run waits for."""
    waiting = run_of(database, run).waiting_for
    assert waiting is not None
    return str(waiting["approvals"][0]["approval_id"])


async def test_what_one_process_did_another_does_not_do_again(database: Database) -> None:
    hanging = Performing(database, look_hangs=True)
    first = service(database, hanging)
    await first.start()
    run = begin(database, first, asked=spec(phase="work"))
    await until(lambda: bool(hanging.look.made))
    await first.stop()
    going = Performing(database)
    second = service(database, going)
    await second.start()
    await until(lambda: run_of(database, run).status == "waiting")
    assert (hanging.model.asked, going.model.asked) == (1, 1), "the first answer of the model was not asked for again"
    await second.stop()
    with database.write() as connection:  # days later, nobody knows these processes any more
        connection.execute(delete(processes))
        decided = ApprovalStore(connection, ME).decide(run.id, asked_of(database, run), "approve", owner="")
    assert decided.resumed
    third = service(database, going)
    await third.start()
    events = await heard(third, run.id)
    await third.stop()
    assert (len(going.look.made), len(going.change.made), going.model.asked) == (1, 1, 2)
    assert answer_of(database, run).text == "Changed."
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    with database.read() as connection:
        assert connection.execute(select(run_journal)).first() is None


async def test_a_decision_on_the_way_to_waiting_is_not_lost(database: Database) -> None:
    going = Performing(database)

    class Early(Performing):
        """Decides at the moment when the run says that it waits."""

        async def __call__(self, run: Run) -> AsyncGenerator[RunEvent | Recorded, None]:
            async for event in going(run):
                if not isinstance(event, Recorded) and event.kind == "run_waiting":
                    asked = event.asked["approvals"][0]["approval_id"]
                    with database.write() as connection:
                        made = ApprovalStore(connection, ME).decide(run.id, asked, "approve", owner="x")
                    assert not made.resumed
                yield event

    here = service(database, Early(database), lease_seconds=1.5)
    await here.start()
    run = begin(database, here, asked=spec(phase="work"))
    await heard(here, run.id)
    await here.stop()
    assert answer_of(database, run).text == "Changed."
    assert (len(going.change.made), run_of(database, run).resumes) == (1, 1)


async def test_of_two_decisions_one_counts_and_strangers_make_none(database: Database) -> None:
    going = Performing(database)
    here = service(database, going)
    await here.start()
    run = begin(database, here, asked=spec(phase="work"))
    await until(lambda: run_of(database, run).status == "waiting")
    asked = asked_of(database, run)
    stranger = Scope(workspace_id="local", user_id="other")
    with database.write() as connection, pytest.raises(Missing):
        ApprovalStore(connection, stranger).decide(run.id, asked, "approve", owner="")

    def decide(decision: str) -> object:
        with database.write() as connection:
            store = ApprovalStore(connection, ME)
            return store.decide(run.id, asked, decision, owner=here.owner)  # type: ignore[arg-type]

    both = await asyncio.gather(
        asyncio.to_thread(decide, "approve"), asyncio.to_thread(decide, "reject"), return_exceptions=True
    )
    assert sorted(type(each) is AlreadyDecided for each in both) == [False, True]
    await here.stop()


async def test_what_nobody_decided_in_time_goes_on_by_itself(database: Database) -> None:
    going = Performing(database)
    here = service(database, going)
    await here.start()
    run = begin(database, here, asked=spec(phase="work"))
    await until(lambda: run_of(database, run).status == "waiting")
    now = datetime.now(UTC)
    with database.write() as connection:
        assert not any_expired(connection, now)
        assert expire(connection, now, owner=here.owner) == []
        connection.execute(update(table).values(expires_at=now - timedelta(seconds=1)))
        assert any_expired(connection, now)
        resumed = expire(connection, now, owner=here.owner)
    for each in resumed:
        here.begin(each)
    await heard(here, run.id)
    await here.stop()
    assert (going.change.made, run_of(database, run).status) == ([], "finished")


def test_a_run_that_has_ended_is_decided_on_no_more_and_keys_are_kept_once(database: Database) -> None:
    run = orphan(database, owner="e" * 32)
    with database.write() as connection:
        add_records(connection, [(run.id, "a", {"n": 1}), (run.id, "b", {"text": "nul \x00 and \ud800"})])
        add_records(connection, [(run.id, "a", {"n": 2})])
        assert read_journal(connection, run.id)["a"] == {"n": 1}
        connection.execute(update(runs).values(status="finished"))
    with database.write() as connection, pytest.raises(Missing):
        ApprovalStore(connection, ME).decide(run.id, "x", "approve", owner="")
    assert NotWaiting.code == "run_not_waiting"


def test_the_time_in_which_people_were_waited_for_is_told_apart_and_counts_once(database: Database) -> None:
    run = orphan(database, owner="e" * 32)
    begun = datetime(2026, 1, 5, 12, tzinfo=UTC)

    def at(seconds: int) -> datetime:
        return begun + timedelta(seconds=seconds)

    # Two at once, one within another, one later, and one that nobody decided before the end at 100.
    spans = {"a" * 32: (10, 20), "b" * 32: (15, 30), "c" * 32: (16, 18), "d" * 32: (40, 45), "e" * 32: (90, None)}
    with database.write() as connection:
        events = [
            ApprovalRequested(approval_id=each, tool="t", arguments={}, reason="", expires_at=at(999).isoformat())
            for each in spans
        ]
        add_requested(connection, [(run.id, event) for event in events])
        for approval_id, (asked, decided) in spans.items():
            values = {"requested_at": at(asked), "decided_at": None if decided is None else at(decided)}
            connection.execute(update(table).where(table.c.id == approval_id).values(**values))
    assert run_of(database, run).waited_s == 25
    with database.write() as connection:
        connection.execute(update(runs).values(status="finished", created_at=begun, finished_at=at(100)))
    assert (run_of(database, run).waited_s, answer_of(database, run).waited_s) == (35, 35)
    with database.read() as connection:
        listed, _ = ThreadStore(connection, ME).messages(run.thread_id, 10)
    assert [message.waited_s for message in listed] == [0, 35]
