"""Whether what a statement cites says so, and where: the knowledge floor's judgement, and the place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from knowledge.answering.support import SupportVerdict, supports
from knowledge.answering.units import Unit, cut_units
from knowledge.ports import Embedder, Vectors
from knowledge.text.analysis import index_terms, query_terms
from knowledge.types import Language, Passage

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
        """`embedder` lets a statement rest on a passage of another language that it knows as well."""
        self._embedder = None if embedder is None else _Remembering(embedder)
        self._pieces: dict[int, list[tuple[Unit, frozenset[str]]]] = {}

    def __call__(self, statement: str, passages: Sequence[Passage]) -> list[Backing]:
        """A backing for each passage that the statement cites. Passages that only together say it all support it."""
        verdicts = [supports(statement, passage.text, self._embedder) for passage in passages]
        if len(passages) > 1 and not any(verdict.supported for verdict in verdicts):
            together = supports(statement, "\n\n".join(passage.text for passage in passages), self._embedder)
            if together.supported:
                verdicts = [together] * len(passages)
        terms = frozenset(query_terms(statement))
        return [self._backing(terms, passage, verdict) for passage, verdict in zip(passages, verdicts, strict=True)]

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
            self._pieces[passage.number] = [(unit, frozenset(index_terms(unit.text))) for unit in units]
        best, most = None, _LEAST_SHARED
        for unit, held in self._pieces[passage.number]:
            shared = len(terms & held) / len(terms) - _LONGER * unit.words if terms else 0.0
            if shared > most:
                best, most = unit, shared
        return (best.start, best.end) if best else (0, len(passage.text))


class _Remembering:
    """The same embedder, which embeds each text once: every statement is compared with the same passages."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._vectors: dict[str, Vectors] = {}

    @property
    def name(self) -> str:
        return self._embedder.name

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    @property
    def languages(self) -> frozenset[Language]:
        return self._embedder.languages

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        new = list(dict.fromkeys(text for text in texts if text not in self._vectors))
        if new:
            self._vectors.update(zip(new, self._embedder.embed_documents(new), strict=True))
        return np.array([self._vectors[text] for text in texts], dtype=np.float32).reshape(-1, self.dimension)

    def embed_query(self, text: str) -> Vectors:
        return self._embedder.embed_query(text)
