"""The values of a run: what is stored of it and what is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents.events import TERMINAL_KINDS
from agents.phases.spec import RunSpec
from knowledge.types import Verdict

RUNNING, WAITING = "running", "waiting"
ACTIVE = (RUNNING, WAITING)
"""The statuses of a run that has not ended. A waiting one has neither task nor lease: any process may go on with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A run as it is stored. `spec` is what any process needs to begin it again; `resumes` of its attempts began with
    an answer to what it was `waiting_for`."""

    id: str
    workspace_id: str
    owner_id: str
    thread_id: str
    message_id: str
    user_message_id: str
    phase: str
    status: str
    mode: str | None
    model: str
    error: str
    error_code: str
    spec: RunSpec
    waiting_for: Mapping[str, Any] | None
    attempt: int
    resumes: int
    cancel_requested: bool
    last_event_id: int
    created_at: datetime
    finished_at: datetime | None
    waited_s: float = 0.0
    """How long it waited for people."""

    @property
    def question(self) -> str:
        """What was asked, as it was typed."""
        return self.spec.question


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredEvent:
    """An event with its number in the run, from 1 without gaps. `data` is its JSON, encoded once for table and wire."""

    seq: int
    kind: str
    data: str

    @property
    def last(self) -> bool:
        return self.kind in TERMINAL_KINDS

    def wire(self) -> bytes:
        """The event as server-sent events spell it."""
        return f"id: {self.seq}\nevent: {self.kind}\ndata: {self.data}\n\n".encode(errors="replace")


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredOutcome:
    """What an attempt leaves in the message and the row of its run, stored in one transaction with its last event."""

    status: str
    text: str
    mode: str | None
    model: str
    verdict: Verdict | None
    error: str
    error_code: str
    citations: list[dict[str, Any]]
    uncited: list[list[int]]
    nearest: list[dict[str, Any]]
    waiting_for: Mapping[str, Any] | None = None
