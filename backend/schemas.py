"""Request and response models of the REST interface; nothing inside the house uses them."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

Item = TypeVar("Item")

Name = Annotated[str, Field(min_length=1, max_length=200)]


MAX_DEPTH = 40


def check_storable(value: Any) -> Any:
    """The value, if any database can store it: no NUL characters or lone surrogates in texts, no infinite numbers, not
    nested deeper than 40. Raises ValueError."""
    pending: list[tuple[Any, int]] = [(value, 0)]
    while pending:
        each, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(each, str):
            _check_text(each)
        elif isinstance(each, float) and not math.isfinite(each):
            raise ValueError("numbers must be finite")
        elif isinstance(each, dict):
            pending.extend((part, depth + 1) for pair in each.items() for part in pair)
        elif isinstance(each, list | tuple):
            pending.extend((part, depth + 1) for part in each)
    return value


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise ValueError("texts must not contain NUL characters")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("texts must not contain lone surrogates") from None


class Body(BaseModel):
    """A request body: unknown fields are refused, so that a typing mistake is not silently ignored."""

    model_config = ConfigDict(extra="forbid", str_max_length=2_000_000)

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        return check_storable(value)


class View(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Page(View, Generic[Item]):
    """`next_cursor` is given back as `?cursor=` to read on; null on the last page."""

    items: list[Item]
    next_cursor: str | None = None


class Problem(View):
    """RFC 9457. `code` is stable; `detail` says what to do; `errors` names the fields of a refused body."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    instance: str = ""
    errors: list[dict[str, Any]] = Field(default_factory=list)


# --- knowledge bases


class KnowledgeBaseCreate(Body):
    name: Name
    description: str = Field(default="", max_length=10_000)
    embedders: list[str] | None = Field(default=None, description="Names of configured embedders; default: settings.")


class KnowledgeBaseUpdate(Body):
    name: Name | None = None
    description: str | None = Field(default=None, max_length=10_000)
    embedders: list[str] | None = Field(
        default=None, description="Changing them builds beside the present vectors and then switches."
    )


class IndexProgress(View):
    """How far an index of a knowledge base is: `done` of `total` chunks (words count documents' chunks likewise)."""

    name: str
    done: int
    total: int


class KnowledgeBaseView(View):
    id: str
    name: str
    description: str
    embedders: list[str]
    next_embedders: list[str] | None
    document_count: int
    failed_count: int
    chunk_count: int
    indexes: list[IndexProgress]
    active_job_id: str | None
    created_at: datetime
    updated_at: datetime


class SourceCreate(Body):
    """`folder` and `zip` are paths on the server's machine (local mode only); `web` is the URL of one page."""

    kind: Literal["folder", "zip", "web"]
    location: Annotated[str, Field(min_length=1, max_length=4096)]
    options: dict[str, Any] = Field(default_factory=dict)


class SourceUpdate(Body):
    options: dict[str, Any]


class SourceView(View):
    id: str
    knowledge_base_id: str
    kind: Literal["upload", "folder", "zip", "web", "git"]
    location: str
    options: dict[str, Any]
    document_count: int
    created_at: datetime
    synced_at: datetime | None


class DocumentView(View):
    id: str
    knowledge_base_id: str
    source_id: str
    path: str
    title: str
    url: str
    media_type: str
    language: str
    size: int
    content_hash: str
    status: Literal["received", "indexed", "failed"]
    error: str
    warnings: list[str]
    metadata: dict[str, Any]
    chunk_count: int
    created_at: datetime
    updated_at: datetime


class ChunkView(View):
    id: int
    ordinal: int
    heading_path: list[str]
    anchor: str
    kind: str
    language: str
    page: str
    text: str
    start: int
    end: int


class DocumentContent(View):
    """The canonical text that all offsets count in. `?format=original` returns the file itself instead."""

    document: DocumentView
    text: str
    markup: str
    chunks: list[ChunkView]


class JobAccepted(View):
    job: JobView
    source_id: str | None = None
    refused: list[FileRefusal] = Field(default_factory=list)


class FileRefusal(View):
    """A file of an upload that was not taken, and why; the others were."""

    path: str
    code: str
    reason: str


# --- search


class SearchFilters(Body):
    source_ids: list[str] = Field(default_factory=list, max_length=1000)
    path_prefixes: list[str] = Field(default_factory=list, max_length=1000)
    document_ids: list[str] = Field(default_factory=list, max_length=1000)
    metadata: dict[str, Any] = Field(default_factory=dict)


class SearchRequest(Body):
    query: Annotated[str, Field(min_length=1, max_length=100_000)]
    top_k: int = Field(default=10, ge=1, le=100)
    explain: bool = False
    filters: SearchFilters = Field(default_factory=SearchFilters)


class HitDocument(View):
    id: str
    knowledge_base_id: str
    path: str
    title: str
    url: str


class HitView(View):
    """`score` and `parts` lie in 0..1. `dropped` (with explain) says why a chunk fell below the line."""

    document: HitDocument
    chunk_id: int
    heading_path: list[str]
    anchor: str
    text: str
    start: int
    end: int
    score: float
    rank: int
    parts: dict[str, float] = Field(default_factory=dict)
    dropped: str = ""
    graph_path: list[str] = Field(default_factory=list)


class SearchResponse(View):
    hits: list[HitView]
    language: str
    degraded: list[str] = Field(default_factory=list, description="Embedders whose vectors are still being made.")
    duration_ms: float


