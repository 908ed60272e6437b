"""A parsed document becomes chunks: pieces that follow its headings and keep together what belongs together."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import quote

from knowledge.splitting.blocks import HARD_MAXIMUM_SIZE, TARGET_SIZE, Block, Kind, cut
from knowledge.splitting.markdown_blocks import markdown_blocks
from knowledge.splitting.repetition import TRIMMED, Repetition
from knowledge.splitting.text_blocks import code_blocks, line_blocks, plain_blocks, rst_blocks, yaml_blocks
from knowledge.text.analysis import count_words, language_of
from knowledge.text.invisible import visible
from knowledge.text.markup import front_matter, plain_code, plain_text, slug
from knowledge.text.rows import run_from
from knowledge.types import ChunkDraft, Language, ParsedDocument, RowRun, SplitDocument

_OFFICE = "application/vnd.openxmlformats-officedocument."
_PARTS = {
    "application/pdf": "page",
    f"{_OFFICE}presentationml.presentation": "slide",
    f"{_OFFICE}spreadsheetml.sheet": "sheet",
}
_LONGEST_TITLE = 300
_LONGEST_DESCRIPTION = 1_000
_SHORT_HEADING = 60
_MANY_CHUNKS = 1_000
_SHORTEST_MEAN = 60
"""Beyond so many chunks, shorter than so many characters on average, sections are too small to be chunks."""

SMALL_SIZE = 30.0
"""A section smaller than this joins the one below it: its heading alone would be found, and say nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Span:
    """Consecutive blocks that will be one chunk."""

    start: int
    end: int
    heading_path: tuple[str, ...]
    blocks: tuple[Block, ...]


def split(document: ParsedDocument) -> list[ChunkDraft]:
    """Cut a document into chunks that tile its text from the first block to the end.

    Each chunk's `text` is `document.text[start:end]`, one begins where the one before ended, and none is blank. The
    first line of `search_text` is title and heading path joined by " > "; the rest is the text without markup. The
    description in a document's front matter is searched with its first chunk. A chunk of a document with pages begins
    on the page it names, and ends on it but for a paragraph that goes on. What chunks repeat (titles, headings, header
    rows) is together at most a few times as long as the document.
    """
    return list(split_document(document).chunks)


def split_document(document: ParsedDocument) -> SplitDocument:
    """The same chunks with the document, whose warnings name what splitting left out."""
    matter, body_start = front_matter(document.text) if document.markup == "markdown" else ({}, 0)
    title = str(matter.get("title") or document.title).strip()[:_LONGEST_TITLE].rstrip()
    about = matter.get("description") or document.metadata.get("description") or ""
    description = str(about)[:_LONGEST_DESCRIPTION].strip()
    pages = _Pages(document)
    blocks = (piece for block in _blocks(document, body_start) for piece in cut(block, document.text))
    spans = _tile([_span(blocks) for blocks in _pack(blocks, pages)], document.text)
    repeated = Repetition(len(document.text))
    chunks = tuple(
        _draft(document, pages, title, ordinal, span, repeated, description if ordinal == 0 else "")
        for ordinal, span in enumerate(spans)
    )
    if repeated.exceeded:
        document = replace(document, warnings=(*document.warnings, TRIMMED))
    return SplitDocument(document=document, chunks=chunks)


def _blocks(document: ParsedDocument, body_start: int) -> Iterator[Block]:
    text = document.text
    match document.markup:
        case "markdown":
            return markdown_blocks(text, body_start)
        case "rst":
            return rst_blocks(text)
        case "code":
            return code_blocks(text)
        case "yaml":
            return yaml_blocks(text)
        case "table":
            return line_blocks(text, "table")
        case "json" | "log":
            return line_blocks(text, "code")
        case _:
            return plain_blocks(text)


def _pack(blocks: Iterable[Block], pages: _Pages) -> Iterator[list[Block]]:
    """Groups of blocks up to the target size; a heading opens a new one unless the one before is too small, a page
    always. Where nearly every line is a heading, headings open none."""
    pending: list[Block] = []
    size, made, headings = 0.0, 0, 0
    for block in blocks:
        crowded = made > _MANY_CHUNKS and block.start < made * _SHORTEST_MEAN
        only_headings = headings == len(pending) and size < HARD_MAXIMUM_SIZE
        if pending and _closes(pending, size, block, pages, only_headings=only_headings, crowded=crowded):
            carried = _carried(pending, block)
            yield pending[: len(pending) - len(carried)]
            made += 1
            pending, size, headings = carried, sum(each.size for each in carried), 0
        pending.append(block)
        size += block.size
        headings += block.is_heading
    if pending:
        yield pending


