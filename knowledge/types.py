"""The values that cross the knowledge floor: documents, chunks, hits and extracted answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

Language = Literal["en", "zh", "other"]
"""Language of a text as retrieval treats it: decides word cutting, embedders and fusion weights."""

UPLOAD = "upload"
"""The kind of source whose files were sent here one by one: nothing is read for it again."""

ELSEWHERE = "elsewhere"
"""In the cursor of a source that was imported and has never been read here."""

DocumentStatus = Literal["received", "indexed", "failed"]

Verdict = Literal["answered", "closest", "nothing"]
"""How sure an answer is: `answered`; `closest`, when nothing surely answers and what comes nearest is shown, marked as
such; `nothing`, when nothing comes near enough to be shown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """Whose rows a query may see. Every store is opened with one and applies it to every statement."""

    workspace_id: str
    user_id: str
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A link found in a document: `target` as written (relative path, URL or #anchor)."""

    target: str
    text: str
    start: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Symbol:
    """What a file of source code defines: `text[start:end]` of its document is the definition."""

    name: str
    kind: str
    start: int
    end: int


class RowRun(NamedTuple):
    """Which rows of a sheet, or of separated values, a text is made from, from `start` (an offset) to the next run.

    With `each`, every line is a row and `row` the number of the first, from 1 as spreadsheet programs count; with `one`
    all lines are that row; `header` is the header row of a table, which comes back further down. 0 is no row.
    """

    start: int
    row: int = 0
    kind: Literal["each", "one", "header"] = "one"


@dataclass(frozen=True, kw_only=True, slots=True)
class ParsedDocument:
    """What a parser makes of a file.

    `text` is the canonical text: every offset of a chunk or a citation counts characters of it. For Markdown, source
    code and plain text it is the decoded file, verbatim (front matter included); for HTML, office files, PDF and the
    like it is Markdown made from them. `pages` maps page, slide or sheet starts: (offset, label), ascending. `rows` are
    the rows that a text was made from, the first run at its beginning; they are stored with the chunks. `symbols` are
    for a parser of source code to fill; no parser here does, and nothing is stored of them.
    """

    text: str
    title: str
    media_type: str
    markup: Literal["markdown", "rst", "plain", "code", "yaml", "json", "table", "log"] = "markdown"
    language: Language = "en"
    metadata: dict[str, Any] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    pages: tuple[tuple[int, str], ...] = ()
    rows: tuple[RowRun, ...] = ()
    warnings: tuple[str, ...] = ()
    symbols: tuple[Symbol, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A place on a page, in parts of its width and height from the top left, 0 to 1."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawnPage:
    """Page `number` of `count`, in points as a reader sees it; `boxes` are where a passage stands. `picture` is empty
    when none was asked for."""

    number: int
    count: int
    width: float
    height: float
    boxes: tuple[Box, ...] = ()
    media_type: str = ""
    picture: bytes = b""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChunkDraft:
    """A piece of a document before it is stored.

    `text == document.text[start:end]`, always. `search_text` is what the indexes read (title, heading path and the
    text without markup); it is never shown. `kind` says what the chunk mostly is. `page` is the label of the page,
    slide or sheet it begins on, and `anchor` the fragment that opens its place: `page=3`, `slide=2`, `sheet=Hosts`,
    else that of its heading. `rows` are those of the document inside it, the first run at its beginning.
    """

    ordinal: int
    start: int
    end: int
    text: str
    search_text: str
    heading_path: tuple[str, ...] = ()
    anchor: str = ""
    kind: Literal["prose", "code", "table", "list"] = "prose"
    language: Language = "en"
    page: str = ""
    rows: tuple[RowRun, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitDocument:
    """A parsed document with the chunks it was cut into; what cutting lost is among the document's warnings."""

    document: ParsedDocument
    chunks: tuple[ChunkDraft, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """A stored chunk, with what is needed to rank and show it without a second query."""

    id: int
    knowledge_base_id: str
    document_id: str
    ordinal: int
    start: int
    end: int
    text: str
    search_text: str
    content_hash: str
    heading_path: tuple[str, ...]
    anchor: str
    kind: str
    language: Language
    page: str
    rows: tuple[RowRun, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class KnowledgeBase:
    id: str
    name: str
    description: str
    workspace_id: str
    owner_id: str
    embedders: tuple[str, ...]
    """Names of the embedders whose vectors answer questions now, the fastest first."""
    next_embedders: tuple[str, ...] | None
    """Embedders being built beside the present ones; they replace them when every chunk has its vectors."""
    created_at: datetime
    updated_at: datetime
    changed_at: datetime | None = None
    """When what can be found in it last became another; None while it is empty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where documents of a knowledge base come from.

    `kind` names what reads it (see knowledge.sources), `options` are of that reader's model. `blob` is the hash of the
    file that was uploaded as this source, empty when it is read from its location. `cursor` is what the last reading
    to its end left (ETag, commit).
    """

    id: str
    knowledge_base_id: str
    kind: str
    location: str
    options: dict[str, Any]
    cursor: dict[str, Any]
    created_at: datetime
    synced_at: datetime | None
    blob: str = ""

    @property
    def is_elsewhere(self) -> bool:
        """Whether its location is one of another machine, from where its documents were imported."""
        return ELSEWHERE in self.cursor


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A stored document. `path` is unique within its source; `content_hash` is the SHA-256 of the raw file."""

    id: str
    knowledge_base_id: str
    source_id: str
    path: str
    title: str
    url: str
    media_type: str
    markup: str
    language: Language
    size: int
    content_hash: str
    status: DocumentStatus
    error: str
    error_code: str
    warnings: tuple[str, ...]
    metadata: dict[str, Any]
    chunk_count: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Filters:
    """What narrows a search: any source of these, paths beginning with one of these, metadata equal to these."""

    source_ids: tuple[str, ...] = ()
    path_prefixes: tuple[str, ...] = ()
    document_ids: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentRef:
    """The document of a hit, enough to cite and open it."""

    id: str
    knowledge_base_id: str
    path: str
    title: str
    url: str
    source_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """A chunk found for a question.

    `score` and each of `parts` lie in 0..1, higher is better (for example lexical, vector:<embedder>, page, link,
    proximity). `rank` counts from 1. `dropped` is empty for a hit that was handed on, otherwise the reason it was not.
    """

    chunk: Chunk
    document: DocumentRef
    score: float
    rank: int
    parts: dict[str, float]
    dropped: str = ""
    graph_path: tuple[str, ...] = ()
    """The nodes of a graph that led here, from the question on; empty for a hit that words or vectors found, as all are
    until a graph is built."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PassagePart:
    """Where a part of a passage stands: it begins at `start` (offset of the document) and goes on to the next part.

    `header` is the header row of the table that the part goes on with, when that row is not in the passage itself;
    `is_code` says that the part goes on with code whose fence was opened before it. `rows` are those inside it, by
    offsets of the document, the first run at its beginning.
    """

    start: int
    heading_path: tuple[str, ...]
    anchor: str
    header: str = ""
    is_code: bool = False
    rows: tuple[RowRun, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """Text handed to a reader or a model: one or more neighbouring chunks of a document, verbatim and contiguous.

    `text == document.text[start:end]`. `number` is its citation number, from 1. `heading_path` and `anchor` are those
    of its best part; `parts` lie side by side and cover it.
    """

    number: int
    document: DocumentRef
    heading_path: tuple[str, ...]
    anchor: str
    text: str
    start: int
    end: int
    score: float
    chunk_ids: tuple[int, ...]
    parts: tuple[PassagePart, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerSegment:
    """A quoted piece of an answer: `text` is verbatim from passage `number`, at these offsets of its document.

    `block` keeps what belongs together apart from sentences: a code block, a table row group or a list of steps.
    `heading_path` and `anchor` are those it stands under; the anchor names no rows yet. `header` is the header of the
    table that its rows are from, as written. With `left` above 0 it is not quoted: it is where so many more items, rows
    or lines of the block begin.
    """

    text: str
    number: int
    start: int
    end: int
    block: Literal["sentence", "code", "table", "list"] = "sentence"
    heading_path: tuple[str, ...] = ()
    anchor: str = ""
    header: str = ""
    left: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtractedAnswer:
    """An answer made without a model. `segments` is empty when the verdict is `nothing`; `nearest` lists the documents
    worth opening. `confidence` that the question is answered lies in 0..1."""

    verdict: Verdict
    confidence: float
    segments: tuple[AnswerSegment, ...]
    nearest: tuple[DocumentRef, ...]
