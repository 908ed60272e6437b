"""The one vocabulary of a job: what its handler leads to is what is stored, sent over SSE and drawn."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One stage of a job (received, parsed, split, words, vectors:<embedder>, …): `done` of `total` items.

    `rate` is items per second of late, `eta_s` the seconds left at that rate; both are None while unknown. `last_error`
    is the last thing that went wrong in it, empty when nothing did.
    """

    name: str
    done: int
    total: int
    failed: int = 0
    rate: float | None = None
    eta_s: float | None = None
    last_error: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A file that could not be used, and why; it never stops the others."""

    path: str
    code: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class JobQueued:
    """The job waits for a worker. Also written when a user asks for it again after a failure or a cancel."""

    kind: Literal["job_queued"] = "job_queued"


@dataclass(frozen=True, kw_only=True, slots=True)
class JobStarted:
    """A worker has taken the job up; an attempt above 1 goes on from what the earlier ones had reached."""

    attempt: int
    kind: Literal["job_started"] = "job_started"


@dataclass(frozen=True, kw_only=True, slots=True)
class JobProgressed:
    """Where every stage stands. Each of these replaces the ones before it, so only the newest is kept."""

    stages: tuple[Stage, ...]
    failure_count: int = 0
    kind: Literal["job_progressed"] = "job_progressed"


@dataclass(frozen=True, kw_only=True, slots=True)
class FileRefused:
    refusal: Refusal
    kind: Literal["file_refused"] = "file_refused"


@dataclass(frozen=True, kw_only=True, slots=True)
class JobNoted:
    """Something worth a line in the job's log, such as how many pictures were passed over."""

    message: str
    kind: Literal["job_noted"] = "job_noted"


@dataclass(frozen=True, kw_only=True, slots=True)
class JobStuck:
    """Nothing has been heard of the running job for `silent_s` seconds."""

    silent_s: float
    kind: Literal["job_stuck"] = "job_stuck"


@dataclass(frozen=True, kw_only=True, slots=True)
class CancelRequested:
    kind: Literal["cancel_requested"] = "cancel_requested"


@dataclass(frozen=True, kw_only=True, slots=True)
class JobSucceeded:
    result: dict[str, Any] = field(default_factory=dict)
    kind: Literal["job_succeeded"] = "job_succeeded"


@dataclass(frozen=True, kw_only=True, slots=True)
class JobFailed:
    code: str
    message: str
    kind: Literal["job_failed"] = "job_failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class JobCancelled:
    kind: Literal["job_cancelled"] = "job_cancelled"


JobEnd = JobSucceeded | JobFailed | JobCancelled
JobEvent = JobQueued | JobStarted | JobProgressed | FileRefused | JobNoted | JobStuck | CancelRequested | JobEnd
"""Closed: a consumer matches every member and ends with `assert_never`."""

TERMINAL_KINDS = frozenset({"job_succeeded", "job_failed", "job_cancelled"})
"""Kinds after which no event follows, unless the job is retried (then `job_queued` is next)."""

_ADAPTER: TypeAdapter[JobEvent] = TypeAdapter(Annotated[JobEvent, Field(discriminator="kind")])


def encode_job_event(event: JobEvent) -> str:
    """The event as one JSON object, `kind` included."""
    return json.dumps(asdict(event), ensure_ascii=False)


def decode_job_event(text: str) -> JobEvent:
    """The event `encode_job_event` wrote. Raises ValueError for anything else."""
    return _ADAPTER.validate_json(text)
