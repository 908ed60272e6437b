"""Threads, messages and runs, as REST shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from agents.phases.spec import DEFAULT_PHASE
from backend.limits import LONGEST_QUESTION
from backend.schemas.base import Body, View
from backend.schemas.knowledge import SearchFilters
from knowledge.types import Verdict


class ThreadCreate(Body):
    title: str = Field(default="", max_length=500)
    knowledge_bases: list[str] = Field(default_factory=list, max_length=100)


class ThreadUpdate(Body):
    title: str | None = Field(default=None, max_length=500)
    knowledge_bases: list[str] | None = Field(default=None, max_length=100)
    pinned: bool | None = None
    tags: list[Annotated[str, Field(min_length=1, max_length=40)]] | None = Field(
        default=None, max_length=10, description="All of them; an empty list takes every tag away."
    )


class TagView(View):
    tag: str
    count: int = Field(description="Conversations that have it.")


class ThreadView(View):
    id: str
    title: str
    knowledge_bases: list[str]
    message_count: int
    active_run_id: str | None
    waiting: bool = Field(default=False, description="Whether one of its runs waits for a person.")
    pinned: bool = False
    tags: list[str] = Field(default_factory=list)
    hit: str = Field(default="", description="Of a search: the first place in its messages that holds the words.")
    hit_message_id: str | None = Field(default=None, description="Of a search: the message of `hit`.")
    created_at: datetime
    updated_at: datetime


class CalledToolView(View):
    """The call whose output is cited; `called_at` is in ISO 8601, UTC."""

    call_id: str
    audit_id: str
    tool: str
    source: str
    query: str
    time_range: str
    called_at: str


class CitationView(View):
    """`anchor` is the fragment that opens the quoted place: that of a heading, `page=3` of a PDF, `slide=2`,
    `sheet=Hosts&row=45` or `sheet=Hosts&row=45-48` of a workbook, `row=45` of CSV and TSV, as the programs for them
    count rows (RFC 7111)."""

    number: int
    document_id: str
    knowledge_base_id: str
    path: str
    title: str
    url: str
    heading_path: list[str]
    anchor: str
    quote: str
    start: int
    end: int
    answer_start: int
    answer_end: int
    support: float
    supported: bool
    call: CalledToolView | None = Field(default=None, description="Of what a tool put out; it has no document.")


class NearestView(View):
    document_id: str
    knowledge_base_id: str
    path: str
    title: str
    url: str


class FeedbackView(View):
    rating: Literal["up", "down"]
    reasons: list[str]
    comment: str


class MessageView(View):
    """Messages form a tree: `parent_id` is the message answered or followed; siblings share it (edits, regenerations).

    For an assistant message, `status` is that of its run (`waiting`: for an answer from outside); `text` is what has
    been written so far. `verdict` says how surely the sources answer; `answered` whether it is that.
    """

    id: str
    thread_id: str
    parent_id: str | None
    role: Literal["user", "assistant"]
    text: str
    run_id: str | None
    status: Literal["running", "waiting", "finished", "failed", "cancelled"]
    mode: Literal["extractive", "model"] | None
    model: str
    verdict: Verdict | None
    answered: bool | None
    error: str
    error_code: str = Field(default="", description="Of a failed answer: the stable code of what went wrong.")
    phase: str = Field(default="", description="Of an answer: the phase that made it.")
    citations: list[CitationView]
    uncited: list[tuple[int, int]]
    nearest: list[NearestView]
    feedback: FeedbackView | None
    created_at: datetime
    finished_at: datetime | None = Field(default=None, description="Of an answer: when its run ended.")
    waited_s: float = Field(default=0.0, description="Of an answer: seconds that its run waited for people.")


class ModelSelector(Body):
    """A model for this request only. Either a configured name, or an OpenAI-compatible endpoint of its own."""

    name: str = Field(default="", max_length=500)
    base_url: str = Field(default="", max_length=2000)
    api_key: str = Field(default="", max_length=2000)


class RunBudget(Body):
    """What the run may use at most; no more than its phase allows, which is what null means."""

    steps: int | None = Field(default=None, ge=1, le=1000, description="Calls of a model.")
    tool_calls: int | None = Field(default=None, ge=0, le=1000)
    tokens: int | None = Field(default=None, ge=1)
    seconds: float | None = Field(default=None, gt=0, le=86_400)
    cost: float | None = Field(default=None, gt=0)


class RunCreate(Body):
    """`model`: a configured model's name, `"none"` for an extractive answer, an endpoint, or null for the default.

    `parent_id` is the message this one follows; null continues the newest branch. With `regenerate` the input is not
    added again: a new answer is made to the user message `parent_id`. With `edit_of`, the id of a user message, `input`
    becomes its sibling (edit and resend), also when that message is the first. `knowledge_bases` are ids or names; null
    means those of the thread, and an empty list there or here all that there are; the sample guide is asked only where
    it is named or no other base has a document.
    """

    input: str = Field(default="", max_length=LONGEST_QUESTION)
    phase: str = Field(default=DEFAULT_PHASE, max_length=100)
    knowledge_bases: list[str] | None = Field(default=None, max_length=100)
    filters: SearchFilters = Field(default_factory=SearchFilters)
    model: str | ModelSelector | None = None
    tools: list[Annotated[str, Field(max_length=64)]] | None = Field(
        default=None, max_length=200, description="Tools by name; null: those of the phase."
    )
    budget: RunBudget = RunBudget()
    parent_id: str | None = Field(default=None, max_length=100)
    edit_of: str | None = Field(default=None, max_length=100)
    regenerate: bool = False
    language: Literal["en", "zh"] | None = Field(
        default=None, description="What commands answer in, that of an interface for example; null: as they are typed."
    )


class RunView(View):
    id: str
    thread_id: str
    message_id: str
    user_message_id: str
    question: str = Field(default="", description="What was asked, as it was typed.")
    phase: str
    status: Literal["running", "waiting", "finished", "failed", "cancelled"]
    mode: Literal["extractive", "model"] | None
    model: str
    error: str
    error_code: str = Field(default="", description="Of a failed run: the stable code of what went wrong.")
    attempt: int
    waiting_for: dict[str, Any] | None = Field(
        default=None, description="Of a waiting run: `approvals`, each with what it asks."
    )
    last_event_id: int
    created_at: datetime
    finished_at: datetime | None
    waited_s: float = Field(default=0.0, description="Seconds that it waited for people, of those it took.")


class RunDecision(Body):
    """`arguments`: those to call with instead, which must meet the tool's schema. `comment`: why, for the agents to
    read; the answer, where a question was asked."""

    decision: Literal["approve", "reject"]
    arguments: dict[str, Any] | None = None
    comment: str = Field(default="", max_length=10_000)


class CommandView(View):
    """What may be typed next: `text` is the whole of it once it is taken. `reason`: why it cannot be used now."""

    text: str
    title: str
    usage: str
    risk: str
    reason: str


class TracedEvent(View):
    id: int
    kind: str
    data: dict[str, Any]


class RunTrace(View):
    """A whole run as one file: what was asked, without secrets, and every event of it."""

    run: RunView
    spec: dict[str, Any]
    events: list[TracedEvent]


class FeedbackPut(Body):
    rating: Literal["up", "down"] | None = Field(description="null takes the feedback back")
    reasons: list[Annotated[str, Field(max_length=100)]] = Field(default_factory=list, max_length=20)
    comment: str = Field(default="", max_length=10_000)


class ThreadExport(View):
    """A conversation as JSON: its whole tree of messages."""

    thread: ThreadView
    messages: list[MessageView]
