"""Where sentences end, in English and Chinese."""

from __future__ import annotations

import re
from collections.abc import Iterator

# The end of a sentence: Han stops at once, Latin ones before white space and something that may begin a sentence.
# Nothing in it is tried twice: a run of stops is taken whole or not at all.
_STOP = re.compile(
    r"[。！？]++[”’」』）)]*+|(?<![.!?])[.!?]++[\"')\]*_`]*+(?=\s++[\"'(\[*_`<>]*+[A-Z0-9\u3400-\u9fff])"
)
_LONGEST_ABBREVIATION = 60
"""Characters before a stop that tell whether it ends a sentence."""
ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|approx|incl|resp|no|fig|sec|ext|tel|vol|(?-i:Mrs?|Dr|Prof))|(?:^|\s)\d{1,3})\.$",
    re.IGNORECASE,
)
"""At the end of a text whose stop ends no sentence."""


def split_sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The sentences of `text[start:end]` as offsets of `text`, in order and without gaps."""
    begin = start
    for match in _STOP.finditer(text, start, end):
        last = text[max(begin, match.end() - _LONGEST_ABBREVIATION) : match.end()]
        if match.end() < end and not ABBREVIATION.search(last):
            yield begin, match.end()
            begin = match.end()
    if text[begin:end].strip():
        yield begin, end
