"""Jobs on the real engine, with real worker processes that are really killed, on both databases."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text, update
from sqlalchemy.exc import DatabaseError, OperationalError

from backend.jobs.engine import engine_url
from backend.jobs.events import Stage
from backend.jobs.kinds import Arguments, JobKind, Outcome, Steps
from backend.jobs.queue import JobQueue
from backend.jobs.tables import job_arguments
from backend.jobs.types import FINISHED, Job
from backend.processes.identity import this_process
from backend.processes.registry import ProcessRegistry
from backend.processes.worker import EXIT_RESTART, Worker, WorkerOptions, options_for
from backend.settings import RunSettings
from knowledge.storage.database import Database
from knowledge.types import Scope
from tests.clock import Clock
from tests.counting_worker import counting_queue
from tests.databases import DIALECTS, database_url
from tests.failing_database import FailingDatabase

ROOT = Path(__file__).resolve().parents[2]
ME = Scope(workspace_id="w", user_id="me")
QUEUE = counting_queue()


class Rig:
    """A database, a folder where jobs count, and the workers on it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.database = Database(url)
        self.workers: list[subprocess.Popen[bytes]] = []

    def start_worker(self, silent_after_s: float = 3.0) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.counting_worker", self.url, str(self.folder), str(silent_after_s)]
        self.workers.append(subprocess.Popen(command, cwd=ROOT))
        return self.workers[-1]

    def enqueue(
        self,
        name: str,
        base: str = "kb",
        to: int = 3,
        step_s: float = 0.01,
        *,
        run_at: datetime | None = None,
        **arguments: Any,
    ) -> Job:
        with self.database.write() as connection:
            given = {"name": name, "to": to, "step_s": step_s, **arguments}
            return QUEUE.enqueue(connection, ME, "count", given, knowledge_base_id=base, run_at=run_at)

    def get(self, job: Job) -> Job:
        with self.database.read() as connection:
            return QUEUE.get(connection, ME, job.id)

    def until(self, job: Job, met: Callable[[Job], bool], timeout_s: float = 60) -> Job:
        self.wait_for(lambda: met(self.get(job)), timeout_s)
        return self.get(job)

    def ended(self, job: Job) -> Job:
        return self.until(job, lambda found: found.status in FINISHED)

    def go_on(self, name: str) -> None:
        """Ends the silent step of this job."""
        (self.folder / f"{name}.go").touch()

    def counted(self, name: str) -> int:
        path = self.folder / name
        return len(path.read_text().split()) if path.exists() else 0

    def until_counted(self, job: Job, name: str, number: int) -> None:
        self.until(job, lambda _: self.counted(name) >= number)

    def cancel(self, job: Job) -> Job:
        with self.database.write() as connection:
            return QUEUE.cancel(connection, ME, job.id)

    def retry(self, job: Job) -> Job:
        with self.database.write() as connection:
            return QUEUE.retry(connection, ME, job.id)

    def wait_for(self, met: Callable[[], object], timeout_s: float = 60) -> None:
        deadline = time.monotonic() + timeout_s
        while not met():
            if time.monotonic() > deadline:
                raise TimeoutError("what was waited for did not come")
            time.sleep(0.05)

    def workflows(self) -> int:
        """How many the engine keeps."""
        url, schema = engine_url(self.url, self.folder), "" if self.url.startswith("sqlite") else "dbos."
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.connect() as connection:
            count: int = connection.execute(text(f"SELECT count(*) FROM {schema}workflow_status")).scalar_one()
        engine.dispose()
        return count

    def delete_engine(self) -> None:
        """Everything the engine keeps."""
        if self.url.startswith("sqlite"):
            for file in self.folder.glob("jobs.db*"):
                file.unlink()
        else:
            self.wait_for(self._drop_schema, timeout_s=60)

    def _drop_schema(self) -> bool:
        try:
            with self.database.write() as connection:
                connection.execute(text("DROP SCHEMA dbos CASCADE"))
        except OperationalError:  # it and a worker waited for each other
            return False
        return True

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()
        self.database.close()


@pytest.fixture(params=DIALECTS)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    with database_url(request.param, tmp_path) as url:
        made = Rig(url, tmp_path)
        yield made
        made.close()


def test_a_job_asked_for_before_any_worker_ever_ran_is_done(rig: Rig) -> None:
    job = rig.enqueue("early")
    rig.start_worker()
    assert rig.ended(job).result == {"counted": 3, "resumed_at": 0}


