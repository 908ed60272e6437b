"""Opaque cursors: where a page of a list ended, given back by the caller to read on."""

from __future__ import annotations

import base64
import binascii
import json

from knowledge.errors import InvalidInput

LARGEST_PAGE = 500


def encode_cursor(*values: str) -> str:
    """A cursor that holds these values."""
    return base64.urlsafe_b64encode(json.dumps(values, ensure_ascii=False).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, count: int) -> tuple[str, ...]:
    """The `count` values of a cursor. Raises InvalidInput for anything `encode_cursor` did not make."""
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        values = None
    if isinstance(values, list) and len(values) == count and all(isinstance(value, str) for value in values):
        return tuple(values)
    raise InvalidInput("The cursor is not one that this list gave out; begin again without it.")


def checked_limit(limit: int) -> int:
    """A page size within bounds. Raises InvalidInput."""
    if not 1 <= limit <= LARGEST_PAGE:
        raise InvalidInput(f"A page holds 1 to {LARGEST_PAGE} items.")
    return limit
