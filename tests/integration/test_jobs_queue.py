"""What callers may count on of jobs, and workers of one another, on both databases and without an engine."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from backend.db.tables import metadata
from backend.jobs import claims, registry
from backend.jobs.claims import Claim, ClaimLost
from backend.jobs.events import JobProgressed, Refusal, Stage
from backend.jobs.execution import Executor, Handler, Outcome, Step
from backend.jobs.ports import Job, JobActive, JobKind, JobNotFound, JobStatus
from backend.jobs.progress import StageCount
from backend.jobs.store import SqlJobQueue
from backend.jobs.tables import jobs, workers
from knowledge.errors import FetchRefused
from knowledge.storage.database import Database
from knowledge.types import Scope
from tests.databases import DIALECTS, blank_database_url

ME = Scope(workspace_id="w", user_id="me")
COLLEAGUE = Scope(workspace_id="w", user_id="colleague")
STRANGER = Scope(workspace_id="elsewhere", user_id="me")
QUEUE = SqlJobQueue()


@pytest.fixture(params=DIALECTS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with blank_database_url(request.param, tmp_path) as url:
        opened = Database(url)
        metadata.create_all(opened.engine)
        yield opened
        opened.close()


def enqueue(database: Database, kind: JobKind = "build", base: str = "kb", **options: Any) -> Job:
    with database.write() as connection:
        return QUEUE.enqueue(connection, ME, kind, {}, knowledge_base_id=base, **options)


def get(database: Database, job: Job) -> Job:
    with database.read() as connection:
        return QUEUE.get(connection, ME, job.id)


def kinds(database: Database, job: Job) -> list[str]:
    with database.read() as connection:
        return [stored.event.kind for stored in QUEUE.events(connection, ME, job.id)]


def take(database: Database, job: Job, worker: str = "worker-1", round_: int = 1) -> Claim:
    with database.write() as connection:
        held = claims.claim(connection, job.id, round_, worker)
    assert held is not None
    return held


def silence(database: Database, job: Job, seconds: float) -> None:
    """Makes the job's last sign of life this old."""
    with database.write() as connection:
        then = datetime.now(UTC) - timedelta(seconds=seconds)
        connection.execute(update(jobs).where(jobs.c.id == job.id).values(heartbeat_at=then))


def take_over(database: Database, max_crashes: int = 3) -> list[str]:
    with database.write() as connection:
        return [claims.take_over(connection, row, max_crashes=max_crashes) for row in claims.running_rows(connection)]


def execute(database: Database, job: Job, handler: Handler, round_: int = 1) -> None:
    Executor(database, "worker-1", {"build": handler}).run(job.id, round_)


# --- what callers see


def test_a_job_whose_transaction_is_rolled_back_never_was(database: Database) -> None:
    with contextlib.suppress(RuntimeError), database.write() as connection:
        QUEUE.enqueue(connection, ME, "build", {})
        raise RuntimeError
    with database.read() as connection:
        assert QUEUE.page(connection, ME) == ([], None)


def test_the_same_key_is_the_same_job_for_the_same_owner(database: Database) -> None:
    first = enqueue(database, idempotency_key="k")
    assert enqueue(database, idempotency_key="k").id == first.id
    assert enqueue(database, idempotency_key="other").id != first.id
    assert enqueue(database).id != enqueue(database).id
    with database.write() as connection:
        assert QUEUE.enqueue(connection, COLLEAGUE, "build", {}, idempotency_key="k").id != first.id


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
    with database.write() as connection:
        assert claims.claim(connection, job.id, 1, "worker-1") is None, "the round that was cancelled stays so"
    take(database, job, round_=2)


def test_only_what_failed_or_was_cancelled_can_be_retried(database: Database) -> None:
    job = enqueue(database)
    with pytest.raises(JobActive), database.write() as connection:
        QUEUE.retry(connection, ME, job.id)


