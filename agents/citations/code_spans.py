"""Where code stands inside a line or paragraph of Markdown, found in one pass however many backticks there are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_TICKS = re.compile(r"`+")


def code_spans(text: str) -> Iterator[tuple[int, int]]:
    """The code spans of `text` as (start, end), backticks included: a run of backticks opens one that the next run of
    the same length closes; a run without one is text."""
    runs = [(match.start(), match.end()) for match in _TICKS.finditer(text)]
    closing: list[int | None] = [None] * len(runs)
    nearest: dict[int, int] = {}
    for at in range(len(runs) - 1, -1, -1):
        length = runs[at][1] - runs[at][0]
        closing[at] = nearest.get(length)
        nearest[length] = at
    at = 0
    while at < len(runs):
        closed_by = closing[at]
        if closed_by is not None:
            yield runs[at][0], runs[closed_by][1]
        at = (at if closed_by is None else closed_by) + 1


def change(text: str, *, code: Callable[[str], str], outside: Callable[[str], str]) -> str:
    """The text with `code` made of its code spans and `outside` of what stands between them."""
    parts: list[str] = []
    at = 0
    for start, end in code_spans(text):
        parts += [outside(text[at:start]), code(text[start:end])]
        at = end
    return "".join([*parts, outside(text[at:])])
