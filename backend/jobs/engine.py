"""The job engine: DBOS Transact, which keeps the lines, hands each workflow to one worker and survives its death.

A workflow is one round of one job and holds nothing but its number: what is to be done, and how far it is, stands in
the row of the job. DBOS keeps one instance per process, and so does this.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy import make_url

from backend.jobs.claims import Ticket
from knowledge.storage.write_ahead import use_write_ahead_log

APPLICATION = "devops-chatbot"
QUEUE = "jobs"
WORKFLOW = "run_job"
APPLICATION_VERSION = "1"
"""Fixed, so that what waited or ran before an upgrade is taken up after it: a job's row is read by every version."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Workflow:
    """A workflow as the engine knows it."""

    job_id: str
    round: int
    state: Literal["waiting", "running", "ended"]
    executor_id: str


def engine_url(database_url: str, data_dir: Path) -> str:
    """Where the engine keeps its own tables: on PostgreSQL the schema `dbos` of the same database; beside SQLite a
    file of its own, so that its polling and our writing never wait for one another. It may be deleted at any time."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{(data_dir / 'jobs.db').as_posix()}"
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


class DbosEngine:
    """Runs `run(job_id, round)` for each ticket submitted: those of one line one after the other in the order they were
    submitted, at most `concurrency` at once in this process, each by one worker of all that share the database."""

    def __init__(
        self,
        url: str,
        executor_id: str,
        run: Callable[[str, int], None],
        *,
        concurrency: int = 2,
        poll_s: float = 0.5,
    ) -> None:
        self._url = url
        self._executor_id = executor_id
        self._run = run
        self._concurrency = concurrency
        self._poll_s = poll_s

    def start(self) -> None:
        """Makes or upgrades the engine's tables and begins to take up workflows."""
        from dbos import DBOS, DBOSPortableJSONSerializer

        run = self._run

        def run_job(job_id: str, round_: int) -> None:
            DBOS.run_step({"name": "run"}, run, job_id, round_)

        DBOS(
            config={
                "name": APPLICATION,
                "system_database_url": self._url,
                # Never pickle: what stands in the database must not be able to become code.
                "serializer": DBOSPortableJSONSerializer(),
                "application_version": APPLICATION_VERSION,
                "executor_id": self._executor_id,
                "enable_otlp": False,
                "log_level": "ERROR",
                "max_executor_threads": self._concurrency + 2,
                "scheduler_polling_interval_sec": 3600.0,
                # Nothing waits for the engine's notifications; a thread and a connection less.
                "use_listen_notify": False,
            }
        )
        DBOS.workflow(name=WORKFLOW, max_recovery_attempts=1_000_000)(run_job)
        DBOS.listen_queues([QUEUE])
        if self._url.startswith("sqlite"):
            _make_write_ahead(self._url)
        DBOS.launch()
        DBOS.register_queue(
            QUEUE,
            partition_concurrency=1,
            worker_concurrency=self._concurrency,
            polling_interval_sec=self._poll_s,
            on_conflict="always_update",
        )

    def stop(self) -> None:
        """Stops taking up workflows. Those that run go on in their threads."""
        from dbos import DBOS

        DBOS.destroy(destroy_registry=True)

    def submit(self, ticket: Ticket) -> None:
        """Puts the ticket into its line; submitting it twice is once."""
        from dbos import DBOS

        DBOS.enqueue_workflow_with_options(
            {
                "workflow_name": WORKFLOW,
                "queue_name": QUEUE,
                "workflow_id": ticket.workflow_id,
                "queue_partition_key": ticket.line,
                "app_version": APPLICATION_VERSION,
            },
            ticket.job_id,
            ticket.round,
        )

    def resume(self, workflow: Workflow) -> None:
        """Hands a workflow whose executor is gone to the next worker that is free."""
        from dbos import DBOS

        DBOS.resume_workflow(f"{workflow.job_id}.{workflow.round}", queue_name=QUEUE)

    def unfinished(self) -> list[Workflow]:
        """Every workflow that waits or runs, in any process."""
        from dbos import DBOS

        return [
            _workflow(each.workflow_id, each.status, each.executor_id)
            for each in DBOS.list_workflows(status=["ENQUEUED", "PENDING"], queue_name=QUEUE, load_input=False)
        ]

    def forget(self, workflow_ids: Collection[str]) -> None:
        """Removes what is kept of ended workflows; nothing asks for it again."""
        from dbos import DBOS

        DBOS.delete_workflows(list(workflow_ids))


def _workflow(workflow_id: str, status: str, executor_id: str | None) -> Workflow:
    job_id, _, round_ = workflow_id.rpartition(".")
    return Workflow(
        job_id=job_id,
        round=int(round_),
        state="waiting" if status == "ENQUEUED" else "running",
        executor_id=executor_id or "",
    )


def _make_write_ahead(url: str) -> None:
    """Readers of the engine's file do not wait for writers; the mode stays with the file."""
    import sqlite3

    with contextlib.closing(sqlite3.connect(str(make_url(url).database))) as connection:
        use_write_ahead_log(connection, within_s=30)
