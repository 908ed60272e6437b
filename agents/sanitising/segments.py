"""Where in a line a piece of it ends that a parser can read by itself, found sign by sign as the text comes.

Only when something is shown hangs on this; what it means is decided by the parser, and what the parser takes for
text is written so that every renderer does.
"""

from __future__ import annotations

import string
from collections.abc import Generator

from agents.sanitising.addresses import BARE

LONGEST = 2_048
"""Signs held back at most; what has not ended by then is read as it is."""
_LONGEST_ENTITY = 40
_LONGEST_WIDE = 60

Reader = Generator[None, str, bool]
"""Is sent one sign after the other; returns whether the last one still belonged to the piece."""


def read_segment(first: str) -> Reader:
    """The reader of a piece that begins with the sign `first`."""
    match first:
        case "`":
            return _closed_code()
        case "[":
            return _brackets()
        case "!":
            return _picture()
        case "<":
            return _tag()
        case "&":
            return _entity()
        case "【":
            return _wide_marker()
        case "\\":
            return _escape()
        case "]":
            return _alone()
        case _:
            return _address()


def _escape() -> Reader:
    return (yield from _next()) in string.punctuation


def _alone() -> Reader:
    yield
    return False


def _picture() -> Reader:
    if (yield from _next()) != "[":
        return False
    return (yield from _brackets())


def _next() -> Generator[None, str, str]:
    sign: str = yield
    return sign


def _code() -> Generator[None, str, str]:
    """Reads on to the end of a code span whose first backtick has been read; returns the sign behind it."""
    run, sign = 1, (yield from _next())
    while sign == "`":
        run, sign = run + 1, (yield from _next())
    while True:
        while sign != "`":
            sign = yield from _next()
        closing = 0
        while sign == "`":
            closing, sign = closing + 1, (yield from _next())
        if closing == run:
            return sign


def _closed_code() -> Reader:
    yield from _code()
    return False


def _brackets() -> Reader:
    """A pair of brackets with what stands in them, and the target behind them."""
    yield from _until_closed("[", "]")
    sign = yield from _next()
    if sign == "(":
        yield from _until_closed("(", ")")
        return True
    return False


def _until_closed(opening: str, closing: str) -> Generator[None, str, None]:
    depth, sign = 1, ""
    while True:
        sign = sign or (yield from _next())
        after = ""
        if sign == "\\":
            yield from _next()
        elif sign == "`" and opening == "[":
            after = yield from _code()
        elif sign == opening:
            depth += 1
        elif sign == closing:
            depth -= 1
        if depth == 0:
            return
        sign = after


def _tag() -> Reader:
    sign = yield from _next()
    if not (sign.isalpha() and sign.isascii()) and sign not in "/!?":
        return False
    while sign != ">":
        sign = yield from _next()
    return True


def _entity() -> Reader:
    for _ in range(_LONGEST_ENTITY):
        sign = yield from _next()
        if sign == ";":
            return True
        if sign != "#" and not (sign.isalnum() and sign.isascii()):
            return False
    return False


def _wide_marker() -> Reader:
    for _ in range(_LONGEST_WIDE):
        if (yield from _next()) == "】":
            return True
    return False


def _address() -> Reader:
    while BARE.fullmatch((yield from _next())):
        pass
    return False