def test_a_killed_worker_is_continued_where_it_was(rig: Rig) -> None:
    job = rig.enqueue("long", to=60, step_s=0.05)
    first = rig.start_worker()
    rig.until_counted(job, "long", 20)
    first.kill()
    first.wait()
    rig.start_worker()
    done = rig.ended(job)
    assert done.status == "succeeded"
    assert done.attempt == 2
    assert 20 <= done.result["resumed_at"] < 60
    assert (rig.folder / "long").read_text().split() == [str(number) for number in range(60)]


def test_a_worker_that_is_asked_to_stop_gives_its_job_back(rig: Rig) -> None:
    job = rig.enqueue("long", to=60, step_s=0.05)
    first = rig.start_worker()
    rig.until_counted(job, "long", 5)
    first.terminate()
    assert first.wait(timeout=20) == 0
    assert rig.get(job).status == "queued"
    rig.start_worker()
    assert rig.ended(job).result["resumed_at"] >= 5


def test_a_running_job_can_be_cancelled_and_then_goes_on(rig: Rig) -> None:
    rig.start_worker()
    job = rig.enqueue("long", to=80, step_s=0.05)
    rig.until_counted(job, "long", 5)
    rig.cancel(job)
    assert rig.ended(job).status == "cancelled"
    assert rig.counted("long") < 80
    rig.retry(job)
    done = rig.ended(job)
    assert done.status == "succeeded"
    assert done.result["resumed_at"] >= 5


def test_a_handler_that_does_not_listen_is_cancelled_over_its_head(rig: Rig) -> None:
    rig.start_worker()
    job = rig.enqueue("deaf", silent_at=0)
    rig.until(job, lambda found: found.status == "running")
    rig.cancel(job)
    assert rig.ended(job).status == "cancelled", "although its step is not over"
    next_in_line = rig.enqueue("next")
    rig.go_on("deaf")
    assert rig.ended(next_in_line).status == "succeeded"
    assert rig.counted("deaf") <= 1, "what it does after that is the end of its step"


def test_one_after_the_other_in_a_base_and_side_by_side_across_bases(rig: Rig) -> None:
    rig.start_worker()
    rig.start_worker()
    first = rig.enqueue("first", silent_at=0)
    second = rig.enqueue("second")
    elsewhere = rig.enqueue("elsewhere", base="other")
    rig.ended(elsewhere)
    assert rig.get(first).status in {"queued", "running"}
    assert rig.get(second).status == "queued"
    rig.go_on("first")
    rig.ended(second)
    assert rig.get(first).status == "succeeded"


def test_many_workers_do_every_job_once(rig: Rig) -> None:
    for _ in range(3):
        rig.start_worker(silent_after_s=300)  # a busy machine holds up the living for longer than three seconds
    made = [rig.enqueue(f"job-{number}", base=f"kb-{number % 5}", to=2) for number in range(20)]
    for job in made:
        assert rig.ended(job).attempt == 1
    for number in range(20):
        assert (rig.folder / f"job-{number}").read_text().split() == ["0", "1"]


def test_a_job_that_ends_every_worker_is_given_up_and_the_next_one_done(rig: Rig) -> None:
    poisoned = rig.enqueue("poison", to=3, dies_at=0)
    harmless = rig.enqueue("harmless")
    while rig.get(poisoned).status not in FINISHED:
        worker = rig.start_worker()
        while worker.poll() is None and rig.get(poisoned).status not in FINISHED:
            time.sleep(0.05)
    assert rig.get(poisoned).error_code == "worker_crashed"
    assert rig.ended(harmless).status == "succeeded"


def test_what_the_engine_forgot_is_submitted_again(rig: Rig) -> None:
    """As after its own tables were deleted: the row of the job is what counts."""
    job = rig.enqueue("forgotten", to=40, step_s=0.05)
    waiting = rig.enqueue("waiting")
    first = rig.start_worker()
    rig.until_counted(job, "forgotten", 5)
    first.kill()
    first.wait()
    rig.delete_engine()
    rig.start_worker()
    assert rig.ended(job).result["resumed_at"] >= 5
    assert rig.ended(waiting).status == "succeeded"


def test_a_worker_whose_engine_is_deleted_wants_to_be_started_again_and_then_every_job_ends(rig: Rig) -> None:
    job = rig.enqueue("running", to=8, silent_at=5)
    waiting = rig.enqueue("waiting")
    first = rig.start_worker()
    rig.until_counted(job, "running", 5)
    rig.delete_engine()
    assert first.wait(timeout=60) == EXIT_RESTART
    rig.go_on("running")
    rig.start_worker()
    later = rig.enqueue("later")
    assert rig.ended(job).result["resumed_at"] >= 5
    assert rig.ended(waiting).status == "succeeded"
    assert rig.ended(later).status == "succeeded"


