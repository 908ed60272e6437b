"""BM25 over concepts: a synonym counts where the asked word is missing; a score is a share of the best there can be.

Source of the formula: Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from knowledge.text.expansion import Concept, Phrase

K1 = 1.2
B = 0.5

PAGE_SHARE = 0.1
"""What of a chunk's score the page counts for: the best chunk of a page that has the rest of what was asked elsewhere
comes before one of a page that has not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Statistics:
    """Of one index: how many chunks it holds, how long they are on average in terms, how many hold each term."""

    chunks: int
    average_length: float
    frequencies: Mapping[str, int]

    def weight(self, term: str) -> float:
        """The inverse document frequency of a term; one that no chunk holds weighs the most."""
        frequency = self.frequencies.get(term, 0)
        return math.log(1 + (self.chunks - frequency + 0.5) / (frequency + 0.5))


class ConceptScorer:
    """Scores chunks for one question against one index."""

    def __init__(self, concepts: Sequence[Concept], statistics: Statistics) -> None:
        self._statistics = statistics
        self._weights = {term: statistics.weight(term) for concept in concepts for term in concept.every_term()}
        usable = [(concept.terms, self._usable(concept)) for concept in concepts]
        self._best = (K1 + 1) * sum(self._best_of(terms, variants) for terms, variants in usable)
        # Most terms have no variant: how often each is asked for, so that of a chunk only those it has are looked at.
        self._asked = Counter(term for terms, variants in usable if not variants for term in terms)
        self._replaceable = [(terms, variants) for terms, variants in usable if variants]

    def counts(self, tokens: Iterable[str]) -> dict[str, int]:
        """How often each term that matters to the question stands among the terms of a chunk."""
        counts: dict[str, int] = {}
        for token in filter(self._weights.__contains__, tokens):
            counts[token] = counts.get(token, 0) + 1
        return counts

    def score(self, counts: Mapping[str, int], length: int) -> float:
        """0..1: how much of what the question asks for stands in a chunk of `length` terms. 1 is out of reach."""
        if not counts or not self._best:
            return 0.0
        norm = K1 * (1 - B + B * length / self._statistics.average_length)
        values = {term: self._weights[term] * count * (K1 + 1) / (count + norm) for term, count in counts.items()}
        return self._found(values) / self._best

    def coverage(self, terms: Iterable[str]) -> float:
        """0..1: how much of what the question asks for is among the terms of a page, however often."""
        values = {term: self._weights[term] for term in terms}
        return (K1 + 1) * self._found(values) / self._best if self._best else 0.0

    def _found(self, values: Mapping[str, float]) -> float:
        """What terms of such values bring together."""
        plain = math.fsum(self._asked[term] * value for term, value in values.items() if term in self._asked)
        return plain + sum(_concept_value(terms, variants, values) for terms, variants in self._replaceable)

    def _usable(self, concept: Concept) -> list[tuple[Phrase, float]]:
        """Variants whose every term occurs, each with a factor that keeps it from outweighing the words asked with."""
        frequencies = self._statistics.frequencies
        asked = self._weight_of(term for term in concept.terms if frequencies.get(term))
        usable = [phrase for phrase in concept.variants if all(frequencies.get(term) for term in phrase)]
        return [(phrase, min(1.0, asked / self._weight_of(phrase)) if asked else 1.0) for phrase in usable]

    def _best_of(self, terms: Phrase, variants: Sequence[tuple[Phrase, float]]) -> float:
        if not variants:
            return self._weight_of(terms)
        asked = self._weight_of(term for term in terms if self._statistics.frequencies.get(term))
        return max(asked, *(factor * self._weight_of(phrase) for phrase, factor in variants))

    def _weight_of(self, terms: Iterable[str]) -> float:
        return sum(self._weights[term] for term in terms)


def _concept_value(terms: Phrase, variants: Sequence[tuple[Phrase, float]], values: Mapping[str, float]) -> float:
    """What the asked terms bring; only when none of them is there, what the best whole variant does."""
    asked = sum(values.get(term, 0.0) for term in terms)
    if asked:
        return asked
    return max(
        factor * sum(values[term] for term in phrase) if all(term in values for term in phrase) else 0.0
        for phrase, factor in variants
    )


def with_page(chunk: float, page: float) -> float:
    """The score (0..1) of a chunk from its own and the coverage of its page."""
    return (chunk + PAGE_SHARE * page) / (1 + PAGE_SHARE)
