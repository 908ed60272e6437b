"""Cutting what was read, one row more than asked for, into a page and the cursor of the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from knowledge.storage.paging import encode_cursor

Row = TypeVar("Row")


def cut(rows: Sequence[Row], limit: int, key: Callable[[Row], Sequence[str]]) -> tuple[list[Row], str | None]:
    """The first `limit` of `rows`, and the cursor of the next page when there are more; `key` gives its sort keys."""
    page = list(rows[:limit])
    return page, encode_cursor(*key(page[-1])) if len(rows) > limit and page else None
