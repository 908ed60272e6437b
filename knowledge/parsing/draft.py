"""What a reader makes of one file, before it becomes a ParsedDocument."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import accumulate
from typing import Any, Literal, NamedTuple

from knowledge.parsing.decoding import clean
from knowledge.types import RowRun

Markup = Literal["markdown", "rst", "plain", "code", "yaml", "json", "table", "log"]
_DEEPEST, _MOST_VALUES, _LONGEST_VALUE = 6, 500, 10_000
_SPACES = re.compile(r"\s+")
_LONGEST_TITLE = 300
_LAST_LINE_END = "\n"


class TableBlock(NamedTuple):
    """A block of Markdown that is a table or a part of one; `rows` are its rows, by line instead of offset."""

    text: str
    rows: Sequence[RowRun] = ()


@dataclass(kw_only=True, slots=True)
class Draft:
    """A document in the making. `text` must be clean (see decoding.clean) before offsets into it are taken."""

    text: str
    title: str = ""
    markup: Markup = "markdown"
    metadata: dict[str, Any] = field(default_factory=dict)
    pages: list[tuple[int, str]] = field(default_factory=list)
    rows: list[RowRun] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class MarkdownWriter:
    """Collects blocks of Markdown, knows the offset of the next one, and stops at a limit instead of filling memory."""

    def __init__(self, max_chars: int) -> None:
        self.offset = 0
        self.full = False
        self.pages: list[tuple[int, str]] = []
        self.rows: list[RowRun] = []
        self._max_chars = max_chars
        self._parts: list[str] = []

    def add(self, block: str, rows: Sequence[RowRun] = ()) -> None:
        """Append a block, cleaned, and a blank line after it; a blank block leaves no trace. `rows` are those it was
        made from, by line."""
        block = clean(block).strip("\n")
        if self.full or not block.strip():
            return
        room = max(0, self._max_chars - len(_LAST_LINE_END) - self.offset)
        if len(block) > room:
            block, self.full = block[:room], True
        if rows or self.rows:
            self._note_rows(block, rows)
        self._parts.append(block + "\n\n")
        self.offset += len(block) + 2

    def _note_rows(self, block: str, rows: Sequence[RowRun]) -> None:
        if not self.rows and self.offset:
            self.rows.append(RowRun(0))
        starts = [0, *accumulate(len(line) + 1 for line in block.split("\n"))][:-1] if len(rows) > 1 else [0]
        found = [run._replace(start=self.offset + starts[run.start]) for run in rows if run.start < len(starts)]
        if found or self.rows[-1].row:
            self.rows += found or [RowRun(self.offset)]

    def page(self, label: str) -> None:
        """Note that a page, slide or sheet begins with the next block."""
        self.pages.append((self.offset, one_line(label)))

    def text(self) -> str:
        """Everything written, ending in one line end; "" when nothing was."""
        return "".join(self._parts).rstrip("\n") + _LAST_LINE_END if self._parts else ""

    def draft(self, *, title: str = "", metadata: dict[str, Any] | None = None, warnings: Iterable[str] = ()) -> Draft:
        """The document written so far, with a warning when it was cut."""
        cut = [f"cut after {self._max_chars:,} characters"] if self.full else []
        return Draft(
            text=self.text(),
            title=title,
            metadata=metadata or {},
            pages=self.pages,
            rows=self.rows,
            warnings=[*warnings, *cut],
        )


def one_line(text: str, longest: int = _LONGEST_TITLE) -> str:
    """A text as a title: clean, white space folded, cut."""
    return _SPACES.sub(" ", clean(text[: longest * 4])).strip()[:longest]


def cell(text: str) -> str:
    """A text as it may stand in a cell of a Markdown table; the writer cleans it."""
    return " ".join(text.split()).replace("|", "\\|")


def fence(code: str, language: str = "") -> str:
    """A fenced code block whose fence is longer than any run of backticks in the code."""
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    marks = "`" * (longest + 1)
    return f"{marks}{language}\n{code.strip(chr(10))}\n{marks}"


def json_safe(values: Mapping[Any, Any]) -> dict[str, Any]:
    """Metadata as JSON can hold it: dates as ISO text, odd values as text, deep or endless structures cut off."""
    budget = [_MOST_VALUES]
    return {one_line(str(key)): _safe(value, 1, budget) for key, value in values.items() if budget[0] > 0}


def _safe(value: Any, depth: int, budget: list[int]) -> Any:
    # The budget counts values visited, so that aliases of aliases in YAML cannot grow.
    budget[0] -= 1
    if budget[0] < 0 or depth > _DEEPEST:
        return None
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return clean(value)[:_LONGEST_VALUE]
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {one_line(str(key)): _safe(each, depth + 1, budget) for key, each in list(value.items())[: budget[0]]}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_safe(each, depth + 1, budget) for each in list(value)[: budget[0]]]
    return one_line(repr(type(value).__name__))
