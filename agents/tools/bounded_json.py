"""JSON that strangers send, no deeper than whatever walks through it afterwards can go."""

from __future__ import annotations

import json
from typing import Any

DEEPEST = 100


def read_bounded_json(text: str | bytes) -> Any:
    """The value of a text. Raises ValueError for what is no JSON, and for what is nested deeper than DEEPEST."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise TooDeep from None
    if not _is_shallow(value):
        raise TooDeep
    return value


class TooDeep(ValueError):
    def __init__(self) -> None:
        super().__init__(f"it is nested deeper than {DEEPEST} levels")


def _is_shallow(value: Any) -> bool:
    """Level by level, without recursion: a value may be as deep as the parser could just take."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            part
            for each in level
            if isinstance(each, dict | list)
            for part in (each.values() if isinstance(each, dict) else each)
            if isinstance(part, dict | list)
        ]
        if not level:
            return True
    return False
