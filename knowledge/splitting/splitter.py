"""A parsed document becomes chunks: pieces that follow its headings and keep together what belongs together."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from knowledge.splitting.blocks import TARGET_SIZE, Block, Kind, cut
from knowledge.splitting.markdown_blocks import markdown_blocks
from knowledge.splitting.text_blocks import code_blocks, line_blocks, plain_blocks, rst_blocks, yaml_blocks
from knowledge.text.analysis import count_words, language_of
from knowledge.text.markup import front_matter, plain_code, plain_text, slug
from knowledge.types import ChunkDraft, Language, ParsedDocument

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
    description in a document's front matter is searched with its first chunk.
    """
    matter, body_start = front_matter(document.text) if document.markup == "markdown" else ({}, 0)
    title = str(matter.get("title") or document.title).strip()
    description = str(matter.get("description") or document.metadata.get("description") or "").strip()
    blocks = (piece for block in _blocks(document, body_start) for piece in cut(block, document.text))
    spans = _tile([_span(blocks) for blocks in _pack(blocks)], document.text)
    return [
        _draft(document, title, ordinal, span, description if ordinal == 0 else "")
        for ordinal, span in enumerate(spans)
    ]


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


def _pack(blocks: Iterable[Block]) -> Iterator[list[Block]]:
    """Groups of blocks up to the target size; a heading opens a new one unless the one before is too small."""
    pending: list[Block] = []
    size = 0.0
    for block in blocks:
        if pending and _closes(pending, size, block):
            carried = _carried(pending, block)
            yield pending[: len(pending) - len(carried)]
            pending, size = carried, sum(each.size for each in carried)
        pending.append(block)
        size += block.size
    if pending:
        yield pending


def _closes(pending: list[Block], size: float, block: Block) -> bool:
    first = pending[0].heading_path
    if block.heading_path != pending[-1].heading_path:
        below = block.heading_path[: len(first)] == first
        return not below or size >= SMALL_SIZE
    return size + block.size > TARGET_SIZE and not all(each.is_heading for each in pending)


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


def _draft(document: ParsedDocument, title: str, ordinal: int, span: _Span, description: str) -> ChunkDraft:
    text = document.text[span.start : span.end]
    return ChunkDraft(
        ordinal=ordinal,
        start=span.start,
        end=span.end,
        text=text,
        search_text=_search_text(document, title, span, description),
        heading_path=span.heading_path,
        anchor=slug(span.heading_path[-1]) if span.heading_path else "",
        kind=_main_kind(span.blocks),
        language=_language(text, document.language, span.blocks),
        page=_page_at(document, span.start),
    )


def _search_text(document: ParsedDocument, title: str, span: _Span, description: str) -> str:
    bodies = [
        _plain(document.text[block.start : block.end], block.kind, document.markup)
        for block in span.blocks
        if not (block.is_heading and block.heading_path == span.heading_path[: len(block.heading_path)])
    ]
    header = " > ".join(_without_repeats((title, *span.heading_path)))
    return "\n".join([header, *filter(None, (span.blocks[0].context, *bodies, description))])


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


def _page_at(document: ParsedDocument, offset: int) -> str:
    index = bisect.bisect_right([start for start, _ in document.pages], offset) - 1
    return document.pages[index][1] if index >= 0 else ""
