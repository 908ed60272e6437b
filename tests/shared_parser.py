"""One parser for all tests of a process: its children are half a second old before they read anything."""

from __future__ import annotations

import atexit
from functools import cache

from knowledge.parsing import IsolatedParser


class _SharedParser(IsolatedParser):
    def close(self) -> None:
        """Others go on with it."""


@cache
def shared_parser() -> IsolatedParser:
    """A parser that stays warm until the tests have ended, whoever closes it before."""
    parser = _SharedParser()
    atexit.register(IsolatedParser.close, parser)
    return parser
