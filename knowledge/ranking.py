"""From what each index found to one ranking: fusion on one scale, and the weight of a whole page.

Pure: candidate lists in, ranked chunks out. Nothing here reads a store.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from knowledge.ports import Scored
from knowledge.types import Language

PAGE_SHARES = (1.0, 0.5, 0.25)
"""A page's score is the sum of its best three chunks with these shares."""

LEXICAL_SHARE = 0.5
"""What the words weigh in fusion; the embedders that know the question's language share the rest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CandidateList:
    """What one index found, best first. `name` is the part of the score it becomes; scores are on its own scale."""

    name: str
    weight: float
    found: Sequence[Scored]


@dataclass(frozen=True, kw_only=True, slots=True)
class RankedChunk:
    """A chunk with its fused scores, both 0..1. `parts` are 0..1 by list name; `page` is its document's score."""

    chunk_id: int
    document_id: str
    score: float
    page: float
    parts: Mapping[str, float]


def fusion_weights(question_language: Language, embedders: Mapping[str, frozenset[Language]]) -> dict[str, float]:
    """The weight of each list (`lexical`, `vector:<embedder>`) for a question; they sum to 1.

    `embedders` maps names to the languages they know. One that does not know the question's language gets nothing:
    an English model drags a Chinese question down.
    """
    able = [name for name, languages in embedders.items() if question_language in languages]
    weights = {f"vector:{name}": (1 - LEXICAL_SHARE) / len(able) for name in able}
    return {"lexical": LEXICAL_SHARE if able else 1.0, **weights}


def rank(lists: Sequence[CandidateList]) -> list[RankedChunk]:
    """Fuse lists into one ranking of chunks, best page first and within a page best chunk first.

    Each list is put on 0..1 between its worst and its best score and summed with its weight; a chunk that a list does
    not hold counts as its worst.
    """
    documents: dict[int, str] = {}
    parts: defaultdict[int, dict[str, float]] = defaultdict(dict)
    totals: defaultdict[int, float] = defaultdict(float)
    for candidates in lists:
        for scored, value in zip(candidates.found, _normalised(candidates.found), strict=True):
            documents[scored.chunk_id] = scored.document_id
            parts[scored.chunk_id][candidates.name] = value
            totals[scored.chunk_id] += candidates.weight * value
    pages = _page_scores(totals, documents)
    ranked = [
        RankedChunk(
            chunk_id=chunk_id,
            document_id=documents[chunk_id],
            score=score,
            page=pages[documents[chunk_id]],
            parts=parts[chunk_id],
        )
        for chunk_id, score in totals.items()
    ]
    return sorted(ranked, key=lambda chunk: (-chunk.page, chunk.document_id, -chunk.score, chunk.chunk_id))


def _normalised(found: Sequence[Scored]) -> list[float]:
    if not found:
        return []
    scores = [scored.score for scored in found]
    low, high = min(scores), max(scores)
    return [(score - low) / (high - low) if high > low else 1.0 for score in scores]


def _page_scores(totals: Mapping[int, float], documents: Mapping[int, str]) -> dict[str, float]:
    by_document: defaultdict[str, list[float]] = defaultdict(list)
    for chunk_id, score in totals.items():
        by_document[documents[chunk_id]].append(score)
    best = sum(PAGE_SHARES)
    return {
        document_id: sum(share * score for share, score in zip(PAGE_SHARES, sorted(scores, reverse=True), strict=False))
        / best
        for document_id, scores in by_document.items()
    }