def test_what_no_database_holds_is_kept_all_the_same(database: Database) -> None:
    job = enqueue(database)

    def handler(held: Claim) -> Generator[Step, None, None]:
        yield Refusal(path="a\x00b\udcff.txt", code="unreadable_file", reason="NUL \x00")

    execute(database, job, handler)
    assert get(database, job).failures[0].path == "a\ufffdb\ufffd.txt"


def test_a_job_is_stuck_when_it_runs_unheard_of_or_no_worker_awaits_it(database: Database) -> None:
    job = enqueue(database)
    assert not get(database, job).stuck, "it has only just been asked for"
    with database.write() as connection:
        connection.execute(update(jobs).values(created_at=datetime.now(UTC) - timedelta(minutes=1)))
    assert get(database, job).stuck
    with database.write() as connection:
        registry.sign_on(connection, registry.this_process())
    assert not get(database, job).stuck
    take(database, job)
    assert not get(database, job).stuck
    silence(database, job, 60)
    assert get(database, job).stuck
    with database.write() as connection:
        for row in claims.running_rows(connection):
            claims.tell_stuck(connection, row)
            claims.tell_stuck(connection, row)
    assert kinds(database, job).count("job_stuck") == 1


# --- doing them


def test_a_job_shows_its_stages_its_failures_and_its_result(database: Database) -> None:
    job = enqueue(database)

    def handler(held: Claim) -> Generator[Step, None, None]:
        yield StageCount(name="parsed", done=1, total=2)
        yield Refusal(path="x.pdf", code="unreadable_file", reason="It is encrypted.")
        yield StageCount(name="parsed", done=2, total=2, failed=1)
        yield Outcome(result={"indexed": 1})

    execute(database, job, handler)
    done = get(database, job)
    assert (done.status, done.result, done.attempt) == ("succeeded", {"indexed": 1}, 1)
    assert done.stages == (Stage(name="parsed", done=2, total=2, failed=1),)
    assert [failure.path for failure in done.failures] == ["x.pdf"]
    assert done.failure_count == 1
    assert set(kinds(database, job)) == {"job_queued", "job_started", "job_progressed", "file_refused", "job_succeeded"}
    assert kinds(database, job)[-1] == "job_succeeded"


def test_progress_that_was_overtaken_is_not_kept(database: Database) -> None:
    held = take(database, job := enqueue(database))
    for done in range(5):
        with database.write() as connection:
            stages = (Stage(name="parsed", done=done, total=9),)
            claims.record_progress(connection, held, stages, events=(), shown=(), failure_count=0)
    with database.read() as connection:
        stored = QUEUE.events(connection, ME, job.id)
    assert [each.event.kind for each in stored] == ["job_queued", "job_started", "job_progressed"]
    assert stored[-1].id == get(database, job).last_event_id == 7
    assert isinstance(stored[-1].event, JobProgressed)
    assert stored[-1].event.stages[0].done == 4


def test_a_named_error_fails_the_job_with_its_sentence(database: Database) -> None:
    job = enqueue(database)

    def handler(held: Claim) -> Generator[Step, None, None]:
        yield None
        raise FetchRefused("The page answered 404.")

    execute(database, job, handler)
    done = get(database, job)
    assert (done.status, done.error_code, done.error) == ("failed", "fetch_refused", "The page answered 404.")


def test_a_mistake_of_ours_fails_the_job_too(database: Database) -> None:
    job = enqueue(database)

    def handler(held: Claim) -> Generator[Step, None, None]:
        yield None
        raise ZeroDivisionError

    execute(database, job, handler)
    assert get(database, job).error_code == "internal_error"


def test_a_handler_that_is_stopped_may_clean_up(database: Database) -> None:
    job = enqueue(database)
    closed: list[bool] = []
    executor: Executor

    def handler(held: Claim) -> Generator[Step, None, None]:
        try:
            yield None
            executor.running()[0].cancelled.set()
            yield None
            raise AssertionError("it went on")
        finally:
            closed.append(True)

    executor = Executor(database, "worker-1", {"build": handler})
    executor.run(job.id, 1)
    assert closed == [True]
    assert get(database, job).status == "cancelled"


