"""What the API says, as values. Fields that this version does not know are ignored, so a newer API stays readable."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar

View = TypeVar("View")


@dataclass(frozen=True, kw_only=True, slots=True)
class Page(Generic[View]):
    """`next_cursor` reads on; None on the last page."""

    items: list[View]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexProgress:
    name: str
    done: int
    total: int


@dataclass(frozen=True, kw_only=True, slots=True)
class KnowledgeBase:
    id: str
    name: str
    description: str = ""
    embedders: list[str] = field(default_factory=list)
    next_embedders: list[str] | None = None
    document_count: int = 0
    waiting_count: int = 0
    failed_count: int = 0
    chunk_count: int = 0
    indexes: list[IndexProgress] = field(default_factory=list)
    active_job_id: str | None = None
    is_sample: bool = False
    changed_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def behind(self) -> list[IndexProgress]:
        """The indexes that do not hold everything yet."""
        return [index for index in self.indexes if index.done < index.total]


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedder:
    name: str
    kind: str = ""
    languages: list[str] = field(default_factory=list)
    is_default: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    id: str
    kind: str
    location: str
    document_count: int = 0
    synced_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    id: str
    knowledge_base_id: str
    path: str
    source_id: str = ""
    title: str = ""
    url: str = ""
    media_type: str = ""
    language: str = ""
    size: int = 0
    content_hash: str = ""
    status: str = "indexed"
    error: str = ""
    warnings: list[str] = field(default_factory=list)
    chunk_count: int = 0
    page_count: int = 0
    updated_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """`start` and `end` count characters of the document's text."""

    id: int
    ordinal: int
    text: str
    start: int
    end: int
    heading_path: list[str] = field(default_factory=list)
    kind: str = ""
    page: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PageStart:
    """Where a page, slide or sheet begins in the text."""

    start: int
    label: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentContent:
    document: Document
    text: str
    chunks: list[Chunk]
    markup: str = ""
    pages: list[PageStart] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A place on a page, in parts of its width and height from the top left."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentPage:
    number: int
    count: int
    width: float
    height: float
    boxes: list[Box] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class FileRefusal:
    path: str
    code: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    name: str
    done: int
    total: int
    failed: int = 0
    rate: float | None = None
    eta_s: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    id: str
    kind: str
    status: str
    knowledge_base_id: str | None = None
    stuck: bool = False
    stages: list[Stage] = field(default_factory=list)
    error: str = ""
    failures: list[FileRefusal] = field(default_factory=list)
    failure_count: int = 0
    result: dict[str, Any] = field(default_factory=dict)
    attempt: int = 1
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def active(self) -> bool:
        return self.status in ("queued", "running")


