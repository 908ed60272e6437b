"""What callers may count on of jobs, and workers of one another, on both databases and without an engine."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.exc import IntegrityError

from backend.jobs import claims
from backend.jobs.events import JobCancelled, JobProgressed, Refusal, Stage
from backend.jobs.execution import ClaimLost, Execution
from backend.jobs.kinds import Arguments, JobKind, Outcome, Steps
from backend.jobs.queue import JobQueue
from backend.jobs.tables import job_arguments, jobs
from backend.jobs.types import Job, JobActive, JobNotFound, JobStatus
from backend.processes.identity import this_process
from backend.processes.registry import ProcessRegistry
from knowledge.errors import FetchRefused
from knowledge.storage.database import Database
from knowledge.types import Scope
from tests.clock import Clock

ME = Scope(workspace_id="w", user_id="me")
COLLEAGUE = Scope(workspace_id="w", user_id="colleague")
STRANGER = Scope(workspace_id="elsewhere", user_id="me")


class GreetArguments(Arguments):
    name: str = "you"


def greet(container: Any, job: Job, given: GreetArguments) -> Steps:
    yield Outcome(result={"said": f"Hello {given.name}"})


GREET = JobKind(name="greet", arguments=GreetArguments, run=greet)


def queue_with(clock: Callable[[], float]) -> JobQueue:
    return JobQueue([GREET], ProcessRegistry(this_process("api")), clock=clock)


QUEUE = queue_with(time.monotonic)


def enqueue(database: Database, base: str = "kb", **options: Any) -> Job:
    with database.write() as connection:
        return QUEUE.enqueue(connection, ME, "greet", {}, knowledge_base_id=base, **options)


def get(database: Database, job: Job) -> Job:
    with database.read() as connection:
        return QUEUE.get(connection, ME, job.id)


def kinds(database: Database, job: Job) -> list[str]:
    with database.read() as connection:
        return [stored.event.kind for stored in QUEUE.events(connection, ME, job.id)]


def claim(database: Database, job: Job, worker: str = "worker-1", max_crashes: int = 3) -> Job | None:
    """As a worker does to which the engine gave this round of the job."""
    with database.write() as connection:
        return claims.claim(connection, job.id, 0, worker, max_crashes)


def take(database: Database, job: Job, worker: str = "worker-1") -> Execution:
    taken = claim(database, job, worker)
    assert taken is not None
    return Execution(database, taken, worker)


def silence(database: Database, job: Job, seconds: float) -> None:
    """Makes the job's last sign of life this old."""
    with database.write() as connection:
        then = datetime.now(UTC) - timedelta(seconds=seconds)
        connection.execute(update(jobs).where(jobs.c.id == job.id).values(heartbeat_at=then))


def unclaimed(database: Database, *living: str) -> list[str]:
    with database.read() as connection:
        return [row.id for row in claims.unclaimed(connection, living)]


# --- what callers see


def test_a_job_whose_transaction_is_rolled_back_never_was(database: Database) -> None:
    with contextlib.suppress(RuntimeError), database.write() as connection:
        QUEUE.enqueue(connection, ME, "greet", {})
        raise RuntimeError
    with database.read() as connection:
        assert QUEUE.page(connection, ME) == ([], None)


def test_the_same_key_is_the_same_job_for_the_same_owner(database: Database) -> None:
    first = enqueue(database, idempotency_key="k")
    assert enqueue(database, idempotency_key="k").id == first.id
    assert enqueue(database, idempotency_key="other").id != first.id
    assert enqueue(database).id != enqueue(database).id
    with database.write() as connection:
        assert QUEUE.enqueue(connection, COLLEAGUE, "greet", {}, idempotency_key="k").id != first.id


def test_jobs_of_another_workspace_do_not_exist(database: Database) -> None:
    job = enqueue(database)
    with database.write() as connection:
        for attempt in (QUEUE.get, QUEUE.events, QUEUE.cancel, QUEUE.retry):
            with pytest.raises(JobNotFound):
                attempt(connection, STRANGER, job.id)
        assert QUEUE.page(connection, STRANGER)[0] == []
        assert QUEUE.get(connection, COLLEAGUE, job.id).id == job.id


