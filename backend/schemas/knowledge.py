"""Knowledge bases, sources, documents, search and evaluation, as REST shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from backend.limits import LONGEST_QUESTION
from backend.schemas.base import Body, Name, View
from knowledge.types import Filters


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
    waiting_count: int = Field(default=0, description="Of the documents, those still to be read or read again.")
    failed_count: int
    chunk_count: int
    indexes: list[IndexProgress]
    active_job_id: str | None
    is_sample: bool = Field(default=False, description="Whether it is the guide that the first start made.")
    changed_at: datetime | None = Field(
        default=None, description="When what can be found in it last changed; null while it is empty."
    )
    created_at: datetime
    updated_at: datetime


class SourceCreate(Body):
    """`folder` and `zip` are paths on the server's machine (local mode only); `web` is the URL of one page."""

    kind: Annotated[str, Field(min_length=1, max_length=32, examples=["folder", "zip", "web"])]
    location: Annotated[str, Field(min_length=1, max_length=4096)]
    options: dict[str, Any] = Field(default_factory=dict)


class SourceChecked(View):
    """A source as it would be read: `location` with links followed, where it is a path."""

    kind: str
    location: str


class SourceUpdate(Body):
    options: dict[str, Any]


class SourceView(View):
    id: str
    knowledge_base_id: str
    kind: Annotated[str, Field(examples=["upload", "folder", "zip", "web"])]
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
    error_code: str = Field(default="", description="Stable; empty for one that is not failed.")
    warnings: list[str]
    metadata: dict[str, Any]
    chunk_count: int
    page_count: int = Field(default=0, description="Pages, slides or sheets; 0 for what has none.")
    created_at: datetime
    updated_at: datetime


class DocumentSelection(Body):
    """Documents by id; those that are not there are passed over."""

    ids: list[Annotated[str, Field(max_length=100)]] = Field(min_length=1, max_length=1000)


class DocumentsDeleted(View):
    deleted: int


class ChunkView(View):
    """`anchor` is the fragment that opens its place, with the rows of a sheet that it holds: `sheet=Hosts&row=2-31`."""

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


class PageStart(View):
    """Where a page, slide or sheet begins in the text."""

    start: int
    label: str


class DocumentContent(View):
    """The canonical text that all offsets count in. `?format=original` returns the file itself instead."""

    document: DocumentView
    text: str
    markup: str
    chunks: list[ChunkView]
    pages: list[PageStart]


class BoxView(View):
    """A place on a page, in parts of its width and height from the top left, 0 to 1."""

    left: float
    top: float
    right: float
    bottom: float


class DocumentPage(View):
    """A page that there is a picture of; `boxes` are the lines of the passage asked for. Sizes are in points."""

    number: int
    count: int
    width: float
    height: float
    boxes: list[BoxView]


class SearchFilters(Body):
    source_ids: list[str] = Field(default_factory=list, max_length=1000)
    path_prefixes: list[str] = Field(default_factory=list, max_length=1000)
    document_ids: list[str] = Field(default_factory=list, max_length=1000)
    metadata: dict[str, Any] = Field(default_factory=dict)

    def chosen(self) -> Filters | None:
        """As the knowledge floor takes them; None when nothing is filtered."""
        filters = Filters(
            source_ids=tuple(self.source_ids),
            path_prefixes=tuple(self.path_prefixes),
            document_ids=tuple(self.document_ids),
            metadata=self.metadata,
        )
        return None if filters == Filters() else filters


class SearchRequest(Body):
    query: Annotated[str, Field(min_length=1, max_length=LONGEST_QUESTION)]
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
    """`score` and `parts` lie in 0..1. `dropped` (with explain) says why a chunk fell below the line. `anchor` is the
    fragment that opens its place, with the rows of a sheet that it holds: `sheet=Hosts&row=2-31`."""

    document: HitDocument
    chunk_id: int
    heading_path: list[str]
    anchor: str
    page: str = Field(default="", description="Page of a PDF, slide, or sheet that the passage begins on.")
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


class EvaluationReport(View):
    """Figures of `eval retrieval`; each lies in 0..1, `count` questions. `answered_rate`: answerable questions told
    "answered"; `wrong_refusal_rate`: those told "nothing"; `refusal_rate`: unanswerable ones told anything but
    "answered". `per_question` says where each one failed, `unknown_documents` what the questions name and the base
    does not hold."""

    count: int
    unanswerable_count: int
    hit_at_1: float
    hit_at_5: float
    hit_at_10: float
    mrr_at_10: float
    ndcg_at_10: float
    quote_recall: float
    answer_cover: float
    answered_rate: float
    refusal_rate: float | None
    wrong_refusal_rate: float
    unknown_documents: list[str] = Field(default_factory=list)
    file: str = ""
    per_question: list[dict[str, Any]]
