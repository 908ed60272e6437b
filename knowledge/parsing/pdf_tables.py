"""Tables of a PDF page: those with rules drawn around their cells, and those that only align."""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence
from dataclasses import dataclass

from knowledge.parsing.pdf_page import Line, Page, Rule, Word, lines_of
from knowledge.parsing.tables import Cell, Row

GAP = 1.2
"""Space between words, in their size, from which they stand in different cells or columns."""

_NEAR = 4.0
_MOST_RULES = 400
_MOST_CELLS = 20_000
_FEWEST_ROWS = 3
_LIST_SIGN = re.compile(r"[•▪◦‣●○■–*-]|\(?(?:\d{1,3}|[a-zA-Z])[.)]")


@dataclass(frozen=True, slots=True)
class Table:
    """A table with the place it takes on its page."""

    top: float
    rows: tuple[Row, ...]
    edges: tuple[float, ...]
    """Where its columns begin."""


def ruled_tables(page: Page) -> tuple[list[Table], list[Line]]:
    """The tables whose cells have rules around them, and the lines of the page without what stands in them."""
    words = [word for line in page.lines for word in line.words]
    tables: list[Table] = []
    for horizontal, vertical in _grids(_merged(page.horizontal), _merged(page.vertical)):
        xs = _positions([rule.at for rule in vertical])
        ys = _positions([rule.at for rule in horizontal])
        if len(xs) < 3 or len(ys) < 3 or len(xs) * len(ys) > _MOST_CELLS:
            continue
        inside = [word for word in words if _within(word, xs, ys)]
        if not inside:
            continue
        taken = set(map(id, inside))
        words = [word for word in words if id(word) not in taken]
        rows = tuple(_rows(xs, ys, horizontal, vertical, inside))
        tables.append(Table(ys[0], rows, tuple(xs[:-1])))
    return tables, lines_of(words) if tables else page.lines


def _merged(rules: Sequence[Rule]) -> list[Rule]:
    """Rules drawn piece by piece, or twice, as one."""
    merged: list[Rule] = []
    for rule in sorted(rules, key=lambda each: (round(each.at / 2), each.start)):
        last = merged[-1] if merged else None
        if last is not None and abs(last.at - rule.at) <= 2 and rule.start <= last.end + _NEAR:
            merged[-1] = Rule(last.at, min(last.start, rule.start), max(last.end, rule.end))
        else:
            merged.append(rule)
    return merged


def _grids(horizontal: list[Rule], vertical: list[Rule]) -> list[tuple[list[Rule], list[Rule]]]:
    """Rules that meet, grid by grid; none on a page with so many that it is a drawing."""
    if len(horizontal) > _MOST_RULES or len(vertical) > _MOST_RULES:
        return []
    group = list(range(len(horizontal) + len(vertical)))

    def root(each: int) -> int:
        while group[each] != each:
            group[each] = group[group[each]]
            each = group[each]
        return each

    for i, row in enumerate(horizontal):
        for j, column in enumerate(vertical, start=len(horizontal)):
            if _meet(row, column):
                group[root(i)] = root(j)
    grids: dict[int, tuple[list[Rule], list[Rule]]] = {}
    for i, rule in enumerate([*horizontal, *vertical]):
        grids.setdefault(root(i), ([], []))[i >= len(horizontal)].append(rule)
    return list(grids.values())


def _meet(row: Rule, column: Rule) -> bool:
    across = row.start - _NEAR <= column.at <= row.end + _NEAR
    return across and column.start - _NEAR <= row.at <= column.end + _NEAR


def _positions(values: list[float]) -> list[float]:
    found: list[float] = []
    for value in sorted(values):
        if not found or value - found[-1] > _NEAR:
            found.append(value)
    return found


def _within(word: Word, xs: list[float], ys: list[float]) -> bool:
    middle = (word.x0 + word.x1) / 2
    return xs[0] <= middle <= xs[-1] and ys[0] <= word.y - word.size * 0.3 <= ys[-1]


