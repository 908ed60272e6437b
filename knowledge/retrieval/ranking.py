"""From what each index found to one ranking: fusion on one scale, and the weight of a whole page.

Pure: candidate lists in, ranked chunks out. Nothing here reads a store.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from knowledge.ports import Scored
from knowledge.text.background import standing
from knowledge.types import Language

LEXICAL = "lexical"
NAMED = "named"

PAGE_SHARES = (1.0, 0.3, 0.1)
"""A page's score is the sum of its best three chunks with these shares."""
_ALL_SHARES = sum(PAGE_SHARES)

NAMED_WEIGHT = 0.5
"""What a chunk gains whose title or heading is the question, or that says what the thing asked for is, beside lists
that sum to 1. It falls with the fourth power of how nearly, so that a question in other words is left alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """What the parts of a ranking count for. Those of the lists are scaled to sum to 1."""

    lexical: float = 0.4
    best_embedder: float = 0.35
    """Of the slowest embedder that knows the question's language."""
    other_embedder: float = 0.25
    neighbour: float = 0.2
    """How much of its better neighbour's score a chunk gains."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CandidateList:
    """What one index found. `name` is the part of the score it becomes; the scores are on its own scale."""

    name: str
    weight: float
    found: Sequence[Scored]


@dataclass(frozen=True, kw_only=True, slots=True)
class RankedChunk:
    """A chunk with its scores, all 0..1.

    `own` is what it found by itself, `page` what its document did; `score` is the page's for the best chunk of a page
    and for the others what they would be worth as a page of their own. `parts` are by list name.
    """

    chunk_id: int
    document_id: str
    score: float
    own: float
    page: float
    parts: Mapping[str, float]


def fusion_weights(
    question_language: Language,
    embedders: Sequence[tuple[str, frozenset[Language]]],
    coverage: Mapping[str, float],
    weights: Weights,
) -> dict[str, float]:
    """The weight of each list (`lexical`, `vector:<embedder>`) for a question; they sum to 1.

    `embedders` are names with the languages they know, the fastest first. One that does not know the question's
    language gets nothing: an English model drags a Chinese question down. `coverage` is the share of the chunks (0..1)
    that an embedder has vectors of; its weight shrinks with it, so that a few vectors do not outweigh all the words.
    """
    able = [name for name, languages in embedders if question_language in languages]
    shares = {LEXICAL: weights.lexical}
    for name in able:
        weight = weights.best_embedder if name == able[-1] else weights.other_embedder
        shares[f"vector:{name}"] = weight * coverage.get(name, 0.0)
    total = sum(shares.values())
    return {name: share / total for name, share in shares.items()}


def rank(lists: Sequence[CandidateList], first: int | None = None) -> list[RankedChunk]:
    """Fuse lists into one ranking of chunks, best first; only so many of the `first` are told.

    Each list is put on 0..1 between its worst and its best score and counts with its weight; a chunk that a list does
    not hold counts as its worst. Lists of several knowledge bases must be joined before, to stand on one scale.
    """
    documents: dict[int, str] = {}
    parts: dict[int, dict[str, float]] = {}
    own: dict[int, float] = {}
    for candidates in lists:
        for scored, value in zip(candidates.found, _normalised(candidates.found), strict=True):
            chunk_id = scored.chunk_id
            documents[chunk_id] = scored.document_id
            if chunk_id in own:
                parts[chunk_id][candidates.name] = value
                own[chunk_id] += candidates.weight * value
            else:
                parts[chunk_id] = {candidates.name: value}
                own[chunk_id] = candidates.weight * value
    return _by_page(own, documents, parts, first)


def support(ranked: Sequence[RankedChunk], places: Mapping[int, tuple[str, int]], weight: float) -> list[RankedChunk]:
    """The ranking with each chunk helped by the better of the two beside it in its document.

    What is asked and what answers it often stand in two paragraphs. `places` are (document id, ordinal) by chunk id.
    """
    scores = {places[each.chunk_id]: each.own for each in ranked if each.chunk_id in places}
    own = {each.chunk_id: each.own for each in ranked}
    for chunk_id, (document_id, ordinal) in places.items():
        if chunk_id in own:
            beside = (scores.get((document_id, ordinal + step), 0.0) for step in (-1, 1))
            own[chunk_id] += weight * max(beside)
    return _by_page(
        {chunk_id: score / (1 + weight) for chunk_id, score in own.items()},
        {each.chunk_id: each.document_id for each in ranked},
        {each.chunk_id: each.parts for each in ranked},
    )


def likeness(question: Collection[str], name: Collection[str]) -> float:
    """How nearly a title or heading asks the question, from their terms: the share (0..1) that both have in common."""
    asked, named = frozenset(question), frozenset(name)
    shared = len(asked & named)
    return shared / (len(asked) + len(named) - shared or 1)


def promote(ranked: Sequence[RankedChunk], named: Mapping[int, float]) -> list[RankedChunk]:
    """The ranking with chunks set forward whose title or heading asks the question, or that say what it asks for.

    `named` is how nearly (0..1), by chunk id; it becomes the part `named` of the score. Scores stay within 0..1.
    """
    gains = {chunk_id: NAMED_WEIGHT * value**4 for chunk_id, value in named.items() if value > 0}
    most = 1 + max(gains.values(), default=0.0)
    return _by_page(
        {each.chunk_id: (each.own + gains.get(each.chunk_id, 0.0)) / most for each in ranked},
        {each.chunk_id: each.document_id for each in ranked},
        {
            each.chunk_id: {**each.parts, NAMED: named[each.chunk_id]} if each.chunk_id in gains else each.parts
            for each in ranked
        },
    )


def _by_page(
    own: Mapping[int, float],
    documents: Mapping[int, str],
    parts: Mapping[int, Mapping[str, float]],
    first: int | None = None,
) -> list[RankedChunk]:
    """Chunks by id, with their own scores, their documents and the parts of their scores, ranked by their pages; the
    `first` of them alone become values, which are dearer than their ranking."""
    pages: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)
    for chunk_id, document_id in documents.items():
        pages[document_id].append((-own[chunk_id], chunk_id))
    order: list[tuple[float, float, int, float]] = []
    for chunks in pages.values():
        chunks.sort()
        page = _page_score([-negative for negative, _ in chunks])
        order.append((-page, *chunks[0], page))
        order += [(negative / _ALL_SHARES, negative, chunk_id, page) for negative, chunk_id in chunks[1:]]
    order.sort()
    return [
        RankedChunk(
            chunk_id=chunk_id,
            document_id=documents[chunk_id],
            score=-score,
            own=own[chunk_id],
            page=page,
            parts=parts[chunk_id],
        )
        for score, _, chunk_id, page in order[:first]
    ]


def demote(ranked: Iterable[RankedChunk], paths: Mapping[str, str]) -> list[RankedChunk]:
    """The ranking with pages of background set back (proposals, change logs, archives), judged by their path.

    `paths` are by document id; chunks of other documents are left out.
    """
    kept = []
    for chunk in ranked:
        path = paths.get(chunk.document_id)
        if path is not None:
            kept.append(_set_back(chunk, standing(path)))
    return sorted(kept, key=_best_first)


def _set_back(chunk: RankedChunk, share: float) -> RankedChunk:
    return replace(chunk, score=chunk.score * share, own=chunk.own * share, page=chunk.page * share)


def _page_score(scores: Sequence[float]) -> float:
    """Of a page's chunks, the best first."""
    if len(scores) == 1:
        return scores[0] / _ALL_SHARES  # as of most pages, and the same number
    return sum(share * score for share, score in zip(PAGE_SHARES, scores, strict=False)) / _ALL_SHARES


def _best_first(chunk: RankedChunk) -> tuple[float, float, int]:
    return -chunk.score, -chunk.own, chunk.chunk_id


def _normalised(found: Sequence[Scored]) -> list[float]:
    scores = [scored.score for scored in found]
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    return [(score - low) / (high - low) if high > low else 1.0 for score in scores]