def test_a_worker_whose_job_hangs_ends_itself_though_it_could_beat_on(rig: Rig) -> None:
    clock, hanging, ended, go_on = Clock(), threading.Event(), threading.Event(), threading.Event()
    exit_codes: list[int] = []

    def hang(container: None, job: Job, given: Arguments) -> Steps:
        yield None
        hanging.set()
        go_on.wait()

    def end_process(code: int) -> None:
        exit_codes.append(code)
        ended.set()

    queue = JobQueue([JobKind(name="hang", arguments=Arguments, run=hang)], ProcessRegistry(this_process("api")))
    with rig.database.write() as connection:
        job = queue.enqueue(connection, ME, "hang", {})
    url = engine_url(rig.url, rig.folder)
    options = WorkerOptions(poll_s=0.05, beat_s=0.05)
    worker = Worker(rig.database, queue, url, None, options=options, clock=clock, end_process=end_process)
    worker.start()
    try:
        assert hanging.wait(60)
        clock.now += options.quiet_limit_s
        assert not ended.wait(1.0), "it is only shown as stuck"
        clock.now += options.hang_limit_s - options.quiet_limit_s + 1
        assert ended.wait(60)
        assert exit_codes[0] == EXIT_RESTART
        assert rig.get(job).status == "running", "so that whoever takes it up counts it as a crash of this job"
    finally:
        go_on.set()
        worker.stop()


@pytest.mark.parametrize("lasts", [1, 2, 6])
def test_no_error_of_the_database_leaves_a_job_to_a_worker_that_does_nothing(rig: Rig, lasts: int) -> None:
    """The worker lives on, so nobody else would take the job up: it goes on by itself, or is failed."""
    errors = [DatabaseError("UPDATE", {}, Exception("database disk image is malformed")) for _ in range(lasts)]
    failing = FailingDatabase(rig.url, in_threads="dbos-executor")

    def fail(container: None, job: Job, given: Arguments) -> Steps:
        if job.attempt == 1:
            failing.errors = errors
        yield Stage(name="begun", done=1, total=1)
        yield Outcome(result={"done": True})

    queue = JobQueue([JobKind(name="fail", arguments=Arguments, run=fail)], ProcessRegistry(this_process("api")))
    with rig.database.write() as connection:
        job = queue.enqueue(connection, ME, "fail", {})
    options = WorkerOptions(poll_s=0.05, max_crashes=3, retry_s=0.01)
    worker = Worker(failing, queue, engine_url(rig.url, rig.folder), None, options=options)
    worker.start()
    try:
        assert rig.ended(job).status in ("succeeded", "failed")
    finally:
        worker.stop()
        failing.close()


@pytest.mark.parametrize("lease_seconds", [1.5, 15.0, 120.0])
def test_a_worker_judges_by_the_rule_of_those_that_answer(lease_seconds: float) -> None:
    runs = RunSettings(lease_seconds=lease_seconds)
    options = options_for(runs)
    assert options.silent_after_s >= lease_seconds, "they beat three times in a lease, which may be long"
    assert options.idle_beat_s < lease_seconds / 2, "they take a worker for dead that is silent for a lease"


def test_what_has_ended_is_forgotten_by_the_engine(rig: Rig) -> None:
    worker = rig.start_worker()
    for number in range(3):
        rig.ended(rig.enqueue(f"job-{number}", base=f"kb-{number}"))
    rig.wait_for(lambda: rig.workflows() == 0)
    worker.kill()


def test_a_job_for_later_waits_without_holding_up_its_line(rig: Rig) -> None:
    rig.start_worker()
    now = datetime.now(UTC)
    later = rig.enqueue("later", run_at=now + timedelta(hours=1))
    soon = rig.enqueue("soon", run_at=now + timedelta(seconds=1))
    assert rig.ended(rig.enqueue("at-once")).status == "succeeded"
    started = rig.ended(soon).started_at
    assert started is not None
    assert started >= now + timedelta(seconds=1)
    assert rig.get(later).status == "queued"
    rig.cancel(later)
    assert rig.get(later).status == "cancelled"


def test_a_job_whose_worker_died_can_be_cancelled(rig: Rig) -> None:
    job = rig.enqueue("long", to=600, step_s=0.05)
    first = rig.start_worker()
    rig.until_counted(job, "long", 2)
    first.kill()
    first.wait()
    rig.cancel(job)
    rig.start_worker()
    assert rig.ended(job).status == "cancelled"


def test_a_job_whose_arguments_cannot_be_read_is_failed(rig: Rig) -> None:
    """As when the version that is to do it knows no such kind, or another model of it."""
    job = rig.enqueue("strange")
    with rig.database.write() as connection:
        connection.execute(update(job_arguments).values(arguments={"strange": True}))
    rig.start_worker()
    assert rig.ended(job).error_code == "internal_error"
