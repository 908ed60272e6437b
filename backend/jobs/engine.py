"""The job engine: DBOS Transact, which keeps the lines and hands each workflow to one worker.

A workflow is one round of one job and holds nothing but its number: what is to be done, and how far it is, stands in
the row of the job. DBOS keeps one instance per process, and so does this.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.exc import ProgrammingError

from knowledge.storage.write_ahead import use_write_ahead_log

QUEUE = "jobs"
WORKFLOW = "run_job"
VERSION = "1"
"""Fixed, so that what waited or ran before an upgrade is taken up after it: a job's row is read by every version."""
_UNFINISHED = frozenset({"ENQUEUED", "DELAYED", "PENDING"})


def engine_url(database_url: str, data_dir: Path) -> str:
    """Where the engine keeps its own tables: on PostgreSQL the schema `dbos` of the same database; beside SQLite a
    file of its own, so that its polling and our writing never wait for one another. It may be deleted at any time."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{(data_dir / 'jobs.db').as_posix()}"
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


class EngineLost(Exception):
    """The engine's tables were deleted while it works. Only a new start, in a new process, makes them again."""


def workflow_id(job_id: str, round_: int) -> str:
    return f"{job_id}.{round_}"


class DbosEngine:
    """Calls `run(job_id, round)` for each workflow submitted: those of one partition one after the other, in the order
    they were submitted, at most `concurrency` at once in this process, each by one worker of all that share the
    database."""

    def __init__(self, url: str, executor_id: str, run: Callable[[str, int], None], concurrency: int = 2) -> None:
        self._url = url
        self._executor_id = executor_id
        self._run = run
        self._concurrency = concurrency
        self._file: tuple[int, int] | None = None

    def start(self, poll_s: float = 0.25) -> None:
        """Makes or upgrades the engine's tables and begins to take up workflows."""
        from dbos import DBOS, DBOSPortableJSONSerializer

        run = self._run  # by itself, for a workflow is a plain function

        def run_job(job_id: str, round_: int) -> None:
            run(job_id, round_)

        DBOS(
            config={
                "name": "devops-chatbot",
                "system_database_url": self._url,
                # Never pickle: what stands in the database must not be able to become code.
                "serializer": DBOSPortableJSONSerializer(),
                "application_version": VERSION,
                "executor_id": self._executor_id,
                "enable_otlp": False,
                "log_level": "ERROR",
                "max_executor_threads": self._concurrency + 2,
                "scheduler_polling_interval_sec": 3600.0,
                # Nothing waits for the engine's notifications; a thread and a connection less.
                "use_listen_notify": False,
            }
        )
        # How often it may end its worker is for the job to say, which knows whether it got any further between.
        DBOS.workflow(name=WORKFLOW, max_recovery_attempts=1_000_000)(run_job)
        DBOS.listen_queues([QUEUE])
        if self._url.startswith("sqlite"):
            _make_write_ahead(self._url)
        DBOS.launch()
        limits: dict[str, Any] = {"partition_concurrency": 1, "worker_concurrency": self._concurrency}
        DBOS.register_queue(QUEUE, **limits, polling_interval_sec=poll_s, on_conflict="always_update")
        self._file = self._present_file()

    def stop(self) -> None:
        """Stops taking up workflows. Those that run go on in their threads."""
        from dbos import DBOS

        DBOS.destroy(destroy_registry=True)

    def submit(self, job_id: str, round_: int, *, partition: str, delay_s: float = 0.0) -> None:
        """Puts a round of a job at the end of its partition, after a delay if it has one; twice is once."""
        from dbos import DBOS, EnqueueOptions

        options: EnqueueOptions = {
            "workflow_name": WORKFLOW,
            "queue_name": QUEUE,
            "workflow_id": workflow_id(job_id, round_),
            "queue_partition_key": partition,
            "app_version": VERSION,
        }
        if delay_s > 0:
            options["delay_seconds"] = delay_s
        DBOS.enqueue_workflow_with_options(options, job_id, round_)

    def recover(self, living: Collection[str]) -> set[str]:
        """Hands the workflows of executors that do not live to those that do, and deletes what has ended; returns the
        ids of those that have not. Raises EngineLost."""
        from dbos import DBOS

        if self._present_file() != self._file:
            raise EngineLost("the file of its tables was deleted")
        try:
            found = DBOS.list_workflows(name=WORKFLOW, load_input=False, load_output=False)
        except ProgrammingError as error:
            raise EngineLost("its tables were deleted") from error
        over = [each.workflow_id for each in found if each.status not in _UNFINISHED]
        if over:
            DBOS.delete_workflows(over)
        dead = {each.executor_id for each in found if each.status == "PENDING" and each.executor_id} - set(living)
        if dead:
            # By itself the engine recovers only what this very executor left. This is its own recovery, for others: of
            # several workers that try at once one succeeds, and what one has begun again is not begun once more.
            DBOS._recover_pending_workflows(sorted(dead))
        return {each.workflow_id for each in found if each.status in _UNFINISHED}

    def _present_file(self) -> tuple[int, int] | None:
        """Which file stands where SQLite's is kept: connections that are open go on with one that was deleted."""
        if not self._url.startswith("sqlite"):
            return None
        try:
            found = Path(str(make_url(self._url).database)).stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino


def _make_write_ahead(url: str) -> None:
    """Readers of the engine's file do not wait for writers; the mode stays with the file."""
    import sqlite3

    with contextlib.closing(sqlite3.connect(str(make_url(url).database))) as connection:
        use_write_ahead_log(connection, within_s=30)
