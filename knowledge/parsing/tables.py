"""Tables of every format as Markdown: spanning cells laid out over their columns and rows, headers that come back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, repeat

from knowledge.config import ParsingLimits
from knowledge.parsing.draft import MarkdownWriter, TableBlock, cell, one_line
from knowledge.types import RowRun

_PART_CHARS = 1_800
"""About what one chunk holds: after so much of a table its header row is written again."""

_WIDEST_TABLE = 24
_LONGEST_NAME = 200
_MOST_HEADER_ROWS = 4
_COPIED_FREELY = 20_000
_COPIED_SHARE = 3
_CELL_SIGNS = 3
UNSPREAD = "cells that span many columns or rows were not repeated: their table would outgrow its file"
UNREPEATED = "a table's header row was not repeated: it is too long for what stands below it"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A cell of a table with the columns and rows it covers."""

    text: str
    columns: int = 1
    rows: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A row of a table: the cells that begin in it, those that reach into it from above left out; `number` is that in a
    sheet, 0 elsewhere."""

    cells: Sequence[Cell]
    is_header: bool = False
    number: int = 0


Numbered = tuple[int, list[str]]
"""The text of a row under its number; 0 where rows have none."""


@dataclass(slots=True)
class _Lines:
    """The lines of a block of a table and the rows that they are; a run goes on while each is the next row."""

    texts: list[str] = field(default_factory=list)
    runs: list[RowRun] = field(default_factory=list)
    _next: int = 0

    def head(self, header: Numbered) -> None:
        number, names = header
        if number:
            self.runs.append(RowRun(0, number, "header"))
        self.texts += _head(names)

    def add(self, number: int, text: str) -> None:
        if number and number != self._next:
            self.runs.append(RowRun(len(self.texts), number, "each"))
        self._next = number + 1
        self.texts.append(text)

    def block(self) -> TableBlock:
        return TableBlock("\n".join(self.texts), self.runs)


class _Share:
    """What may be copied of a table: in proportion to what has been read of it."""

    def __init__(self) -> None:
        self._left = _COPIED_FREELY
        self.exceeded = False

    def read(self, size: int) -> None:
        self._left += _COPIED_SHARE * size

    def allows(self, size: int) -> bool:
        if size > self._left:
            self.exceeded = True
            return False
        self._left -= size
        return True


class TableText:
    """Makes Markdown of one table; `warnings` is complete once its blocks have been taken."""

    def __init__(self, limits: ParsingLimits) -> None:
        self._widest = limits.max_table_columns
        self._spans, self._copies = _Share(), _Share()
        self._cut = False

    @property
    def warnings(self) -> list[str]:
        found = {
            f"columns after the first {self._widest:,} were left out": self._cut,
            UNSPREAD: self._spans.exceeded,
            UNREPEATED: self._copies.exceeded,
        }
        return [warning for warning, holds in found.items() if holds]

    def blocks(self, rows: Iterable[Row]) -> Iterator[TableBlock]:
        """The Markdown of a table whose cells may span: rows above the header that are one cell wide stand before it as
        text, several header rows become one."""
        rows = iter(rows)
        first = next(rows, None)
        while first is not None and len(first.cells) == 1 and first.cells[0].columns > 1:
            yield _block(" ".join(first.cells[0].text.split()), first.number)
            first = next(rows, None)
        if first is not None:
            yield from self.plain_blocks(_one_header(self._spread(chain([first], rows))))

    def plain_blocks(self, rows: Iterable[tuple[int, Iterable[str]]]) -> Iterator[TableBlock]:
        """The Markdown of rows of text. The first one that is not blank is the header, and comes back about once a
        chunk. A table wider than 24 columns is written as one list per row."""
        cut = ((number, self._cells(values)) for number, values in rows)
        found = (row for row in cut if row[1])
        header = next(found, None)
        if header is None:
            return
        second = next(found, None)
        body = chain([second] if second else [], found)
        if second and max(len(header[1]), len(second[1])) > _WIDEST_TABLE:
            yield from self._records(header, body)
        else:
            yield from self._tables(header, body)

    def _cells(self, values: Iterable[str]) -> list[str]:
        row = [cell(value) for value in islice(values, self._widest + 1)]
        while row and not row[-1]:
            row.pop()
        self._cut = self._cut or len(row) > self._widest
        self._copies.read(sum(map(len, row)) + len(row))
        return row[: self._widest]

    def _tables(self, header: Numbered, body: Iterable[Numbered]) -> Iterator[TableBlock]:
        head_size = sum(map(len, _head(header[1])))
        lines, size = _Lines(), 0
        lines.head(header)
        for number, row in body:
            missing = len(header[1]) - len(row)
            if missing > 0 and self._copies.allows(missing * _CELL_SIGNS):
                row = [*row, *[""] * missing]
            if size > _PART_CHARS and self._copies.allows(head_size):
                yield lines.block()
                lines, size = _Lines(), 0
                lines.head(header)
            lines.add(number, _row(row))
            size += len(lines.texts[-1])
        yield lines.block()

    def _records(self, header: Numbered, body: Iterable[Numbered]) -> Iterator[TableBlock]:
        short = [one_line(name, _LONGEST_NAME) for name in header[1]]
        for number, row in body:
            names = [*short[: len(row)], *(f"column {number}" for number in range(len(short) + 1, len(row) + 1))]
            pairs = [(name, value) for name, value in zip(names, row, strict=True) if value]
            if self._copies.allows(sum(len(name) + _CELL_SIGNS for name, _ in pairs)):
                yield _block("\n".join(f"- {name}: {value}" for name, value in pairs), number)
            else:
                yield _block(_row(row), number)

    def _spread(self, rows: Iterable[Row]) -> Iterator[tuple[Numbered, bool]]:
        """Rows as text, each spanning cell's text in every column and row it covers; one that is a row of its own
        stands there once. Yields whether the row belongs to the header beside it."""
        hanging: dict[int, tuple[int, str]] = {}
        for row in rows:
            values: list[str] = []
            alone = len(row.cells) == 1 and not hanging
            for each in row.cells:
                _hang(values, hanging)
                self._place(values, hanging, each, alone=alone)
            _hang(values, hanging)
            yield (row.number, values), row.is_header

    def _place(self, values: list[str], hanging: dict[int, tuple[int, str]], each: Cell, *, alone: bool) -> None:
        size = len(each.text) + _CELL_SIGNS
        self._spans.read(size)
        columns, rows = min(each.columns, self._widest + 1 - len(values)), each.rows
        if columns > 1 or rows > 1:
            copies = columns * rows - 1
            if not self._spans.allows(copies * (_CELL_SIGNS if alone else size)):
                columns, rows = min(columns, 1), 1
        for place in range(max(0, columns)):
            text = each.text if place == 0 or not alone else ""
            if rows > 1:
                hanging[len(values)] = (rows - 1, text)
            values.append(text)


def write_table(writer: MarkdownWriter, rows: Iterable[Iterable[str]], limits: ParsingLimits) -> list[str]:
    """Write rows of text as `TableText.plain_blocks`; returns the warnings."""
    return write_numbered_table(writer, zip(repeat(0), rows), limits)


def write_numbered_table(
    writer: MarkdownWriter, rows: Iterable[tuple[int, Iterable[str]]], limits: ParsingLimits
) -> list[str]:
    """The same of the rows of a sheet, each with its number."""
    table = TableText(limits)
    return _written(writer, table, table.plain_blocks(rows))


def write_spanning_table(writer: MarkdownWriter, rows: Iterable[Row], limits: ParsingLimits) -> list[str]:
    """Write rows whose cells may span as `TableText.blocks`; returns the warnings."""
    table = TableText(limits)
    return _written(writer, table, table.blocks(rows))


def _written(writer: MarkdownWriter, table: TableText, blocks: Iterator[TableBlock]) -> list[str]:
    for block in blocks:
        writer.add(*block)
        if writer.full:
            break
    return table.warnings


def _hang(values: list[str], hanging: dict[int, tuple[int, str]]) -> None:
    """Append what reaches into the next columns from the rows above."""
    while (found := hanging.pop(len(values), None)) is not None:
        left, text = found
        if left > 1:
            hanging[len(values)] = (left - 1, text)
        values.append(text)


def _one_header(rows: Iterator[tuple[Numbered, bool]]) -> Iterator[Numbered]:
    """Rows whose leading header rows are joined column by column, what repeats said once."""
    header: list[Numbered] = []
    for row, is_header in rows:
        if is_header and len(header) < _MOST_HEADER_ROWS:
            header.append(row)
            continue
        if header:
            yield _joined(header)
            header = []
        yield row
        yield from (each for each, _ in rows)
    if header:
        yield _joined(header)


def _joined(header: list[Numbered]) -> Numbered:
    texts = [values for _, values in header]
    width = max(map(len, texts))
    columns = ([row[place] for row in texts if place < len(row) and row[place].strip()] for place in range(width))
    return header[0][0], [" ".join(dict.fromkeys(column)) for column in columns]


def _block(text: str, number: int) -> TableBlock:
    """A block that is one row."""
    return TableBlock(text, [RowRun(0, number)] if number else [])


def _head(names: list[str]) -> list[str]:
    return [_row(names), "|" + " --- |" * len(names)]


def _row(values: list[str]) -> str:
    return "| " + " | ".join(values) + " |"