# --- jobs


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
    failures: list[FileRefusal] = Field(description="The last files that could not be read, at most 100.")
    failure_count: int
    result: dict[str, Any] = Field(default_factory=dict)
    attempt: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    heartbeat_at: datetime | None


JobAccepted.model_rebuild()

# --- threads, runs, messages


class ThreadCreate(Body):
    title: str = Field(default="", max_length=500)
    knowledge_bases: list[str] = Field(default_factory=list, max_length=100)


class ThreadUpdate(Body):
    title: str | None = Field(default=None, max_length=500)
    knowledge_bases: list[str] | None = Field(default=None, max_length=100)


class ThreadView(View):
    id: str
    title: str
    knowledge_bases: list[str]
    message_count: int
    active_run_id: str | None
    created_at: datetime
    updated_at: datetime


class CitationView(View):
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

    For an assistant message, `status` is that of its run; `text` is what has been written so far.
    """

    id: str
    thread_id: str
    parent_id: str | None
    role: Literal["user", "assistant"]
    text: str
    run_id: str | None
    status: Literal["running", "finished", "failed", "cancelled"]
    mode: Literal["extractive", "model"] | None
    model: str
    answered: bool | None
    error: str
    citations: list[CitationView]
    uncited: list[tuple[int, int]]
    nearest: list[NearestView]
    feedback: FeedbackView | None
    created_at: datetime


class ModelChoice(Body):
    """A model for this request only. Either a configured name, or an OpenAI-compatible endpoint of its own."""

    name: str = Field(default="", max_length=500)
    base_url: str = Field(default="", max_length=2000)
    api_key: str = Field(default="", max_length=2000)


class RunCreate(Body):
    """`model`: a configured model's name, `"none"` for an extractive answer, an endpoint, or null for the default.

    `parent_id` is the message this one follows; null continues the newest branch. With `regenerate` the input is not
    added again: a new answer is made to the user message `parent_id`. With `edit_of`, the id of a user message, `input`
    becomes its sibling (edit and resend), also when that message is the first. `knowledge_bases` are ids or names; null
    means those of the thread, and an empty list there or here all that there are.
    """

    input: str = Field(default="", max_length=100_000)
    phase: str = Field(default="answer", max_length=100)
    knowledge_bases: list[str] | None = Field(default=None, max_length=100)
    filters: SearchFilters = Field(default_factory=SearchFilters)
    model: str | ModelChoice | None = None
    parent_id: str | None = Field(default=None, max_length=100)
    edit_of: str | None = Field(default=None, max_length=100)
    regenerate: bool = False


class RunView(View):
    id: str
    thread_id: str
    message_id: str
    user_message_id: str
    phase: str
    status: Literal["running", "finished", "failed", "cancelled"]
    mode: Literal["extractive", "model"] | None
    model: str
    error: str
    attempt: int
    last_event_id: int
    created_at: datetime
    finished_at: datetime | None


class FeedbackPut(Body):
    rating: Literal["up", "down"] | None = Field(description="null takes the feedback back")
    reasons: list[Annotated[str, Field(max_length=100)]] = Field(default_factory=list, max_length=20)
    comment: str = Field(default="", max_length=10_000)


# --- models


class ModelCreate(Body):
    """A language model behind an OpenAI-compatible endpoint (`base_url` ends in /v1), or any `provider:model` name that
    LangChain's init_chat_model reaches when `base_url` is empty. The key is stored and never shown again."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    base_url: str = Field(default="", max_length=2000)
    api_key: str = Field(default="", max_length=2000)
    model: Annotated[str, Field(min_length=1, max_length=500)]
    is_default: bool = False


class ModelUpdate(Body):
    base_url: str | None = Field(default=None, max_length=2000)
    api_key: str | None = Field(default=None, max_length=2000)
    model: str | None = Field(default=None, min_length=1, max_length=500)
    is_default: bool | None = None


class ModelView(View):
    id: str
    name: str
    base_url: str
    model: str
    has_api_key: bool
    is_default: bool
    origin: Literal["settings", "stored"]


class ModelCheck(View):
    ok: bool
    message: str
    latency_ms: float | None


# --- what there is


class PhaseView(View):
    """A phase that a run can be asked for; also a model of the OpenAI endpoint."""

    name: str
    description: str = ""


class EmbedderView(View):
    """An embedder that a knowledge base can have. `languages` are those worth embedding with it."""

    name: str
    kind: str
    languages: list[str]
    is_default: bool


class HealthView(View):
    """`checks` says of each thing needed whether it is there ("ok") or what is wrong."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, str] = Field(default_factory=dict)


class VersionView(View):
    name: str
    version: str
    api: str


class SessionCreate(Body):
    """Trades the token for a cookie, so that a browser can open downloads."""

    token: str = Field(min_length=1, max_length=1000)


class ThreadExport(View):
    """A conversation as JSON: its whole tree of messages."""

    thread: ThreadView
    messages: list[MessageView]


# --- evaluation


class EvaluationReport(View):
    """Figures of `eval retrieval`; each lies in 0..1, `count` questions. `per_question` says where each one failed."""

    count: int
    unanswerable_count: int
    hit_at_1: float
    hit_at_5: float
    hit_at_10: float
    mrr_at_10: float
    ndcg_at_10: float
    quote_recall: float
    answer_cover: float
    refusal_rate: float | None
    wrong_refusal_rate: float
    per_question: list[dict[str, Any]]
