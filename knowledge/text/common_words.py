"""How common English words are in everyday language, from a list in plain text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

from knowledge.text.analysis import stem


@cache
def word_ranks() -> Mapping[str, int]:
    """The commonest English words, lower case, with their rank from 0."""
    text = resources.files("knowledge.text").joinpath("common_words.txt").read_text(encoding="utf-8")
    words = [line for line in text.splitlines() if not line.startswith("#")]
    return {word: rank for rank, word in enumerate(words)}


@cache
def common_stems() -> frozenset[str]:
    """The stems of those words: whoever writes one of them has hardly mistyped another."""
    return frozenset(map(stem, word_ranks()))