def test_pages_go_from_new_to_old_without_gap_or_repetition(database: Database) -> None:
    made = [enqueue(database).id for _ in range(5)]
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        with database.read() as connection:
            page, cursor = QUEUE.page(connection, ME, limit=2, cursor=cursor)
        seen += [job.id for job in page]
    assert seen == made[::-1]


def test_pages_can_be_narrowed(database: Database) -> None:
    one, two = enqueue(database, base="one"), enqueue(database, base="two")
    take(database, two)
    running: tuple[JobStatus, ...] = ("running",)
    with database.read() as connection:
        assert [job.id for job in QUEUE.page(connection, ME, knowledge_base_id="one")[0]] == [one.id]
        assert [job.id for job in QUEUE.page(connection, ME, status=running)[0]] == [two.id]


def test_a_waiting_job_is_cancelled_at_once_and_can_be_retried(database: Database) -> None:
    job = enqueue(database)
    with database.write() as connection:
        assert QUEUE.cancel(connection, ME, job.id).status == "cancelled"
        assert QUEUE.cancel(connection, ME, job.id).status == "cancelled"
        assert QUEUE.retry(connection, ME, job.id).status == "queued"
    assert kinds(database, job) == ["job_queued", "job_cancelled", "job_queued"]
    take(database, job)


def test_only_what_failed_or_was_cancelled_can_be_retried(database: Database) -> None:
    job = enqueue(database)
    with pytest.raises(JobActive), database.write() as connection:
        QUEUE.retry(connection, ME, job.id)


def test_arguments_are_checked_and_kept_apart_from_what_is_listed(database: Database) -> None:
    with database.write() as connection:
        with pytest.raises(ValueError, match="unheard_of"):
            QUEUE.enqueue(connection, ME, "greet", {"unheard_of": 1})
        job = QUEUE.enqueue(connection, ME, "greet", {"name": "x" * 1000})
        assert QUEUE.arguments(connection, job) == GreetArguments(name="x" * 1000)
        assert "x" * 1000 not in repr(connection.execute(select(jobs)).all())
        assert connection.scalar(select(job_arguments.c.job_id)) == job.id


def test_neither_a_list_nor_a_look_reads_arguments(database: Database) -> None:
    """They may be megabytes, and an interface looks every second."""
    statements: list[str] = []

    @event.listens_for(database.engine, "before_cursor_execute")
    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        statements.append(statement)

    with database.write() as connection:
        job = QUEUE.enqueue(connection, ME, "greet", {"name": "x" * 10_000})
    statements.clear()
    with database.read() as connection:
        assert [each.id for each in QUEUE.page(connection, ME)[0]] == [job.id]
        QUEUE.get(connection, ME, job.id)
        QUEUE.events(connection, ME, job.id)
    assert len(statements) > 2
    assert [each for each in statements if "arguments" in each] == []


def test_a_list_leaves_results_out_where_nobody_wants_them(database: Database) -> None:
    """That of an evaluation has a line for each question, and an interface looks every second."""
    job = enqueue(database)
    with database.write() as connection:
        connection.execute(update(jobs).values(result={"per_question": ["x" * 10_000]}))
    read: list[str] = []

    @event.listens_for(database.engine, "before_cursor_execute")
    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        read.append(statement)

    with database.read() as connection:
        [listed] = QUEUE.page(connection, ME, results=False)[0]
    assert (listed.id, listed.result) == (job.id, {})
    assert [each for each in read if "jobs.result" in each] == []
    with database.read() as connection:
        assert [each.result for each in QUEUE.page(connection, ME)[0]] == [{"per_question": ["x" * 10_000]}]


def test_what_no_database_holds_is_kept_all_the_same(database: Database) -> None:
    job = enqueue(database)

    def steps() -> Steps:
        yield Refusal(path="a\x00b\udcff.txt", code="unreadable_file", reason="NUL \x00")

    take(database, job).run(steps)
    assert get(database, job).failures[0].path == "a\ufffdb\ufffd.txt"


