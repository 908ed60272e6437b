"""Under which heading each part of a passage stands."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from knowledge.text.markup import slug
from knowledge.types import Part, Passage

if TYPE_CHECKING:
    from knowledge.splitting.blocks import Block

_WITHOUT_HEADINGS = re.compile(
    r"\.(?:txt|text|log|csv|tsv|tab|jsonl?|ya?ml|toml|ini|cfg|conf|properties|env|sh|py|go|js|ts|java|rb|rs|c|h|cpp|sql"
    r"|tf|lua)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Place:
    """The headings from `start` (offset of the passage) on, the nearest last, and the anchor of that one; `header` is
    that of a table which goes on from before the passage."""

    start: int
    heading_path: tuple[str, ...]
    anchor: str
    header: str = ""


def places_of(passage: Passage) -> list[Place]:
    """The places of a passage in order, the first at its beginning."""
    parts = passage.parts or (Part(start=passage.start, heading_path=passage.heading_path, anchor=passage.anchor),)
    ends = [*(part.start for part in parts[1:]), passage.end]
    places: list[Place] = []
    for part, end in zip(parts, ends, strict=True):
        for place in _inside(passage, part, end):
            if not places or places[-1].heading_path != place.heading_path or place.header:
                places.append(place)
    return places


def place_at(passage: Passage, offset: int) -> Place:
    """The place of an offset of the document."""
    places = places_of(passage)
    at = bisect_right([place.start for place in places], offset - passage.start) - 1
    return places[max(at, 0)]


def _inside(passage: Passage, part: Part, end: int) -> Iterator[Place]:
    """A part names the headings of its first text; those further down in it stand below its own."""
    begin = part.start - passage.start
    text = passage.text[begin : end - passage.start]
    if _WITHOUT_HEADINGS.search(passage.document.path) or part.is_code or part.header:
        yield Place(begin, part.heading_path, part.anchor, part.header)
        return
    blocks = list(_reader(passage.document.path)(text))
    opening = next((block.heading_path for block in blocks if not block.is_heading), ())
    if not opening and blocks:
        opening = blocks[-1].heading_path
    above = part.heading_path[: len(part.heading_path) - len(opening)]
    if part.heading_path[len(above) :] != opening:
        # The headings of the part are not told by its text.
        yield Place(begin, part.heading_path, part.anchor)
        return
    yield Place(begin, part.heading_path, part.anchor)
    for block in blocks:
        if not block.is_heading and block.heading_path != opening:
            path = (*above, *block.heading_path)
            yield Place(begin + block.start, path, slug(path[-1]))


def _reader(path: str) -> Callable[[str], Iterator[Block]]:
    if path.lower().endswith(".rst"):
        from knowledge.splitting.text_blocks import rst_blocks

        return rst_blocks
    from knowledge.splitting.markdown_blocks import markdown_blocks

    return lambda text: markdown_blocks(text, 0)