def _rows(
    xs: list[float], ys: list[float], horizontal: list[Rule], vertical: list[Rule], words: list[Word]
) -> list[Row]:
    """The cells of a grid: fields with no rule between them are one cell."""
    width, height = len(xs) - 1, len(ys) - 1
    right = {
        (row, column)
        for column in range(width - 1)
        for row in range(height)
        if _covers(vertical, xs[column + 1], (ys[row] + ys[row + 1]) / 2)
    }
    below = {
        (row, column)
        for row in range(height - 1)
        for column in range(width)
        if _covers(horizontal, ys[row + 1], (xs[column] + xs[column + 1]) / 2)
    }
    owner: dict[tuple[int, int], tuple[int, int]] = {}
    spans: dict[tuple[int, int], tuple[int, int]] = {}
    for row in range(height):
        for column in range(width):
            if (row, column) in owner:
                continue
            columns, rows = 1, 1
            while column + columns < width and (row, column + columns - 1) not in right:
                columns += 1
            while row + rows < height and not any((row + rows - 1, column + n) in below for n in range(columns)):
                rows += 1
            spans[row, column] = (columns, rows)
            owner.update(((row + i, column + j), (row, column)) for i in range(rows) for j in range(columns))
    texts: dict[tuple[int, int], list[Word]] = {}
    for word in words:
        column = min(max(bisect.bisect_right(xs, (word.x0 + word.x1) / 2) - 1, 0), width - 1)
        row = min(max(bisect.bisect_right(ys, word.y - word.size * 0.3) - 1, 0), height - 1)
        texts.setdefault(owner[row, column], []).append(word)
    found: list[list[Cell]] = [[] for _ in range(height)]
    for (row, column), (columns, rows) in spans.items():
        text = "\n".join(line.text for line in lines_of(texts.get((row, column), [])))
        found[row].append(Cell(text=text, columns=columns, rows=rows))
    return [Row(cells=cells) for cells in found]


def _covers(rules: list[Rule], at: float, place: float) -> bool:
    return any(abs(rule.at - at) <= _NEAR and rule.start <= place <= rule.end for rule in rules)


def segments(line: Line) -> list[Line]:
    """A line cut where the space between its words is wide."""
    found = [Line([line.words[0]])]
    for word in line.words[1:]:
        last = found[-1].words[-1]
        if word.x0 - last.x1 > GAP * max(word.size, last.size):
            found.append(Line([word]))
        else:
            found[-1].words.append(word)
    return found


def aligned_table(lines: Sequence[Line], start: int) -> tuple[Table | None, int]:
    """A table without rules that begins with line `start`, and the number of its lines; (None, 0) where none begins."""
    columns: list[tuple[float, float]] = [(each.x0, each.x1) for each in segments(lines[start])]
    if len(columns) < 2:
        return None, 0
    rows: list[list[str]] = []
    end = start
    before = lines[start]
    for line in lines[start:]:
        if end > start and line.y - before.y > 2.5 * max(line.size, before.size):
            break
        places = _places(segments(line), columns)
        if places is None or (len(places) == 1 and (0 in places or not rows)):
            break
        if len(places) == 1:
            for place, each in places.items():
                rows[-1][place] = f"{rows[-1][place]}\n{each.text}".strip()
        else:
            rows.append([places[place].text if place in places else "" for place in range(len(columns))])
            columns = [
                (min(low, places[place].x0), max(high, places[place].x1)) if place in places else (low, high)
                for place, (low, high) in enumerate(columns)
            ]
        end += 1
        before = line
    if len(rows) < _FEWEST_ROWS or all(_LIST_SIGN.fullmatch(row[0]) for row in rows):
        return None, 0
    found = tuple(Row(cells=[Cell(text=text) for text in row]) for row in rows)
    return Table(lines[start].y, found, tuple(low for low, _ in columns)), end - start


def _places(found: list[Line], columns: list[tuple[float, float]]) -> dict[int, Line] | None:
    """The segments of a line by the column each stands in; None when one stands in none or in several."""
    places: dict[int, Line] = {}
    for each in found:
        touched = [n for n, (low, high) in enumerate(columns) if each.x0 <= high + 2 and each.x1 >= low - 2]
        if len(touched) != 1 or touched[0] in places:
            return None
        places[touched[0]] = each
    return places