def test_a_job_is_stuck_when_it_runs_unheard_of_or_no_worker_awaits_it(database: Database) -> None:
    job = enqueue(database)
    assert not get(database, job).stuck, "it has only just been asked for"
    with database.write() as connection:
        connection.execute(update(jobs).values(created_at=datetime.now(UTC) - timedelta(minutes=1)))
    assert get(database, job).stuck
    with database.write() as connection:
        ProcessRegistry(this_process("worker")).beat(connection)
    assert not get(database, job).stuck
    take(database, job)
    assert not get(database, job).stuck
    silence(database, job, 60)
    afresh = queue_with(Clock())
    with database.write() as connection:
        assert afresh.get(connection, ME, job.id).stuck
        for silent in afresh.silent(connection):
            claims.report_stuck(connection, silent)
            claims.report_stuck(connection, silent)
    assert kinds(database, job).count("job_stuck") == 1


@pytest.mark.parametrize("hours", [3, -3])
def test_a_step_of_the_clock_makes_no_job_stuck_and_hides_none_that_is(database: Database, hours: int) -> None:
    """Seen from the clock as it was set, every heartbeat written before is so much older or younger."""
    clock = Clock()
    queue = queue_with(clock)
    job = enqueue(database)
    take(database, job)
    for seconds in (0, hours * 3600):
        silence(database, job, seconds)
        with database.read() as connection:
            assert not queue.get(connection, ME, job.id).stuck
            assert queue.silent(connection) == []
    clock.now += 16
    with database.read() as connection:
        assert queue.get(connection, ME, job.id).stuck
        assert [silent.id for silent in queue.silent(connection)] == [job.id]


# --- doing them


def test_a_job_shows_its_stages_its_failures_and_its_result(database: Database) -> None:
    job = enqueue(database)

    def steps() -> Steps:
        yield Stage(name="parsed", done=1, total=2)
        yield Refusal(path="x.pdf", code="unreadable_file", reason="It is encrypted.")
        yield Stage(name="parsed", done=2, total=2, failed=1)
        yield Outcome(result={"indexed": 1})

    take(database, job).run(steps)
    done = get(database, job)
    assert (done.status, done.result, done.attempt) == ("succeeded", {"indexed": 1}, 1)
    assert done.stages == (Stage(name="parsed", done=2, total=2, failed=1),)
    assert [failure.path for failure in done.failures] == ["x.pdf"]
    assert done.failure_count == 1
    assert set(kinds(database, job)) == {"job_queued", "job_started", "job_progressed", "file_refused", "job_succeeded"}
    assert kinds(database, job)[-1] == "job_succeeded"


def test_progress_that_was_overtaken_is_not_kept(database: Database) -> None:
    job = enqueue(database)

    def steps() -> Steps:
        yield Stage(name="parsed", done=1, total=9)
        assert kinds(database, job) == ["job_queued", "job_started", "job_progressed"]
        yield Stage(name="parsed", done=9, total=9)

    take(database, job).run(steps)
    with database.read() as connection:
        stored = QUEUE.events(connection, ME, job.id)
    assert [each.event.kind for each in stored] == ["job_queued", "job_started", "job_progressed", "job_succeeded"]
    assert stored[-1].id == get(database, job).last_event_id == 5
    assert isinstance(stored[-2].event, JobProgressed)
    assert stored[-2].event.stages[0].done == 9


def test_a_named_error_fails_the_job_with_its_sentence(database: Database) -> None:
    job = enqueue(database)

    def steps() -> Steps:
        yield None
        raise FetchRefused("The page answered 404.")

    take(database, job).run(steps)
    done = get(database, job)
    assert (done.status, done.error_code, done.error) == ("failed", "fetch_refused", "The page answered 404.")


