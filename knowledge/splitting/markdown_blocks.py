"""The blocks of a Markdown text, with the admonitions and containers that documentation generators add."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from knowledge.splitting.blocks import Block, Kind, line_starts, size_of
from knowledge.text.markup import heading_name

_KINDS: dict[str, Kind] = {
    "fence": "code",
    "code_block": "code",
    "table_open": "table",
    "bullet_list_open": "list",
    "ordered_list_open": "list",
}
_ADMONITION = re.compile(r"(?:!!!|\?\?\?\+?|===)[ \t]")
_OPENER = re.compile(r"\{\{[<%]\s*+(?!/)[^\n]*[%>]\}\}|:::+[ \t]*[^:\s][^\n]*")
_CLOSER = re.compile(r"\{\{[<%]\s*+/[^\n]*[%>]\}\}|:::+|\{(?=[^{}\n=]*+=)[^{}\n]*+\}")
_LONGEST_SIGN = 1_000
"""Characters of a line that opens or closes a container; a longer one is text."""

_LEADS_IN = re.compile(r"[:：]\s*\Z")


def markdown_blocks(text: str, start: int) -> Iterator[Block]:
    """Top-level blocks of `text` from `start` on, in order, each with the headings it stands under."""
    return _glue(list(_headed(_blocks(text, start), text)), text)


@cache
def _parser() -> MarkdownIt:
    # Blocks only: inline content is never needed, and costs most of the time.
    return MarkdownIt("commonmark").enable("table").disable("inline")


def _blocks(text: str, start: int) -> Iterator[tuple[Token, str, int, int]]:
    body = text[start:]
    lines = line_starts(body)
    tokens = _parser().parse(body)
    for index, token in enumerate(tokens):
        if token.level == 0 and token.map is not None and token.nesting >= 0:
            first, last = (min(line, len(lines) - 1) for line in token.map)
            content = tokens[index + 1].content if token.type == "heading_open" else ""
            yield token, content, start + lines[first], start + lines[last]


def _headed(blocks: Iterator[tuple[Token, str, int, int]], text: str) -> Iterator[Block]:
    path: list[tuple[int, str]] = []
    for token, content, start, end in blocks:
        if token.type == "heading_open":
            level = int(token.tag[1:])
            name = heading_name(content)
            path = [(depth, heading) for depth, heading in path if depth < level] + [(level, name)]
        yield Block(
            start=start,
            end=end,
            kind=_KINDS.get(token.type, "prose"),
            size=size_of(text[start:end]),
            heading_path=tuple(name for _, name in path if name),
            is_heading=token.type == "heading_open",
            leads_in=token.type == "paragraph_open" and bool(_LEADS_IN.search(text[start:end])),
        )


def _glue(blocks: list[Block], text: str) -> Iterator[Block]:
    """Join an admonition with its indented body, and the signs that open or close a container with its content."""
    held: Block | None = None
    for block in blocks:
        if held is not None and not block.is_heading and not held.is_heading and _belongs(held, block, text):
            kind = block.kind if _is_sign(_OPENER, held, text) else held.kind
            held = replace(held, end=block.end, size=held.size + block.size, kind=kind, leads_in=False)
            continue
        if held is not None:
            yield held
        held = block
    if held is not None:
        yield held


def _belongs(held: Block, block: Block, text: str) -> bool:
    if _ADMONITION.match(text, held.start, held.end) and text[block.start] in " \t":
        return True
    return _is_sign(_OPENER, held, text) or _is_sign(_CLOSER, block, text)


def _is_sign(pattern: re.Pattern[str], block: Block, text: str) -> bool:
    """Whether a block is nothing but a line that opens or closes a container."""
    if block.end - block.start > _LONGEST_SIGN:
        return False
    return pattern.fullmatch(text[block.start : block.end].rstrip()) is not None