def _closes(
    pending: list[Block], size: float, block: Block, pages: _Pages, *, only_headings: bool, crowded: bool
) -> bool:
    if not only_headings and pages.index(block.start) != pages.index(pending[0].start):
        return True
    first = pending[0].heading_path
    if block.heading_path != pending[-1].heading_path and not crowded:
        below = block.heading_path[: len(first)] == first
        return not below or size >= SMALL_SIZE
    return size + block.size > TARGET_SIZE and not only_headings


def _carried(pending: list[Block], block: Block) -> list[Block]:
    """The sentence that announces the next block goes with it."""
    if len(pending) > 1 and pending[-1].leads_in and block.kind != "prose" and not block.is_heading:
        return pending[-1:]
    return []


def _span(blocks: list[Block]) -> _Span:
    paths = [block.heading_path for block in blocks if not block.is_heading] or [blocks[-1].heading_path]
    return _Span(start=blocks[0].start, end=blocks[-1].end, heading_path=paths[0], blocks=tuple(blocks))


def _tile(spans: list[_Span], text: str) -> list[_Span]:
    """Stretch spans over what stands between them, so that neighbours join to the verbatim text."""
    solid = [span for span in spans if text[span.start : span.end].strip()]
    ends = [*(span.start for span in solid[1:]), len(text)]
    return [replace(span, end=end) for span, end in zip(solid, ends, strict=False)]


def _draft(
    document: ParsedDocument, pages: _Pages, title: str, ordinal: int, span: _Span, repeated: Repetition, about: str
) -> ChunkDraft:
    text = document.text[span.start : span.end]
    path, context = span.heading_path, span.blocks[0].context
    if not repeated.allows(title, *path, context):
        title, path, context = "", tuple(name[:_SHORT_HEADING] for name in path[-1:]), ""
    header = " > ".join(_without_repeats((title, *path)))
    return ChunkDraft(
        ordinal=ordinal,
        start=span.start,
        end=span.end,
        text=text,
        search_text="\n".join([header, *filter(None, (context, *_bodies(document, span), about))]),
        heading_path=path,
        anchor=pages.anchor(span.start) or (slug(path[-1]) if path else ""),
        kind=_main_kind(span.blocks),
        language=_language(text, document.language, span.blocks),
        page=pages.label(span.start),
        rows=tuple(pages.rows(span.start, span.end)),
    )


def _bodies(document: ParsedDocument, span: _Span) -> Iterator[str]:
    """The blocks of a chunk without markup; headings that its path names are left out."""
    for block in span.blocks:
        if not (block.is_heading and block.heading_path == span.heading_path[: len(block.heading_path)]):
            yield visible(_plain(document.text[block.start : block.end], block.kind, document.markup))


def _plain(text: str, kind: Kind, markup: str) -> str:
    return plain_code(text) if kind == "code" else plain_text(text, markup)


def _without_repeats(names: tuple[str, ...]) -> Iterator[str]:
    before = None
    for name in names:
        if name and name != before:
            yield name
        before = name


def _main_kind(blocks: tuple[Block, ...]) -> Kind:
    words: dict[Kind, float] = {"prose": 0.0}
    for block in blocks:
        words[block.kind] = words.get(block.kind, 0.0) + block.size
    return max(words, key=lambda kind: words[kind])


def _language(text: str, document_language: Language, blocks: tuple[Block, ...]) -> Language:
    """Code and very short pieces speak the language of their document."""
    if _main_kind(blocks) == "code" or count_words(text) < 8:
        return document_language
    return language_of(text)


class _Pages:
    """On which page, slide or sheet an offset of a document stands, and in which rows of it."""

    def __init__(self, document: ParsedDocument) -> None:
        self._starts = [start for start, _ in document.pages]
        self._labels = [label for _, label in document.pages]
        self._named = _PARTS.get(document.media_type, "")
        self._text = document.text
        self._runs = list(document.rows)
        self._run = 0

    def index(self, offset: int) -> int:
        return bisect.bisect_right(self._starts, offset) - 1

    def anchor(self, offset: int) -> str:
        """The part of a file at an offset as a fragment of its address names it (`page=3`, as RFC 8118 has it for
        PDF); "" where headings name it better."""
        return f"{self._named}={quote(self.label(offset))}" if self._named and self._labels else ""

    def label(self, offset: int) -> str:
        index = self.index(offset)
        return self._labels[index] if index >= 0 else ""

    def rows(self, start: int, end: int) -> Iterator[RowRun]:
        """The runs of rows of a chunk, the first from its beginning; chunks are asked for in their order."""
        if not self._runs:
            return
        while self._run + 1 < len(self._runs) and self._runs[self._run + 1].start <= start:
            self._run += 1
        # What was counted is not counted again: a table may be one run from its beginning to its end.
        self._runs[self._run] = run_from(self._runs[self._run], self._text, start)
        for at in range(self._run, len(self._runs)):
            if self._runs[at].start >= end:
                return
            yield self._runs[at]
