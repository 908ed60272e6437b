"""Whether what a statement cites says so, and where: the knowledge floor's judgement, and the place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from knowledge.answering.support import Source, SupportVerdict, supports
from knowledge.answering.units import Unit, cut_units
from knowledge.ports import Embedder
from knowledge.text.analysis import query_terms, term_set
from knowledge.types import Passage

_LEAST_SHARED = 0.2
"""Share of the statement's words below which no piece of a passage is pointed at rather than all of it."""
_LONGER = 0.002
"""What each word of a piece costs it, so that of two that hold the same words the shorter is shown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Backing:
    """How well a passage backs a statement (0..1), whether that is enough, and the place in the document that does."""

    support: float
    supported: bool
    start: int
    end: int


class PassageBacking:
    """Checks the statements of one answer; what it has cut and read of a passage is kept for the next."""

    def __init__(self, embedder: Embedder | None = None) -> None:
        """`embedder` lets a statement rest on a passage of another language that it knows as well; it is given the same
        sentences for every statement, so one that remembers them is quicker."""
        self._embedder = embedder
        self._pieces: dict[int, list[tuple[Unit, frozenset[str]]]] = {}
        self._sources: dict[int, Source] = {}

    def __call__(self, statement: str, passages: Sequence[Passage]) -> list[Backing]:
        """A backing for each passage that the statement cites. Passages that only together say it all support it."""
        verdicts = [supports(statement, self._source(passage), self._embedder) for passage in passages]
        if len(passages) > 1 and not any(verdict.supported for verdict in verdicts):
            together = supports(statement, "\n\n".join(passage.text for passage in passages), self._embedder)
            if together.supported:
                verdicts = [together] * len(passages)
        terms = frozenset(query_terms(statement))
        return [self._backing(terms, passage, verdict) for passage, verdict in zip(passages, verdicts, strict=True)]

    def _source(self, passage: Passage) -> Source:
        if passage.number not in self._sources:
            self._sources[passage.number] = Source(passage.text)
        return self._sources[passage.number]

    def _backing(self, terms: frozenset[str], passage: Passage, verdict: SupportVerdict) -> Backing:
        start, end = self._place(terms, passage)
        return Backing(
            support=round(verdict.score, 4),
            supported=verdict.supported,
            start=passage.start + start,
            end=passage.start + end,
        )

    def _place(self, terms: frozenset[str], passage: Passage) -> tuple[int, int]:
        """The piece of the passage that shares most words with the statement, as offsets of the passage."""
        if passage.number not in self._pieces:
            units = cut_units(passage)
            self._pieces[passage.number] = [(unit, term_set(unit.text)) for unit in units]
        best, most = None, _LEAST_SHARED
        for unit, held in self._pieces[passage.number]:
            shared = len(terms & held) / len(terms) - _LONGER * unit.words if terms else 0.0
            if shared > most:
                best, most = unit, shared
        return (best.start, best.end) if best else (0, len(passage.text))
