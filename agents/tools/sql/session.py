"""One statement on one database: rows that are bounded, and a way to break off from outside."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import anyio.to_thread

MOST_ROWS = 1_000
LONGEST_CELL = 4_000
MOST_CHARACTERS = 600_000
"""Of all values of an answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """What a statement came to, every value as text. `is_cut`: there are more rows than these."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    is_cut: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A statement that was proved to read, and how much of its answer is wanted, in which time."""

    text: str
    is_query: bool
    most_rows: int
    timeout_s: float


class Session(Protocol):
    """A connection that is made for one question. Both run in threads, `break_off` in another one than `ask`."""

    def ask(self, question: Question) -> Rows:
        """Connect, ask and close. Raises RequestFailed with what is wrong, and ToolFailed for what the server says."""
        ...

    def break_off(self) -> None:
        """Make `ask` end now."""
        ...


async def ask(session: Session, question: Question) -> Rows:
    """The answer; whoever cancels this ends what is under way."""
    is_done = False
    try:
        rows = await anyio.to_thread.run_sync(session.ask, question, abandon_on_cancel=True)
        is_done = True
        return rows
    finally:
        if not is_done:
            session.break_off()


def shut(descriptor: int) -> None:
    """End both directions of a socket that a library holds, so that whoever waits for it stops waiting."""
    with suppress(OSError):
        copy = socket.socket(fileno=os.dup(descriptor))
        with copy:
            copy.shutdown(socket.SHUT_RDWR)


def bounded(columns: Sequence[str], rows: Iterable[Sequence[Any]], most_rows: int) -> Rows:
    """The first rows, until there are enough of them or of characters; the rest is not read."""
    kept: list[list[str]] = []
    size = 0
    for row in rows:
        cells = [_cell(value) for value in row]
        size += sum(map(len, cells))
        if len(kept) >= most_rows or size > MOST_CHARACTERS:
            return Rows(columns=columns, rows=kept, is_cut=True)
        kept.append(cells)
    return Rows(columns=columns, rows=kept)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = value[: LONGEST_CELL + 1].decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text if len(text) <= LONGEST_CELL else text[:LONGEST_CELL] + "…"
