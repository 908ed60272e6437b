"""The reading order of a PDF page: columns one after the other, paragraphs, tables where they stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from knowledge.parsing.pdf_page import Line, Page
from knowledge.parsing.pdf_tables import aligned_table, ruled_tables
from knowledge.parsing.tables import Row

_MOST_GUTTERS = 30
_FEWEST_LINES = 3
_SHORTEST_PROSE = 18
_CONTINUED_SHARE = 0.3
_DEEPEST = 3
_WIDEST_PITCH = 1.35
_OTHER_SIZE = 0.12


@dataclass(slots=True)
class Piece:
    """A paragraph, or a heading, or a table: lines of text of one size, or rows."""

    lines: list[str] = field(default_factory=list)
    size: float = 0.0
    rows: tuple[Row, ...] = ()
    edges: tuple[float, ...] = ()
    """Where the columns of a table begin."""

    @property
    def is_text(self) -> bool:
        return not self.rows


def pieces_of(page: Page) -> list[Piece]:
    """What stands on a page, in the order in which it is read."""
    tables, lines = ruled_tables(page)
    pieces: list[Piece] = []
    for table in sorted(tables, key=lambda each: each.top):
        above = [line for line in lines if line.y < table.top]
        lines = lines[len(above) :]
        pieces += _read(above)
        pieces.append(Piece(rows=table.rows, edges=table.edges))
    return pieces + _read(lines)


def _read(lines: list[Line]) -> list[Piece]:
    return [piece for column in _columns(lines, 0) for piece in _paragraphs(column)]


def _columns(lines: list[Line], depth: int) -> Iterator[list[Line]]:
    """Lines column by column where text stands in columns, else as they follow each other."""
    gutter = _gutter(lines) if depth < _DEEPEST and len(lines) >= _FEWEST_LINES else None
    if gutter is None:
        yield lines
        return
    plain: list[Line] = []
    band: list[Line] = []
    for line in [*lines, None]:
        if line is not None and not _crosses(line, gutter):
            band.append(line)
            continue
        left, right = _halves(band, gutter)
        if left and right and _is_prose(left) and _is_prose(right):
            if plain:
                yield plain
            plain = []
            yield from _columns(left, depth + 1)
            yield from _columns(right, depth + 1)
        else:
            plain += band
        band = []
        if line is not None:
            plain.append(line)
    if plain:
        yield plain


def _gutter(lines: list[Line]) -> float | None:
    """Where a page is divided: the place that fewest lines cross, with enough lines on either side."""
    places: Counter[int] = Counter()
    for line in lines:
        for before, after in pairwise(line.words):
            if after.x0 - before.x1 > 0.9 * line.size:
                places[round((after.x0 + before.x1) / 2 / 4)] += 1
        places[round((line.x0 - line.size / 2) / 4)] += 1
    best: tuple[float, float] | None = None
    for place, _ in places.most_common(_MOST_GUTTERS):
        gutter = place * 4.0
        crossing = sum(_crosses(line, gutter) for line in lines)
        left = sum(line.x0 < gutter for line in lines)
        right = sum(line.x1 > gutter for line in lines)
        beside = min(left, right) - crossing
        if beside >= _FEWEST_LINES and (best is None or crossing < best[0]):
            best = (crossing, gutter)
    return best[1] if best else None


def _crosses(line: Line, gutter: float) -> bool:
    """Whether words of a line run over a place without room for a gutter there."""
    before = max((word.x1 for word in line.words if word.x0 < gutter), default=None)
    after = min((word.x0 for word in line.words if word.x0 >= gutter), default=None)
    if before is None:
        return False
    if before > gutter:
        return True
    return after is not None and after - before < 0.9 * line.size


def _halves(band: list[Line], gutter: float) -> tuple[list[Line], list[Line]]:
    left = [Line([word for word in line.words if word.x0 < gutter]) for line in band]
    right = [Line([word for word in line.words if word.x0 >= gutter]) for line in band]
    return [line for line in left if line.words], [line for line in right if line.words]


def _is_prose(lines: list[Line]) -> bool:
    """Whether lines are long enough, and go on often enough, to be running text rather than cells of a table."""
    if len(lines) < _FEWEST_LINES - 1:
        return False
    longest = median(len(line.text) + sum(character > "\u2e7f" for character in line.text) for line in lines)
    going_on = sum(line.text[0].islower() or line.text[0] > "\u2e7f" for line in lines)
    return longest >= _SHORTEST_PROSE and going_on >= _CONTINUED_SHARE * (len(lines) - 1)


def _paragraphs(lines: list[Line]) -> Iterator[Piece]:
    pitches = [after.y - before.y for before, after in pairwise(lines) if after.y > before.y]
    usual = median(pitches) if pitches else 0.0
    piece: Piece | None = None
    before: Line | None = None
    index = 0
    while index < len(lines):
        line = lines[index]
        table, taken = aligned_table(lines, index)
        if table is not None or (piece is not None and before is not None and _parts(before, line, usual)):
            if piece is not None:
                yield piece
            piece = None
        if table is not None:
            yield Piece(rows=table.rows, edges=table.edges)
            index, before = index + taken, None
            continue
        piece = piece or Piece(size=line.size)
        piece.lines.append(line.text)
        before = line
        index += 1
    if piece is not None:
        yield piece


def _parts(before: Line, line: Line, usual: float) -> bool:
    """Whether a paragraph ends between two lines."""
    pitch = line.y - before.y
    if abs(line.size - before.size) > _OTHER_SIZE * max(line.size, before.size):
        return True
    return pitch < 0 or pitch > _WIDEST_PITCH * max(min(usual, 2.2 * line.size), line.size)
