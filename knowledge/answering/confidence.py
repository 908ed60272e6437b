"""How sure one may be that what was found answers the question."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from knowledge.answering.evidence import strengths
from knowledge.answering.vocabulary import Word, is_misspelt, words_of
from knowledge.errors import EmbedderUnavailable
from knowledge.ports import Embedder
from knowledge.text.analysis import HAN, language_of, query_terms, term_set
from knowledge.types import Hit

ANSWERED = 0.5
"""Confidence from which an answer is given."""

# Log-odds of an answer: weights of the signals below, by logistic regression on four sets of questions, then rounded.
_BIAS = -3.6
_MISSING = 0.56
_ABSENT = 1.57
_MATCHED = 2.24
_FOUND = 2.54
_HAN = -1.12

_COMPLETE = 0.4
"""Log-odds from which on a question is answered whose every word the best chunk holds, however common they all are."""

_READ = re.compile(rf"[A-Za-z]\w*(?:[-./]\w+)*|[{HAN}]+", re.ASCII)
_PARTS = re.compile(r"[-./_]+")
_UNRELATED, _SYNONYM = 0.4, 1.0
"""Cosines of two words between which one goes from having nothing to do with the other to meaning the same."""
_UNJUDGED = 0.3
"""What a word that the chunk lacks counts for when no embedder can tell: about what one says on average."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Signals:
    """What speaks for and against an answer.

    `missing`: the weight of the most telling word of the question that the best chunk does not hold; 0 when it holds
    all that name something. `absent`: how telling (0..1) the word is that no chunk found of the best page holds.
    `matched`: logarithm of the weight of all words the best chunk holds, words that mean the same counted by half.
    `found`: how strongly it was found, by words and by meaning, 0..1. `han`: 1 for a question in Chinese, most words of
    which name nothing by themselves, otherwise 0.
    `complete`: whether best chunk and best page hold every word of the question, as they do for one about the very
    subject of a base ("what is an application?"), whose words tell nothing there.
    """

    missing: float
    absent: float
    matched: float
    found: float
    han: float
    complete: bool


def confidence_of(signals: Signals) -> float:
    """The probability (0..1) that the question is answered by what was found."""
    against = _MISSING * signals.missing + _ABSENT * signals.absent
    odds = _BIAS - against + _MATCHED * signals.matched + _FOUND * signals.found + _HAN * signals.han
    return 1 / (1 + math.exp(-max(odds, _COMPLETE) if signals.complete else -odds))


def read_signals(
    question: str, hits: Sequence[Hit], weights: Mapping[str, float], embedder: Embedder | None
) -> Signals | None:
    """The signals for a question and the hits of its search; None without hits or words to go by."""
    words = words_of(question)
    if not hits or not words:
        return None
    strength = strengths(hits)
    best = max(hits, key=lambda hit: strength[hit.chunk.id]).chunk.search_text
    held = np.array([_held(word, term_set(best)) for word in words])
    on_page = _terms_of(hit for hit in hits if hit.document.id == hits[0].document.id)
    held_by_page = np.array([_held(word, on_page) for word in words])
    spoken = _words_read(best)
    alike = np.maximum(held, _alike(question, words, spoken, embedder))
    weight = np.array([weights.get(word.terms[0], 0.0) for word in words])
    everywhere = _terms_of(hits)
    telling = np.array([_telling(word, everywhere, spoken) for word in words])
    return Signals(
        missing=float((weight * telling * (1 - held)).max()),
        absent=float((telling * (1 - held_by_page)).max()),
        matched=math.log1p(float(alike @ weight)),
        found=max(strength.values()),
        han=float(language_of(question) == "zh"),
        complete=bool(held.all() and held_by_page.all()),
    )


def _terms_of(hits: Iterable[Hit]) -> frozenset[str]:
    return frozenset(chain.from_iterable(term_set(hit.chunk.search_text) for hit in hits))


def _held(word: Word, terms: frozenset[str]) -> float:
    """1 when the chunk holds the word; an identifier that it holds only in parts counts up to a half."""
    if word.terms[0] in terms:
        return 1.0
    parts = word.terms[1:]
    return 0.5 * sum(part in terms for part in parts) / len(parts) if parts else 0.0


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


def _alike(
    question: str, words: Sequence[Word], others: Collection[str], embedder: Embedder | None
) -> NDArray[np.float64]:
    """For each word, how close the nearest of the others comes to meaning the same, 0..1."""
    unknown = np.full(len(words), _UNJUDGED)
    if embedder is None or not others or language_of(question) not in embedder.languages:
        return unknown
    try:
        vectors = embedder.embed_documents([*(word.text.lower() for word in words), *sorted(others)])
    except EmbedderUnavailable:
        return unknown
    cosines: NDArray[np.float64] = (vectors[: len(words)] @ vectors[len(words) :].T).max(axis=1).astype(np.float64)
    return np.clip((cosines - _UNRELATED) / (_SYNONYM - _UNRELATED), 0.0, 1.0)
