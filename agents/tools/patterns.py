"""Patterns that strangers wrote (JSON Schema's `pattern`), tried only where that cannot take for ever."""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

_LONGEST_PATTERN = 500
_MOST_STEPS = 2_000_000
_REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT)


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern is found in the text; True where it is no pattern of ours, or might take for ever."""
    compiled, loops = _compiled(pattern)
    # With n characters and k loops side by side a search that backtracks makes at most about n ** (k + 1) steps.
    if compiled is None or len(text) ** (loops + 1) > _MOST_STEPS:
        return True
    return compiled.search(text) is not None


def is_quick(pattern: str) -> bool:
    """Whether it is a pattern that can be tried on texts of a few hundred characters."""
    compiled, loops = _compiled(pattern)
    return compiled is not None and 300 ** (loops + 1) <= _MOST_STEPS * 20


def matches_whole(pattern: str, text: str) -> bool:
    """Whether the pattern matches the whole text; False where it is none, or might take for ever."""
    compiled, loops = _compiled(pattern)
    if compiled is None or len(text) ** (loops + 1) > _MOST_STEPS * 20:
        return False
    return compiled.fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> tuple[re.Pattern[str] | None, int]:
    if len(pattern) > _LONGEST_PATTERN:
        return None, 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loops = _loops(_parser.parse(pattern))
            return re.compile(pattern), loops
    except (re.error, ValueError, OverflowError, RecursionError, _Nested):
        return None, 0


class _Nested(Exception):
    """A loop within a loop, which may take exponentially many steps."""


def _loops(parsed: Any, inside: bool = False) -> int:
    """How many loops stand side by side. Raises _Nested."""
    found = 0
    for code, argument in parsed:
        if code in _REPEATS:
            low, high, body = argument
            is_loop = high - low > 10 or high == codes.MAXREPEAT
            inner = _loops(body, inside or is_loop)
            if inside and is_loop:
                raise _Nested
            found += inner * (1 if is_loop else max(1, int(high))) + is_loop
        else:
            found += sum(_loops(part, inside) for part in _parts(argument))
    return found


def _parts(argument: Any) -> list[Any]:
    """The patterns inside an argument of a node."""
    if isinstance(argument, _parser.SubPattern):
        return [argument]
    if isinstance(argument, list | tuple):
        return [part for each in argument for part in _parts(each)]
    return []
