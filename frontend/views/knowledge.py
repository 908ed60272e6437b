"""Knowledge bases, their documents, their jobs and what is found in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


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
    error_code: str = ""
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
    anchor: str = ""
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
    error_code: str = ""
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
    anchor: str = ""
    parts: dict[str, float] = field(default_factory=dict)
    dropped: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchResponse:
    hits: list[Hit]
    language: str = ""
    degraded: list[str] = field(default_factory=list)
    duration_ms: float = 0.0
