"""Jobs, as REST shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from backend.schemas.base import View


class FileRefusal(View):
    """A file of an upload that was not taken, and why; the others were."""

    path: str
    code: str
    reason: str


class StageView(View):
    """One stage of a build: received, parsed, split, words, vectors:<embedder>, done. `eta_s` is null when unknown."""

    name: str
    done: int
    total: int
    failed: int = 0
    rate: float | None = Field(default=None, description="items per second")
    eta_s: float | None = None


class JobView(View):
    id: str
    kind: str
    knowledge_base_id: str | None
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    stuck: bool = Field(description="Running, but not heard of for longer than it should be.")
    stages: list[StageView]
    error: str
    error_code: str = Field(default="", description="Of a failed job: the stable code of what went wrong.")
    failures: list[FileRefusal] = Field(description="The last files that could not be read, at most 100.")
    failure_count: int
    result: dict[str, Any] = Field(default_factory=dict)
    attempt: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    heartbeat_at: datetime | None


class JobAccepted(View):
    job: JobView
    source_id: str | None = None
    refused: list[FileRefusal] = Field(default_factory=list)