@dataclass(frozen=True, kw_only=True, slots=True)
class JobAccepted:
    job: Job
    source_id: str | None = None
    refused: list[FileRefusal] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class HitDocument:
    id: str
    knowledge_base_id: str
    path: str
    title: str = ""
    url: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    document: HitDocument
    chunk_id: int
    text: str
    start: int
    end: int
    score: float
    rank: int
    heading_path: list[str] = field(default_factory=list)
    parts: dict[str, float] = field(default_factory=dict)
    dropped: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchResponse:
    hits: list[Hit]
    language: str = ""
    degraded: list[str] = field(default_factory=list)
    duration_ms: float = 0.0


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

    @property
    def active(self) -> bool:
        """Whether its run has not ended; it may wait for an answer from outside."""
        return self.status in ("running", "waiting")


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

    @property
    def active(self) -> bool:
        return self.status in ("running", "waiting")


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """A way of working on a question. `reason` says why it cannot be chosen now, `missing` what it lacks; `version` is
    that of a user's own."""

    name: str
    title: str = ""
    titles: dict[str, str] = field(default_factory=dict)
    description: str = ""
    descriptions: dict[str, str] = field(default_factory=dict)
    requires: list[str] = field(default_factory=list)
    available: bool = True
    missing: list[str] = field(default_factory=list)
    reason: str = ""
    built_in: bool = True
    is_default: bool = False
    version: int | None = None
    text: str = ""
    editable: bool = False

    def title_in(self, language: str) -> str:
        """Its title in a language, as far as it has one; its name otherwise."""
        return self.titles.get(language) or self.title or self.name

    def description_in(self, language: str) -> str:
        """What it does, in a language, as far as that is said."""
        return self.descriptions.get(language) or self.description


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseFinding:
    """Something wrong with a phase's text, where, and what to write instead."""

    line: int
    column: int
    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseGraph:
    dot: str
    mermaid: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseCheck:
    ok: bool
    name: str | None = None
    errors: list[PhaseFinding] = field(default_factory=list)
    warnings: list[PhaseFinding] = field(default_factory=list)
    graph: PhaseGraph | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseVersion:
    version: int
    comment: str = ""
    created_at: datetime | None = None


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
class Model:
    id: str
    name: str
    model: str
    base_url: str = ""
    has_api_key: bool = False
    is_default: bool = False
    origin: str = "stored"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelCheck:
    ok: bool
    message: str
    latency_ms: float | None = None


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
class Passage:
    """Evidence given to the answer, under the number by which it may be cited."""

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
    passages: list[Passage] = field(default_factory=list)
    language: str = ""
    degraded: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectionKind:
    """A platform that tools exist for; texts by language."""

    kind: str
    title: dict[str, str]
    description: dict[str, str]
    permissions: dict[str, str]
    example_url: str = ""
    auth: list[str] = field(default_factory=list)
    secrets: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    id: str
    kind: str
    name: str
    base_url: str = ""
    auth: dict[str, Any] = field(default_factory=dict)
    has_secrets: bool = False
    allow_private: bool = False
    timeout_s: float = 30.0
    concurrency: int = 8
    per_minute: int = 600


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectionTest:
    ok: bool
    message: str
    latency_ms: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerCommand:
    """How the MCP server of a source is started; values of secret variables are not told."""

    command: str
    arguments: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    secret_names: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolSource:
    id: str
    kind: str
    name: str
    connection_id: str | None = None
    enabled: bool = True
    base_path: str = ""
    tools: int = 0
    on: int = 0
    changed: int = 0
    refused: int = 0
    problem: str = ""
    command: ServerCommand | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceTool:
    name: str
    method: str = ""
    path: str = ""
    title: str = ""
    risk: str = ""
    state: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceTools:
    items: list[SourceTool]
    refusals: list[dict[str, Any]] = field(default_factory=list)
    total: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Tool:
    name: str
    title: str
    titles: dict[str, str] = field(default_factory=dict)
    description: str = ""
    source: str = ""
    risk: str = ""
    policy: str = ""
    setting: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    available: bool = True
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolList:
    items: list[Tool]
    problems: dict[str, str] = field(default_factory=dict)
    total: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolResult:
    """What a call came to; with `approval_id` it waits for a decision on exactly `arguments`."""

    status: str
    output: str = ""
    view: str = "text"
    data: Any = None
    reason: str = ""
    preview: dict[str, Any] | None = None
    approval_id: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    round: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditRow:
    tool: str
    status: str
    user_id: str = ""
    origin: str = ""
    risk: str = ""
    decision: str = ""
    decided_by: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    started_at: datetime | None = None
    duration_ms: float | None = None
    output_size: int | None = None


def decode(kind: Any, data: Any) -> Any:
    """`data` (parsed JSON) as a value of type `kind`. Raises ValueError for what does not fit."""
    origin = typing.get_origin(kind)
    if is_dataclass(kind) or (origin is not None and is_dataclass(origin)):
        return _decode_record(kind, data)
    arguments = typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if data is None:
            return None
        return decode(next(each for each in arguments if each is not type(None)), data)
    if origin is list:
        return [decode(arguments[0], each) for each in _expect(list, data)]
    if origin is tuple:
        return tuple(decode(each, part) for each, part in zip(arguments, _expect(list, data), strict=True))
    if origin is dict:
        return dict(_expect(dict, data))
    if kind is datetime:
        return datetime.fromisoformat(_expect(str, data))
    return float(data) if kind is float else data


def _decode_record(kind: Any, data: Any) -> Any:
    given = _expect(dict, data)
    record, values = typing.get_origin(kind) or kind, {}
    for each, needed in _fields(record):
        if each in given:
            values[each] = decode(_concrete(record, kind, each), given[each])
        elif needed:
            raise ValueError(f"{record.__name__} without {each}")
    return record(**values)


@cache
def _fields(record: Any) -> tuple[tuple[str, bool], ...]:
    return tuple((each.name, each.default is MISSING and each.default_factory is MISSING) for each in fields(record))


@cache
def _hints(record: Any) -> Mapping[str, Any]:
    return typing.get_type_hints(record)


def _concrete(record: Any, kind: Any, name: str) -> Any:
    """The type of a field, the type variable of a generic record replaced."""
    hint = _hints(record)[name]
    if typing.get_origin(hint) is list and typing.get_args(hint)[0] is View:
        return list[typing.get_args(kind)[0]]  # type: ignore[misc]
    return hint


def _expect(kind: type, data: Any) -> Any:
    if not isinstance(data, kind):
        raise ValueError(f"expected {kind.__name__}, got {type(data).__name__}")
    return data
