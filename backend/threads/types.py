"""The values of a conversation as it is stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from knowledge.types import Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Thread:
    id: str
    title: str
    knowledge_bases: tuple[str, ...]
    message_count: int
    active_run_id: str | None
    waiting: bool
    created_at: datetime
    updated_at: datetime
    pinned: bool = False
    tags: tuple[str, ...] = ()
    hit: str = ""
    """Of a search: the first place in its messages that holds the words."""
    hit_message_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Feedback:
    rating: str
    reasons: tuple[str, ...]
    comment: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredMessage:
    """A message as REST shows it; `text` of a running answer is what has been stored of it so far."""

    id: str
    thread_id: str
    parent_id: str | None
    role: str
    text: str
    run_id: str | None
    status: str
    mode: str | None
    model: str
    verdict: Verdict | None
    error: str
    error_code: str
    phase: str
    citations: list[dict[str, Any]]
    uncited: list[list[int]]
    nearest: list[dict[str, Any]]
    feedback: Feedback | None
    created_at: datetime
    finished_at: datetime | None = None
    """Of an answer: when its run ended."""
    waited_s: float = 0.0
    """Of an answer: how long its run waited for people."""

    @property
    def answered(self) -> bool | None:
        """Whether the verdict is `answered`; None while there is none."""
        return None if self.verdict is None else self.verdict == "answered"
