"""What a caller sees of a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from knowledge.types import Scope

if TYPE_CHECKING:  # the command line shows errors of jobs, and loads nothing else to print its help
    from backend.jobs.events import JobEvent, Refusal, Stage

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
    `run_at`: not before this moment; None is at once.
    """

    id: str
    kind: str
    knowledge_base_id: str | None
    workspace_id: str
    owner_id: str
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
    run_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    heartbeat_at: datetime | None

    @property
    def scope(self) -> Scope:
        """Whose it is: what it does, it does for them."""
        return Scope(workspace_id=self.workspace_id, user_id=self.owner_id)


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredJobEvent:
    """An event with its number within the job, from 1; the number is the SSE id. Numbers may skip: progress that was
    overtaken is not kept."""

    id: int
    event: JobEvent
    at: datetime
