"""Finding the tools that a question needs among many, by words; a ranking by meaning can be joined to it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from agents.tools.ports import ToolSpec
from agents.tools.wording import asks_to_change, expanded, named_sources
from knowledge.text.analysis import index_terms, query_terms

K1 = 1.2
B = 0.5
_NAME_WEIGHT = 3
_TITLE_WEIGHT = 2
_DESCRIPTION_CHARS = 2_000
_OF_ANOTHER_PLATFORM = 0.5
_OF_ANOTHER_KIND = 0.7

Scores = Mapping[str, float]
"""How well tools fit, by name, 0..1."""
ByMeaning = Callable[[str, Sequence[ToolSpec]], Scores]


class ToolSearch:
    """Ranks tools by BM25 (Robertson and Zaragoza, 2009) over name, title, description and arguments, the best of them
    1. With `by_meaning` the score is the mean of both. A tool of another platform than the one named counts less, and
    so does one that changes something where only a look is asked for. Specs seen before are not cut into words again.
    """

    def __init__(self, by_meaning: ByMeaning | None = None, *, remembered: int = 30_000) -> None:
        self._by_meaning = by_meaning
        self._remembered = remembered
        self._terms: dict[tuple[str, str, str], Counter[str]] = {}

    def ranked(self, query: str, specs: Sequence[ToolSpec]) -> list[ToolSpec]:
        """The tools that fit at all, the best first; by name where there is nothing to tell them apart."""
        words = self._by_words(expanded(query), specs)
        meaning: Scores = self._by_meaning(query, specs) if self._by_meaning is not None else {}
        share = 0.5 if meaning else 1.0
        fits = _fitting(query, specs)
        scores = {
            spec.name: fits(spec) * (share * words.get(spec.name, 0.0) + (1 - share) * meaning.get(spec.name, 0.0))
            for spec in specs
        }
        found = [spec for spec in specs if scores[spec.name] > 0]
        return sorted(found, key=lambda spec: (-scores[spec.name], spec.name))

    def _by_words(self, query: str, specs: Sequence[ToolSpec]) -> Scores:
        asked = query_terms(query[:2_000])
        if not asked or not specs:
            return {}
        counted = {spec.name: self._counted(spec) for spec in specs}
        frequency = {term: sum(term in terms for terms in counted.values()) for term in asked}
        weights = {term: math.log(1 + (len(specs) - n + 0.5) / (n + 0.5)) for term, n in frequency.items()}
        average = sum(terms.total() for terms in counted.values()) / len(specs) or 1.0
        scores = {name: _score(terms, weights, average) for name, terms in counted.items()}
        best = max(scores.values())
        return {name: score / best for name, score in scores.items()} if best else {}

    def _counted(self, spec: ToolSpec) -> Counter[str]:
        key = (spec.name, spec.title, spec.description)
        found = self._terms.get(key)
        if found is None:
            if len(self._terms) >= self._remembered:
                self._terms.clear()
            found = self._terms[key] = _terms(spec)
        return found


def _fitting(query: str, specs: Sequence[ToolSpec]) -> Callable[[ToolSpec], float]:
    """How far a tool is of the platform that the question names, and does what it asks for: to look, or to change."""
    named = named_sources(query, {spec.source for spec in specs})
    unwanted = ("read",) if asks_to_change(query) else ("write", "destructive")

    def fits(spec: ToolSpec) -> float:
        place = 1.0 if not named or spec.source in named else _OF_ANOTHER_PLATFORM
        return place * (_OF_ANOTHER_KIND if spec.risk in unwanted else 1.0)

    return fits


def _terms(spec: ToolSpec) -> Counter[str]:
    terms: Counter[str] = Counter()
    properties = spec.parameters.get("properties")
    arguments = " ".join(map(str, list(properties)[:50])) if isinstance(properties, Mapping) else ""
    titles = f"{spec.title} {spec.title_zh}"
    for text, weight in ((spec.name, _NAME_WEIGHT), (titles, _TITLE_WEIGHT), (arguments, 1), (spec.source, 1)):
        for term in index_terms(text):
            terms[term] += weight
    terms.update(index_terms(spec.description[:_DESCRIPTION_CHARS]))
    return terms


def _score(terms: Counter[str], weights: Mapping[str, float], average: float) -> float:
    norm = K1 * (1 - B + B * terms.total() / average)
    return sum(
        weight * terms[term] * (K1 + 1) / (terms[term] + norm) for term, weight in weights.items() if term in terms
    )
