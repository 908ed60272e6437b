"""What a mistyped word was meant to be, among the words that a base knows."""

from __future__ import annotations

from collections.abc import Mapping

from rapidfuzz import process
from rapidfuzz.distance import OSA

from knowledge.text.common_words import common_stems

_SHORTEST = 4
_SHORTEST_FOR_TWO = 7
_LONGEST = 30


def may_be_mistyped(term: str) -> bool:
    """Whether a term unknown to a base may be a slip: letters alone, not too short, and no English word."""
    plain = term.isascii() and term.isalpha() and term.islower()
    return plain and _SHORTEST <= len(term) <= _LONGEST and term not in common_stems()


def correction(term: str, known: Mapping[str, int]) -> str | None:
    """Of `known` (terms with how many chunks hold each) the one that `term` was most likely meant to be.

    It is one slip away (a letter more, fewer, other, or two swapped), or two for a word of seven letters and more; the
    nearest first, the commonest of those as near.
    """
    if not may_be_mistyped(term):
        return None
    most = 2 if len(term) >= _SHORTEST_FOR_TWO else 1
    near = process.extract(term, list(known), scorer=OSA.distance, score_cutoff=most, limit=None)
    likely = [(distance, -known[word], word) for word, distance, _ in near if distance and known[word]]
    return min(likely)[2] if likely else None
