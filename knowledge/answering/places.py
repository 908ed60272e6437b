"""Under which heading each part of a passage stands, and in which rows of a sheet."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from knowledge.text.markup import heading_name, slug
from knowledge.text.rows import rows_between, with_rows
from knowledge.types import Passage, PassagePart, RowRun

if TYPE_CHECKING:
    from knowledge.splitting.blocks import Block

_WITHOUT_HEADINGS = re.compile(
    r"\.(?:txt|text|log|csv|tsv|tab|jsonl?|ya?ml|toml|ini|cfg|conf|properties|env|sh|py|go|js|ts|java|rb|rs|c|h|cpp|sql"
    r"|tf|lua)$",
    re.IGNORECASE,
)
_FENCE = re.compile(r"^[ \t>]*+(?:`{3,}+|~{3,}+)[ \t]*+([^`\n]*+)$", re.MULTILINE)


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
    parts = passage.parts or (
        PassagePart(start=passage.start, heading_path=passage.heading_path, anchor=passage.anchor),
    )
    ends = [*(part.start for part in parts[1:]), passage.end]
    places: list[Place] = []
    in_code = _begins_in_code(_text(passage, parts[0], ends[0]), parts[0])
    for part, end in zip(parts, ends, strict=True):
        text = _text(passage, part, end)
        code = _end_of_code(text) if in_code else 0
        in_code = code == len(text) if in_code else False
        in_code = in_code or len(_FENCE.findall(text, code)) % 2 == 1
        for place in _inside(passage, part, text, code):
            if not places or places[-1].heading_path != place.heading_path or place.header:
                places.append(place)
    return places


def code_before(passage: Passage) -> int:
    """Where code ends that was opened before the passage; 0 when it begins with something else."""
    if not passage.parts:
        return 0
    end = passage.parts[1].start if len(passage.parts) > 1 else passage.end
    text = _text(passage, passage.parts[0], end)
    return _end_of_code(text) if _begins_in_code(text, passage.parts[0]) else 0


def place_at(passage: Passage, offset: int, places: Sequence[Place] | None = None) -> Place:
    """The place of an offset of the document; `places` are those of the passage, where they are known already."""
    places = places_of(passage) if places is None else places
    at = bisect_right([place.start for place in places], offset - passage.start) - 1
    return places[max(at, 0)]


def anchor_with_rows(passage: Passage, anchor: str, start: int, end: int) -> str:
    """An anchor of the passage with the rows that stand between these offsets of the document, where it has rows."""
    if not any(part.rows for part in passage.parts):
        return anchor
    first = max(bisect_right([part.start for part in passage.parts], start) - 1, 0)
    runs: list[RowRun] = []
    for part in passage.parts[first:]:
        if part.start >= end or part.anchor != passage.parts[first].anchor:
            end = min(end, part.start)  # another sheet has other rows
            break
        runs += part.rows
    return with_rows(anchor, rows_between(runs, passage.text, start, end, offset=passage.start))


def _text(passage: Passage, part: PassagePart, end: int) -> str:
    return passage.text[part.start - passage.start : end - passage.start]


def _begins_in_code(text: str, part: PassagePart) -> bool:
    if not part.is_code or _is_own_heading(text, part):
        return False
    fences = _FENCE.findall(text)
    if fences:
        return len(fences) % 2 == 1 and not fences[0].strip()
    lines = [line for line in text.splitlines() if line.strip()]
    return 2 * sum(line.startswith("    ") for line in lines) < len(lines)


def _is_own_heading(text: str, part: PassagePart) -> bool:
    """Whether a text begins with one of the headings it stands under, not with code."""
    first = text.lstrip().partition("\n")[0]
    return first.startswith("#") and heading_name(first.lstrip("#").strip()) in part.heading_path


def _end_of_code(text: str) -> int:
    fence = _FENCE.search(text)
    return fence.end() if fence else len(text)


def _inside(passage: Passage, part: PassagePart, text: str, code: int) -> Iterator[Place]:
    """A part names the headings of its first text; those further down in it stand below its own.

    The part is `text`, up to `code` the rest of a block of code.
    """
    begin = part.start - passage.start
    yield Place(begin, part.heading_path, part.anchor, part.header)
    if _WITHOUT_HEADINGS.search(passage.document.path):
        return
    blocks = list(_reader(passage.document.path)(text, code))
    opening = next((block.heading_path for block in blocks if not block.is_heading), None)
    if opening is None or code:
        # Nothing but headings has those of the last; after code they stand below the code's.
        opening = blocks[-1].heading_path if blocks and not code else ()
    above = part.heading_path[: len(part.heading_path) - len(opening)]
    if part.heading_path[len(above) :] != opening:
        # The headings of the part are not told by its text.
        return
    for block in blocks:
        if not block.is_heading and (block.heading_path != opening or block.start > 0):
            path = (*above, *block.heading_path)
            # Pages, slides and sheets (`page=3`) hold all of a part; a heading's anchor is that heading's alone.
            stays = path == part.heading_path or "=" in part.anchor
            yield Place(begin + block.start, path, part.anchor if stays else slug(path[-1]))


def _reader(path: str) -> Callable[[str, int], Iterator[Block]]:
    if path.lower().endswith(".rst"):
        from knowledge.splitting.text_blocks import rst_blocks

        return lambda text, start: rst_blocks(text) if not start else iter(())
    from knowledge.splitting.markdown_blocks import markdown_blocks

    return markdown_blocks
