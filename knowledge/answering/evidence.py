"""How well each piece of the passages found speaks to the question."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from knowledge.analysis import index_terms, language_of, query_terms
from knowledge.answering.units import Unit, cut_units
from knowledge.errors import EmbedderUnavailable
from knowledge.ports import Embedder
from knowledge.types import Hit, Passage

MOST_PIECES = 200
"""Pieces looked at for one question; those of the last passages are left out beyond it."""

HEADING_SHARE = 0.5
"""What a word of the question counts for when only the headings above a piece hold it."""
CHUNK_WEIGHT = 0.8
"""What the retrieval score of its chunk counts for, beside the words and the meaning of the piece itself."""
NEIGHBOUR_SHARE = 0.15
"""How much of a piece's own value is that of the pieces before and after it: readers want whole paragraphs."""


class Found(Protocol):
    """What a search found; satisfied by knowledge.retrieval.SearchResult."""

    @property
    def hits(self) -> Sequence[Hit]: ...

    @property
    def passages(self) -> Sequence[Passage]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A unit of a passage with what speaks for it.

    `terms` are the terms of its text and `heading_terms` those above it. `lexical` is the share of the question's
    words it holds, by weight, `dense` its cosine to the question (0 without an embedder), `chunk` the retrieval score
    of the chunk it stands in, each 0..1; `value` is what the picker goes by. `lead` is a position in the pieces.
    """

    passage: Passage
    unit: Unit
    terms: frozenset[str]
    heading_terms: frozenset[str]
    lexical: float
    dense: float
    chunk: float
    value: float
    lead: int | None


def weigh_terms(question: str, hits: Sequence[Hit]) -> dict[str, float]:
    """The weight of each term of the question: high for one that few of the chunks found hold.

    The chunks that a search returns for any of the words stand in for the whole base: a word that none of them holds is
    rare in it, or missing. The weight is BM25's idf over the hits.
    """
    texts = [frozenset(index_terms(hit.chunk.search_text)) for hit in hits]
    frequencies = {term: sum(term in text for text in texts) for term in query_terms(question)}
    return {term: math.log(1 + (len(texts) - df + 0.5) / (df + 0.5)) for term, df in frequencies.items()}


def gather(question: str, found: Found, weights: Mapping[str, float], embedder: Embedder | None) -> list[Piece]:
    """The pieces of the passages found, in their order, with their values."""
    pieces = _cut(found)
    cosines = _cosines(question, pieces, embedder)
    total = sum(weights.values()) or 1.0
    measured = [
        replace(piece, lexical=_held(piece, weights) / total, dense=cosine)
        for piece, cosine in zip(pieces, cosines, strict=True)
    ]
    own = [piece.lexical + piece.dense for piece in measured]
    return [
        replace(piece, value=_with_neighbours(at, own, measured) + CHUNK_WEIGHT * piece.chunk)
        for at, piece in enumerate(measured)
    ]


def _cut(found: Found) -> list[Piece]:
    scores = {hit.chunk.id: hit for hit in found.hits}
    pieces: list[Piece] = []
    for passage in found.passages:
        if len(pieces) >= MOST_PIECES:
            break
        inside = [scores[chunk_id] for chunk_id in passage.chunk_ids if chunk_id in scores]
        first = len(pieces)
        for unit in cut_units(passage):
            at = passage.start + unit.start
            score = next((hit.score for hit in inside if hit.chunk.start <= at < hit.chunk.end), 0.0)
            pieces.append(
                Piece(
                    passage=passage,
                    unit=unit,
                    terms=frozenset(index_terms(unit.text)),
                    heading_terms=frozenset(index_terms(headings_of(passage, unit))),
                    lexical=0.0,
                    dense=0.0,
                    chunk=score,
                    value=0.0,
                    lead=None if unit.lead is None else first + unit.lead,
                )
            )
    return pieces[:MOST_PIECES]


def headings_of(passage: Passage, unit: Unit) -> str:
    """Title, heading path and the nearest heading above a unit, joined by " > "."""
    return " > ".join(dict.fromkeys(filter(None, (passage.document.title, *passage.heading_path, unit.heading))))


def _held(piece: Piece, weights: Mapping[str, float]) -> float:
    in_text = sum(weight for term, weight in weights.items() if term in piece.terms)
    above = sum(weight for term, weight in weights.items() if term in piece.heading_terms and term not in piece.terms)
    return in_text + HEADING_SHARE * above


def _cosines(question: str, pieces: Sequence[Piece], embedder: Embedder | None) -> list[float]:
    if embedder is None or not pieces or language_of(question) not in embedder.languages:
        return [0.0] * len(pieces)
    texts = [f"{headings_of(piece.passage, piece.unit)}\n{piece.unit.text}" for piece in pieces]
    try:
        similarities = embedder.embed_documents(texts) @ embedder.embed_query(question)
    except EmbedderUnavailable:
        return [0.0] * len(pieces)
    return [max(0.0, float(cosine)) for cosine in similarities]


def _with_neighbours(at: int, own: Sequence[float], pieces: Sequence[Piece]) -> float:
    beside = [
        own[other]
        for other in (at - 1, at + 1)
        if 0 <= other < len(pieces) and pieces[other].passage.number == pieces[at].passage.number
    ]
    if not beside:
        return own[at]
    return (1 - NEIGHBOUR_SHARE) * own[at] + NEIGHBOUR_SHARE * sum(beside) / len(beside)
