"""How sure one may be that what was found answers the question."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np

from knowledge.answering.evidence import strengths
from knowledge.answering.vocabulary import Word, is_misspelt, words_of
from knowledge.text.analysis import HAN, index_terms, query_terms, term_set
from knowledge.types import Hit

ANSWERED = 0.48
"""Confidence from which an answer is given."""

# Log-odds of an answer: weights of the signals below, by logistic regression on six sets of questions, then rounded.
_BIAS = -2.23
_ABSENT = 0.52
_NEAR = 1.51
_HELD = 0.23
_FOUND = 3.12

_CLOSE = 4
"""Terms between which two words still belong together ("timeout of automated sync")."""

_READ = re.compile(rf"[A-Za-z]\w*(?:[-./]\w+)*|[{HAN}]+", re.ASCII)
_PARTS = re.compile(r"[-./_]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Signals:
    """What speaks for and against an answer.

    `absent`: the weight of the most telling word of the question that nothing found of the best page holds; 0 when it
    holds all that name something. `near`: the share (0..1) of neighbouring words of the question that the best chunk
    has close together; 1 for a single word. `held`: how many words of the question the best page holds. `found`: how
    strongly the best chunk was found, by words and by meaning, 0..1.
    """

    absent: float
    near: float
    held: float
    found: float


def confidence_of(signals: Signals) -> float:
    """The probability (0..1) that the question is answered by what was found."""
    odds = _BIAS - _ABSENT * signals.absent + _NEAR * signals.near + _HELD * signals.held + _FOUND * signals.found
    return 1 / (1 + math.exp(-odds))


def read_signals(question: str, hits: Sequence[Hit], weights: Mapping[str, float]) -> Signals | None:
    """The signals for a question and the hits of its search; None without hits or words to go by."""
    words = words_of(question)
    if not hits or not words:
        return None
    strength = strengths(hits)
    best = max(hits, key=lambda hit: strength[hit.chunk.id]).chunk.search_text
    on_page = _terms_of(hit for hit in hits if hit.document.id == hits[0].document.id)
    held = np.array([_held(word, on_page) for word in words])
    weight = np.array([weights.get(word.terms[0], 0.0) for word in words])
    everywhere, spoken = _terms_of(hits), _words_read(best)
    telling = np.array([_telling(word, everywhere, spoken) for word in words])
    return Signals(
        absent=float((weight * telling * (1 - held)).max()),
        near=_near(words, best),
        held=float(held.sum()),
        found=max(strength.values()),
    )


def _terms_of(hits: Iterable[Hit]) -> frozenset[str]:
    return frozenset(chain.from_iterable(term_set(hit.chunk.search_text) for hit in hits))


def _held(word: Word, terms: frozenset[str]) -> float:
    """1 when the page holds the word; an identifier that it holds only in parts counts up to a half."""
    if word.terms[0] in terms:
        return 1.0
    parts = word.terms[1:]
    return 0.5 * sum(part in terms for part in parts) / len(parts) if parts else 0.0


def _near(words: Sequence[Word], text: str) -> float:
    """The share of neighbours among the words that the text has close together, in either order."""
    places: dict[str, list[int]] = {}
    for place, term in enumerate(index_terms(text)):
        places.setdefault(term, []).append(place)
    pairs = [(places.get(one.terms[0], []), places.get(other.terms[0], [])) for one, other in pairwise(words)]
    close = [any(abs(here - there) <= _CLOSE for here in ones for there in others) for ones, others in pairs]
    return sum(close) / len(close) if close else 1.0


def _telling(word: Word, everywhere: frozenset[str], spoken: Collection[str]) -> float:
    """How much a word names: its rarity, but nothing for one that no chunk holds and that is only misspelt."""
    odd = word.rarity > 0 and word.terms[0] not in everywhere and word.text.islower()
    return 0.0 if odd and is_misspelt(word.text, spoken) else word.rarity


def _words_read(text: str) -> set[str]:
    words: set[str] = set()
    for match in _READ.findall(text):
        if re.match(f"[{HAN}]", match):
            words.update(query_terms(match))
        else:
            words.update(part for part in (match.lower(), *_PARTS.split(match.lower())) if len(part) > 2)
    return words
