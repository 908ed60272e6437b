"""Blocks: the smallest pieces a document is read in, which a chunk keeps whole unless one is too long."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from knowledge.text.analysis import HAN

Kind = Literal["prose", "code", "table", "list"]

TARGET_SIZE = 200.0
"""Where a chunk is closed when the next block would not fit: words, a Han character counting 0.4 (500 are 200)."""

HARD_MAXIMUM_SIZE = 500.0
"""A block longer than this is cut at its lines, then sentences, then anywhere."""

_HAN_SIZE = 0.4
_CHARACTERS_IN_WORD = 12
_WORD = re.compile(rf"[^\s{HAN}]+")
_HAN_CHARACTER = re.compile(f"[{HAN}]")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_SENTENCE = re.compile(r".+?(?:[。！？；]|[.!?;](?=\s)|\Z)\s*", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A piece of a document's text at [start, end), under `heading_path`.

    `context` is what a piece of a longer table or fence needs to be understood (the header row), for the indexes only.
    """

    start: int
    end: int
    kind: Kind
    size: float
    heading_path: tuple[str, ...] = ()
    is_heading: bool = False
    leads_in: bool = False
    """Announces the block that follows it ("as follows:")."""
    context: str = ""


def size_of(text: str) -> float:
    """How much of a chunk a text takes, in English words; a long run without spaces counts by its characters."""
    words = len(_WORD.findall(text)) + _HAN_SIZE * len(_HAN_CHARACTER.findall(text))
    return max(words, len(text) / _CHARACTERS_IN_WORD)


def line_starts(text: str) -> list[int]:
    """Offsets at which lines begin, as Markdown counts lines, and the length of the text at the end."""
    starts = [match.start() for match in _LINE.finditer(text) if match.group()]
    return [*starts, len(text)]


def cut(block: Block, text: str) -> Iterator[Block]:
    """The block itself, or pieces of about the target size when it is longer than the hard maximum."""
    if block.size <= HARD_MAXIMUM_SIZE:
        yield block
        return
    context = _header_of(block, text)
    start, size = block.start, 0.0
    for piece_start, piece_end in _pieces(text, block.start, block.end):
        piece_size = size_of(text[piece_start:piece_end])
        if size and size + piece_size > TARGET_SIZE:
            yield _part(block, start, piece_start, size, context)
            start, size = piece_start, 0.0
        size += piece_size
    yield _part(block, start, block.end, size, context)


def _part(block: Block, start: int, end: int, size: float, context: str) -> Block:
    return replace(
        block, start=start, end=end, size=size, context=context if start > block.start else "", leads_in=False
    )


def _header_of(block: Block, text: str) -> str:
    return text[block.start : block.end].lstrip().partition("\n")[0][:300] if block.kind == "table" else ""


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Lines; sentences of lines that are too long; runs of characters of sentences that still are."""
    for line_start, line_end in _matches(_LINE.finditer, text, start, end):
        if size_of(text[line_start:line_end]) <= TARGET_SIZE:
            yield line_start, line_end
            continue
        for first, last in _matches(_SENTENCE.finditer, text, line_start, line_end):
            step = int(TARGET_SIZE * _CHARACTERS_IN_WORD / 4)
            if size_of(text[first:last]) <= TARGET_SIZE:
                step = last - first
            yield from ((offset, min(offset + step, last)) for offset in range(first, last, step))


def _matches(
    find: Callable[[str, int, int], Iterator[re.Match[str]]], text: str, start: int, end: int
) -> Iterator[tuple[int, int]]:
    return (match.span() for match in find(text, start, end) if match.end() > match.start())
