"""Conversations, runs and what an answer rests on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

COMMAND = "command"
"""The mode of an answer to what was typed as a command."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Thread:
    id: str
    title: str
    knowledge_bases: list[str] = field(default_factory=list)
    message_count: int = 0
    active_run_id: str | None = None
    waiting: bool = False
    pinned: bool = False
    tags: list[str] = field(default_factory=list)
    hit_message_id: str | None = None
    hit: str = ""
    """Where the words that were searched for stand in its messages."""
    updated_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CalledTool:
    """The call whose output is cited."""

    call_id: str
    audit_id: str
    tool: str
    source: str
    query: str
    time_range: str
    called_at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Citation:
    """A `[number]` in the answer; `answer_start`/`answer_end` bound its sentence there, `start`/`end` the passage."""

    number: int
    document_id: str
    knowledge_base_id: str
    path: str
    title: str
    quote: str
    start: int
    end: int
    url: str = ""
    heading_path: list[str] = field(default_factory=list)
    anchor: str = ""
    answer_start: int = 0
    answer_end: int = 0
    support: float = 1.0
    supported: bool = True
    call: CalledTool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Nearest:
    document_id: str
    knowledge_base_id: str
    path: str
    title: str
    url: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """A question worth asking, made of a heading."""

    question: str
    knowledge_base_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tag:
    tag: str
    count: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Feedback:
    rating: str
    reasons: list[str] = field(default_factory=list)
    comment: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    id: str
    thread_id: str
    role: str
    text: str
    parent_id: str | None = None
    run_id: str | None = None
    status: str = "finished"
    mode: str | None = None
    model: str = ""
    verdict: str | None = None
    error: str = ""
    error_code: str = ""
    phase: str = ""
    citations: list[Citation] = field(default_factory=list)
    uncited: list[tuple[int, int]] = field(default_factory=list)
    nearest: list[Nearest] = field(default_factory=list)
    feedback: Feedback | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None
    waited_s: float = 0.0

    @property
    def worked_s(self) -> float | None:
        """How long it was worked at, without the time in which people were waited for; None before its end."""
        return _worked(self.created_at, self.finished_at, self.waited_s)

    @property
    def active(self) -> bool:
        """Whether its run has not ended; it may wait for an answer from outside."""
        return self.status in ("running", "waiting")

    @property
    def quotes(self) -> bool:
        """Whether it was made without a model, from passages of documents that it cites."""
        return self.mode == "extractive" and any(each.call is None for each in self.citations)

    @property
    def searched(self) -> bool:
        """Whether passages were retrieved for it, as far as the message tells: what a command finds is its own output,
        what is said without a model and without documents was not looked up."""
        if self.phase == COMMAND:
            return False
        return self.mode == "model" or self.quotes or bool(self.nearest)


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    id: str
    thread_id: str
    message_id: str
    user_message_id: str
    status: str
    phase: str = ""
    question: str = ""
    mode: str | None = None
    model: str = ""
    error: str = ""
    attempt: int = 1
    last_event_id: int = 0
    created_at: datetime | None = None
    finished_at: datetime | None = None
    waited_s: float = 0.0

    @property
    def worked_s(self) -> float | None:
        """How long it worked, without the time in which it waited for people; None before its end."""
        return _worked(self.created_at, self.finished_at, self.waited_s)

    @property
    def active(self) -> bool:
        return self.status in ("running", "waiting")


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A command that completes what is typed: `text` is what stands in the composer once it is taken."""

    text: str
    title: str = ""
    usage: str = ""
    risk: str = "read"
    reason: str = ""
    """Why it cannot be used now; empty when it can."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RetrievedHit:
    """A row of "why these passages"; `passage` is the citation number under which the chunk was used."""

    rank: int
    path: str
    text: str
    start: int
    end: int
    score: float
    document_id: str = ""
    title: str = ""
    heading_path: list[str] = field(default_factory=list)
    parts: dict[str, float] = field(default_factory=dict)
    dropped: str = ""
    passage: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What is given to the answer, under the number by which it may be cited."""

    number: int
    document_id: str
    knowledge_base_id: str
    path: str
    title: str
    text: str
    start: int
    end: int
    url: str = ""
    heading_path: list[str] = field(default_factory=list)
    score: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Retrieved:
    query: str
    hits: list[RetrievedHit] = field(default_factory=list)
    passages: list[Evidence] = field(default_factory=list)
    language: str = ""
    degraded: list[str] = field(default_factory=list)


def _worked(begun: datetime | None, ended: datetime | None, waited_s: float) -> float | None:
    return None if begun is None or ended is None else max(0.0, (ended - begun).total_seconds() - waited_s)
