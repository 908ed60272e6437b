"""Filling a budget of words with passages: neighbouring chunks joined, the best first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from knowledge.analysis import count_words
from knowledge.types import Chunk, DocumentRef, Passage

BUDGET_WORDS = 1500
"""What is handed to a reader or a model for one question."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A chunk that may be handed over, with its score (0..1)."""

    chunk: Chunk
    score: float


def pack(
    candidates: Sequence[Candidate], documents: Mapping[str, DocumentRef], budget: float = BUDGET_WORDS
) -> tuple[Passage, ...]:
    """Passages of the best candidates within `budget` words, best first and numbered from 1.

    Chunks that follow each other in a document become one passage, standing where its best chunk would. A chunk whose
    text was taken already is left out; one that does not fit is passed over for a shorter one. Chunks of documents not
    in `documents` are left out.
    """
    taken: list[Candidate] = []
    seen: set[str] = set()
    room = budget
    for candidate in sorted(candidates, key=lambda each: -each.score):
        words = count_words(candidate.chunk.text)
        known = candidate.chunk.document_id in documents and candidate.chunk.content_hash not in seen
        if known and (words <= room or not taken):
            taken.append(candidate)
            seen.add(candidate.chunk.content_hash)
            room -= words
    groups = sorted(_runs(taken), key=lambda run: -max(each.score for each in run))
    return tuple(
        _passage(number, run, documents[run[0].chunk.document_id]) for number, run in enumerate(groups, start=1)
    )


def _runs(taken: Sequence[Candidate]) -> list[list[Candidate]]:
    """Candidates grouped into unbroken runs of a document."""
    runs: list[list[Candidate]] = []
    for candidate in sorted(taken, key=lambda each: (each.chunk.document_id, each.chunk.start)):
        last = runs[-1][-1].chunk if runs else None
        if last and (last.document_id, last.end) == (candidate.chunk.document_id, candidate.chunk.start):
            runs[-1].append(candidate)
        else:
            runs.append([candidate])
    return runs


def _passage(number: int, run: Sequence[Candidate], document: DocumentRef) -> Passage:
    best = max(run, key=lambda each: each.score)
    text = "".join(each.chunk.text for each in run)
    return Passage(
        number=number,
        document=document,
        heading_path=best.chunk.heading_path,
        anchor=best.chunk.anchor,
        text=text.rstrip(),
        start=run[0].chunk.start,
        end=run[0].chunk.start + len(text.rstrip()),
        score=best.score,
        chunk_ids=tuple(each.chunk.id for each in run),
    )