def test_a_worker_that_stops_leaves_the_job_to_the_next(database: Database) -> None:
    job = enqueue(database)
    executor: Executor

    def handler(held: Claim) -> Generator[Step, None, None]:
        yield StageCount(name="parsed", done=1, total=2)
        executor.stop()
        yield None

    executor = Executor(database, "worker-1", {"build": handler})
    executor.run(job.id, 1)
    assert get(database, job).status == "queued"
    with database.read() as connection:
        assert [ticket.workflow_id for ticket in claims.unsubmitted(connection)] == [f"{job.id}.2"]


# --- taking over


def test_one_round_is_taken_up_once(database: Database) -> None:
    job = enqueue(database)
    take(database, job)
    with database.write() as connection:
        assert claims.claim(connection, job.id, 1, "worker-2") is None


def test_a_worker_that_was_given_up_writes_nothing_more(database: Database) -> None:
    first = take(database, job := enqueue(database))
    assert take_over(database) == ["queued"]
    take(database, job, "worker-2")
    with database.write() as connection:
        assert claims.beat(connection, [first]) == {job.id}
        with pytest.raises(ClaimLost):
            claims.record_progress(connection, first, (), events=(), shown=(), failure_count=0)
    assert (get(database, job).status, get(database, job).attempt) == ("running", 2)


def test_of_two_that_take_over_one_succeeds(database: Database) -> None:
    take(database, job := enqueue(database))
    with database.write() as connection:
        (row,) = claims.running_rows(connection)
        assert claims.take_over(connection, row, max_crashes=3) == "queued"
        assert claims.take_over(connection, row, max_crashes=3) == "changed"
    assert kinds(database, job).count("job_queued") == 2


def test_a_job_that_ends_its_worker_again_and_again_is_failed(database: Database) -> None:
    job = enqueue(database)
    for _ in range(2):
        take(database, job)
        assert take_over(database) == ["queued"]
    take(database, job)
    assert take_over(database) == ["failed"]
    assert get(database, job).error_code == "worker_crashed"


def test_crashes_on_the_way_forward_do_not_add_up(database: Database) -> None:
    job = enqueue(database)
    for done in range(1, 8):
        held = take(database, job)
        with database.write() as connection:
            stages = (Stage(name="parsed", done=done, total=9),)
            claims.record_progress(connection, held, stages, events=(), shown=(), failure_count=0)
        assert take_over(database) == ["queued"]


def test_a_job_whose_worker_dies_while_it_is_being_cancelled_is_cancelled(database: Database) -> None:
    take(database, job := enqueue(database))
    with database.write() as connection:
        QUEUE.cancel(connection, ME, job.id)
    assert take_over(database) == ["cancelled"]


def test_a_worker_lives_while_it_beats_and_its_process_is_there(database: Database) -> None:
    me = registry.this_process()
    now = datetime.now(UTC)
    far = {"pid": 1, "process_started": 0.0, "started_at": now}
    with database.write() as connection:
        registry.sign_on(connection, me)
        for name, host, seen in (
            ("elsewhere", "another machine", now),
            ("silent", "another machine", now - timedelta(minutes=2)),
            ("killed", me.host, now),
        ):
            row = {**far, "id": name, "host": host, "heartbeat_at": seen, "pid": 2**22 + 1}
            connection.execute(insert(workers).values(row))
        alive = registry.living(connection, timedelta(seconds=30))
        assert alive == {me.id, "elsewhere"}
        dead = registry.dead(connection, alive, timedelta(minutes=1))
        assert set(dead) == {"silent", "killed"}
        registry.bury(connection, dead)
        assert registry.living(connection, timedelta(days=1)) == {me.id, "elsewhere"}
