"""What openpyxl's fast reader does not tell of a sheet: merged cells, formulas without values, how numbers look."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

from openpyxl.utils.cell import range_boundaries

_BLOCK = 1024 * 1024
_OVERLAP = 600
_MERGE = re.compile(rb"<(?:\w{1,20}:)?mergeCell\s[^<>]{0,100}?ref=\"([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})\"")
_UNKNOWN = re.compile(
    rb"(?:</(?:\w{1,20}:)?f>|<(?:\w{1,20}:)?f(?:\s[^<>]{0,200})?/>)\s{0,9}"
    rb"(?:<(?:\w{1,20}:)?v\s?/>|<(?:\w{1,20}:)?v>\s{0,9}</(?:\w{1,20}:)?v>)?\s{0,9}</(?:\w{1,20}:)?c>"
)
_MOST_MERGES = 50_000
_SECTION = re.compile(r"[^;]*")
_LITERAL = re.compile(r"\"([^\"]*)\"|\[\$([^\]-]*)[^\]]*\]|\\(.)|([$€£¥ ])")
_DIGITS = re.compile(r"[0#?][0#?,.]*")
_LONGEST_FORMAT = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Traits:
    """What the XML of a sheet says beside its values."""

    merges: tuple[str, ...]
    has_unknown_formulas: bool

    @classmethod
    def of(cls, sheet: Any) -> Self:
        """Look through the XML of a sheet of a workbook opened for reading only."""
        merges: dict[str, None] = {}
        unknown = False
        with sheet._get_source() as file:
            tail = b""
            while block := file.read(_BLOCK):
                data = tail + block
                unknown = unknown or _UNKNOWN.search(data) is not None
                if b"mergeCell" in data and len(merges) < _MOST_MERGES:
                    merges.update((match.group(1).decode(), None) for match in _MERGE.finditer(data))
                tail = data[-_OVERLAP:]
        return cls(merges=tuple(merges)[:_MOST_MERGES], has_unknown_formulas=unknown)


class Merges:
    """Merged cells, asked for in reading order."""

    def __init__(self, ranges: Iterable[str]) -> None:
        self._starts: dict[tuple[int, int], tuple[int, int]] = {}
        for each in ranges:
            first_column, first_row, last_column, last_row = (int(edge or 1) for edge in range_boundaries(each))
            self._starts[first_row, first_column] = (last_column, last_row)
        self._until: dict[int, int] = {}
        self._row = 0
        self._right = 0

    def covers(self, row: int, column: int) -> bool:
        """Whether a cell belongs to a merged one that began to its left or above."""
        if row != self._row:
            self._row, self._right = row, 0
        if column <= self._right:
            return True
        last_row = self._until.get(column, 0)
        if row <= last_row:
            return True
        if (found := self._starts.get((row, column))) is not None:
            self._right, below = found
            if below > row:
                self._until.update((each, below) for each in range(column, min(self._right, column + 1_000) + 1))
        return False

    def span(self, row: int, column: int) -> tuple[int, int]:
        """(columns, rows) of the cell that begins here."""
        last_column, last_row = self._starts.get((row, column), (column, row))
        return last_column - column + 1, last_row - row + 1


def number_text(value: float, format: str) -> str:
    """A number as its format shows it as far as the meaning goes: per cent, units and currencies; every digit kept."""
    before, after, is_share = _signs(format[:_LONGEST_FORMAT])
    if is_share:
        return f"{before}{round(value * 100, 8):.15g}{after}"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return f"{before}{value}{after}"


@lru_cache(maxsize=1024)
def _signs(format: str) -> tuple[str, str, bool]:
    """What a number format writes before and after the digits, and whether it shows hundredths as per cent."""
    if format == "General" or not format:
        return "", "", False
    first = _SECTION.match(format)
    section = first.group() if first else ""
    digits = _DIGITS.search(_LITERAL.sub(lambda match: "\x00" * len(match.group()), section))
    if digits is None:
        return "", "", False
    before, after = (_literals(part) for part in (section[: digits.start()], section[digits.end() :]))
    is_share = "%" in _LITERAL.sub("", section)
    return before.lstrip(), (after + ("%" if is_share else "")).rstrip(), is_share


def _literals(part: str) -> str:
    return "".join(next((group for group in match.groups() if group), "") for match in _LITERAL.finditer(part))
