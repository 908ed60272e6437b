"""Rows of sheets and of separated values: which of them a piece of a document's text holds, and how that is named."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from knowledge.types import Chunk, RowRun

_KINDS: dict[str, Literal["each", "one", "header"]] = {"each": "each", "one": "one", "header": "header"}


def row_runs(kept: Iterable[Sequence[Any]]) -> tuple[RowRun, ...]:
    """Runs as JSON keeps them."""
    return tuple(RowRun(int(start), int(row), _KINDS.get(kind, "each")) for start, row, kind in kept)


def run_from(run: RowRun, text: str, start: int, offset: int = 0) -> RowRun:
    """The same run from further down in it; `text` begins at `offset` of the document."""
    passed = text.count("\n", run.start - offset, start - offset) if run.row and run.kind == "each" else 0
    return RowRun(start, run.row + passed, run.kind)


def runs_from(chunk: Chunk, start: int) -> tuple[RowRun, ...]:
    """The runs of a chunk from an offset of the document inside it on."""
    at = _at(chunk.rows, start)
    return (run_from(chunk.rows[at], chunk.text, start, chunk.start), *chunk.rows[at + 1 :])


def rows_between(runs: Sequence[RowRun], text: str, start: int, end: int, *, offset: int = 0) -> tuple[int, int] | None:
    """The first and the last row of what stands from `start` to `end` of a document; None where it is of no row.

    `text` begins at `offset`, and the runs not before it. A header row, which comes back, counts where nothing else is
    quoted.
    """
    found: list[tuple[int, int]] = []
    header: tuple[int, int] | None = None
    for at in range(_at(runs, start), len(runs)):
        run = runs[at]
        if run.start >= end:
            break
        first, last = max(start, run.start), min(end, runs[at + 1].start if at + 1 < len(runs) else end)
        piece = text[first - offset : last - offset] if run.row else ""
        if not piece.strip():
            continue
        begin = run_from(run, text, first + len(piece) - len(piece.lstrip()), offset).row
        rows = begin, begin + (piece.strip().count("\n") if run.kind == "each" else 0)
        if run.kind == "header":
            header = rows
        else:
            found.append(rows)
    return (min(found)[0], max(last for _, last in found)) if found else header


def with_rows(anchor: str, rows: tuple[int, int] | None) -> str:
    """An anchor that names rows, too, as RFC 7111 has it: `sheet=Hosts&row=45`, `row=45-48`."""
    if rows is None:
        return anchor
    first, last = rows
    named = f"row={first}" if first == last else f"row={first}-{last}"
    return f"{anchor}&{named}" if anchor else named


def anchor_of(chunk: Chunk) -> str:
    """The anchor of a chunk with the rows that it holds."""
    if not chunk.rows:
        return chunk.anchor
    return with_rows(chunk.anchor, rows_between(chunk.rows, chunk.text, chunk.start, chunk.end, offset=chunk.start))


def _at(runs: Sequence[RowRun], offset: int) -> int:
    """The position of the run that goes on at an offset, or the first."""
    return max(bisect_right(runs, offset, key=lambda run: run.start) - 1, 0)