@pytest.mark.parametrize("mistake", [ZeroDivisionError(), IntegrityError("INSERT", {}, Exception())])
def test_a_mistake_of_ours_fails_the_job_too(database: Database, mistake: Exception) -> None:
    """At its first step, before it, or in what it asks of the database."""
    job = enqueue(database)

    def steps() -> Steps:
        yield None
        raise mistake

    take(database, job).run(steps)
    assert get(database, job).error_code == "internal_error"
    job = enqueue(database)

    def begin() -> Steps:
        raise mistake

    take(database, job).run(begin)
    assert get(database, job).error_code == "internal_error"


@pytest.mark.parametrize(("asked", "status"), [("cancelled", "cancelled"), ("released", "queued")])
def test_a_job_that_is_stopped_may_clean_up(database: Database, asked: str, status: str) -> None:
    """Cancelled it has ended; released, because its worker is being stopped, it waits for the next."""
    job = enqueue(database)
    execution = take(database, job)
    closed: list[bool] = []

    def steps() -> Steps:
        try:
            yield Stage(name="parsed", done=1, total=2)
            getattr(execution, asked).set()
            yield None
            raise AssertionError("it went on")
        finally:
            closed.append(True)

    execution.run(steps)
    assert closed == [True]
    assert get(database, job).status == status
    assert get(database, job).stages[0].done == 1


# --- between workers


def test_a_job_is_unheld_while_it_waits_and_when_its_worker_is_dead(database: Database) -> None:
    job = enqueue(database)
    assert unclaimed(database, "worker-1") == [job.id]
    take(database, job)
    assert unclaimed(database, "worker-1") == []
    assert unclaimed(database, "worker-2") == [job.id]


def test_of_two_that_hand_a_job_to_the_engine_one_succeeds(database: Database) -> None:
    job = enqueue(database)
    with database.write() as connection:
        (row,) = claims.unclaimed(connection, ())
        assert claims.next_round(connection, row) == 1
        assert claims.next_round(connection, row) is None
    assert claim(database, job) is None, "an earlier round of it is no longer wanted"


def test_a_worker_that_was_given_up_writes_nothing_more(database: Database) -> None:
    job = enqueue(database)
    first = take(database, job)
    take(database, job, "worker-2")
    with database.write() as connection:
        first.beat(connection)
    assert first.lost.is_set()

    def steps() -> Steps:
        yield Stage(name="parsed", done=1, total=2)

    for write in (lambda: first.run(steps), first.release, lambda: first.end(JobCancelled())):
        with pytest.raises(ClaimLost):
            write()
    assert (get(database, job).status, get(database, job).attempt, get(database, job).stages) == ("running", 2, ())


class Killed(BaseException):
    """Ends a worker without a word."""


def killed_at(database: Database, job: Job, done: int) -> None:
    def steps() -> Steps:
        yield Stage(name="parsed", done=done, total=9)
        raise Killed

    with pytest.raises(Killed):
        take(database, job).run(steps)


def test_a_job_that_ends_its_worker_again_and_again_is_failed(database: Database) -> None:
    job = enqueue(database)
    for _ in range(3):
        killed_at(database, job, 0)
    assert claim(database, job) is None
    assert get(database, job).error_code == "worker_crashed"


def test_crashes_on_the_way_forward_do_not_add_up(database: Database) -> None:
    job = enqueue(database)
    for done in range(1, 8):
        killed_at(database, job, done)
    taken = claim(database, job)
    assert taken is not None
    assert taken.stages[0].done == 7


def test_a_job_whose_worker_dies_while_it_is_being_cancelled_is_cancelled(database: Database) -> None:
    for end in (lambda job, row: claim(database, job), lambda job, row: orphan_cancelled(database, row)):
        take(database, job := enqueue(database))
        with database.write() as connection:
            QUEUE.cancel(connection, ME, job.id)
            (row,) = claims.unclaimed(connection, ())
        end(job, row)
        assert get(database, job).status == "cancelled"
        assert kinds(database, job)[-1] == "job_cancelled"


def orphan_cancelled(database: Database, row: Any) -> None:
    with database.write() as connection:
        claims.cancel_orphan(connection, row)
