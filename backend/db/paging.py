"""Cursors: where a page ended, opaque to the caller, so that what is added meanwhile neither repeats nor hides rows."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import TypeVar

from backend.errors import InvalidCursor

Row = TypeVar("Row")


def encode_cursor(*parts: str) -> str:
    """A cursor for the sort keys of the last row of a page."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, length: int) -> tuple[str, ...]:
    """The sort keys of a cursor. Raises InvalidCursor for anything `encode_cursor` did not make with `length` parts."""
    try:
        parts = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        parts = None
    if not isinstance(parts, list) or len(parts) != length or not all(isinstance(part, str) for part in parts):
        raise InvalidCursor("This cursor is none of ours; give back `next_cursor` of the page before unchanged.")
    return tuple(parts)


def cut(rows: Sequence[Row], limit: int, key: Callable[[Row], Sequence[str]]) -> tuple[list[Row], str | None]:
    """The first `limit` of `rows` (read with one more than that), and the cursor of the next page, if there is one."""
    page = list(rows[:limit])
    return page, encode_cursor(*key(page[-1])) if len(rows) > limit and page else None
