"""What the backend asks of its job engine, and what a caller sees of a job.

Enqueuing is a row in the caller's own transaction: a job whose request was rolled back never existed, and a job that
was committed is run even if no worker has ever been started yet. Workers find it within a second.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

from knowledge.types import Scope

if TYPE_CHECKING:  # the command line shows errors of jobs, and must not load a database driver to print its help
    from sqlalchemy import Connection

    from backend.jobs.events import JobEvent, Refusal, Stage

JobKind = Literal["build", "embed", "delete_knowledge_base", "evaluate"]
"""Their arguments (JSON), each also given its knowledge base:

- build: {"source_ids": [...]}: sync these sources, all of the base when the key is left out
- embed: {}: make the vectors of the base's `next_embedders` beside the present ones, then switch
- delete_knowledge_base: {}
- evaluate: {"questions": [{...}, ...]}: the lines of a question file; the report is the job's result
"""

JobStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]

FINISHED: frozenset[JobStatus] = frozenset({"succeeded", "failed", "cancelled"})


class JobError(Exception):
    """Base of the errors of jobs: `code` is stable, `str(error)` is a sentence for the user."""

    code = "job_error"


class JobNotFound(JobError):
    code = "not_found"


class JobActive(JobError):
    """Only a job that failed or was cancelled can be retried."""

    code = "job_active"


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A job as its owner sees it; the fields are those of the REST JobView.

    `stuck`: it should be running, but has not been heard of for longer than is sound (no worker, or one that hangs).
    `failures`: the last files that could not be read, at most 100. `attempt` counts how often a worker took it up.
    """

    id: str
    kind: JobKind
    knowledge_base_id: str | None
    workspace_id: str
    owner_id: str
    arguments: Mapping[str, Any]
    status: JobStatus
    stuck: bool
    cancel_requested: bool
    stages: tuple[Stage, ...]
    error: str
    error_code: str
    failures: tuple[Refusal, ...]
    failure_count: int
    result: Mapping[str, Any]
    attempt: int
    last_event_id: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    heartbeat_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredJobEvent:
    """An event with its number within the job, from 1; the number is the SSE id. Numbers may skip: progress that was
    overtaken is not kept."""

    id: int
    event: JobEvent
    at: datetime


class JobQueue(Protocol):
    """Jobs of one database. Every method works inside the transaction of `connection` and leaves the commit to the
    caller; those that write need `Database.write()`. All raise JobNotFound for a job the scope may not see."""

    def enqueue(
        self,
        connection: Connection,
        scope: Scope,
        kind: JobKind,
        arguments: Mapping[str, Any],
        *,
        knowledge_base_id: str | None = None,
        idempotency_key: str = "",
    ) -> Job:
        """The new job, or the one this owner made with the same non-empty key before."""
        ...

    def get(self, connection: Connection, scope: Scope, job_id: str) -> Job: ...

    def page(
        self,
        connection: Connection,
        scope: Scope,
        *,
        limit: int = 50,
        cursor: str = "",
        knowledge_base_id: str | None = None,
        status: Collection[JobStatus] = (),
    ) -> tuple[list[Job], str | None]:
        """At most `limit` jobs, newest first, and the cursor of the next page (None on the last)."""
        ...

    def events(
        self, connection: Connection, scope: Scope, job_id: str, after: int = 0, limit: int = 500
    ) -> list[StoredJobEvent]:
        """The events with a number above `after`, in order."""
        ...

    def cancel(self, connection: Connection, scope: Scope, job_id: str) -> Job:
        """A waiting job is cancelled at once, a running one within two seconds; a finished one is left as it is."""
        ...

    def retry(self, connection: Connection, scope: Scope, job_id: str) -> Job:
        """Queues a failed or cancelled job again; it goes on from what it had reached. Raises JobActive."""
        ...
