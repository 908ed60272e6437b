"""How well each piece of the passages found speaks to the question."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from knowledge.answering.asking import manner_of
from knowledge.answering.units import LONGEST_CODE, Unit, cut_units
from knowledge.errors import EmbedderUnavailable
from knowledge.ports import Embedder, Vectors
from knowledge.text.analysis import language_of, query_terms, term_set
from knowledge.text.background import standing
from knowledge.text.definitions import definition, subject_of
from knowledge.text.expansion import Concept, Phrase, concepts_of
from knowledge.types import Hit, Language, Passage

FULL_SEARCH = 60
"""How many chunks a search of a base of any size reads."""
MOST_PIECES = 200
"""Pieces looked at for one question; those of the last passages are left out beyond it."""

SYNONYM_SHARE = 0.7
"""What a synonym or a translation from the thesaurus counts for, beside the word itself."""
HEADING_SHARE = 0.5
"""What a word of the question counts for when only the headings above a piece hold it."""
CHUNK_WEIGHT = 1.0
"""What the retrieval score of its chunk counts for, beside the words and the meaning of the piece itself."""
TITLE_WEIGHT = 2.0
"""What the heading right above counts for that holds the whole question ("Change the port"); less of it, by the cube
of its share: the section is the answer then, whatever words its sentences choose, and it is read from its beginning."""
DEFINITION_WEIGHT = 1.0
"""What a sentence gains that says what a thing is, when that is asked."""
READ_AGAIN, READ_WEIGHT = 16, 2.0
"""How many of the best pieces a better embedder reads, too slow for all of them, and what its cosine counts for."""
WHOLE = 0.99
READ_THROUGH, READ_STEP = 1.5, 0.01
"""What the first piece of a section whose heading asks the whole question counts for by itself, and what each further
one counts less."""
LENGTH_WEIGHT = 0.05
"""What the logarithm of its words counts for: a line of two words says little by itself."""
RANK_WEIGHT = 0.15
"""What it counts for that a piece stands in the first passage; less for each further one."""

_SEPARATOR = " > "

VALUE_CODE = 40
"""Words of a block of code from which only the lines around it are offered for a value: a listing of all settings with
their defaults is no answer to what one of them is."""

LONGEST_ECHO = 500
"""Characters of a question above which nobody repeats it."""


class Found(Protocol):
    """What a search found; satisfied by knowledge.retrieval.retriever.SearchResult."""

    @property
    def hits(self) -> Sequence[Hit]: ...

    @property
    def passages(self) -> Sequence[Passage]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A unit of a passage with what speaks for it. `language` is that of the whole passage.

    `headings` are the document's title and those above the piece, the nearest of which is its `title`; `terms` are the
    terms of its text, `heading_terms` those of the headings. `lexical` is the share of the question's words it holds,
    by weight, `dense` its cosine to the question (0 without an embedder), `chunk` how strongly the chunk around it was
    found, each 0..1; `value` is what the picker goes by. `lead` is a position in the pieces, `meaning` the vector
    (dimension,) of the piece, None without an embedder.
    """

    passage: Passage
    language: Language
    unit: Unit
    headings: tuple[str, ...]
    title: str
    terms: frozenset[str]
    heading_terms: frozenset[str]
    lexical: float
    dense: float
    chunk: float
    value: float
    lead: int | None
    meaning: Vectors | None = field(default=None, compare=False)


def strengths(hits: Sequence[Hit]) -> dict[int, float]:
    """How strongly each chunk was found by itself, 0..1, by chunk id: half by words, half by meaning.

    A hit's own score also says how good its page is, which ranks pages well and sentences badly.
    """
    vectors = {name for hit in hits for name in hit.parts if name.startswith("vector:")}
    if not vectors and not any("lexical" in hit.parts for hit in hits):
        return {hit.chunk.id: hit.score for hit in hits}
    return {hit.chunk.id: _strength(hit.parts, vectors) for hit in hits}


def _strength(parts: Mapping[str, float], vectors: Collection[str]) -> float:
    words = parts.get("lexical", 0.0)
    return (words + sum(parts.get(name, 0.0) for name in vectors) / len(vectors)) / 2 if vectors else words


def weigh_terms(question: str, hits: Sequence[Hit]) -> dict[str, float]:
    """The weight of each term of the question: high for one that few of the chunks found hold.

    The chunks that a search returns for any of the words stand in for the whole base: a word that none of them holds is
    rare in it, or missing. The weight is BM25's idf over the hits; where a base has fewer than a search reads, the
    others count as chunks without the word, or in a small base every word would look common.
    """
    texts = [term_set(hit.chunk.search_text) for hit in hits]
    count = max(len(texts), FULL_SEARCH)
    frequencies = {term: sum(term in text for text in texts) for term in query_terms(question)}
    return {term: math.log(1 + (count - df + 0.5) / (df + 0.5)) for term, df in frequencies.items()}


def gather(
    question: str,
    found: Found,
    weights: Mapping[str, float],
    embedder: Embedder | None,
    reader: Embedder | None = None,
) -> list[Piece]:
    """The pieces of the passages found, in their order, with their values.

    `embedder` judges all of them. What is in the languages of `reader` is chosen by its words, and of the best of it
    that one judges the meaning, in the same time.
    """
    pieces = _cut(question, found)
    read = reader is not None and {language_of(question), *(piece.language for piece in pieces)} <= reader.languages
    meanings = _meanings(question, pieces, None if read else embedder)
    valued = _valued(question, pieces, meanings, weights)
    if reader is None or language_of(question) not in reader.languages:
        return valued
    again = _read_again(question, valued, reader)
    return again if again is not None else gather(question, found, weights, embedder)


def _valued(
    question: str,
    pieces: Sequence[Piece],
    meanings: Sequence[tuple[float, Vectors | None]],
    weights: Mapping[str, float],
) -> list[Piece]:
    concepts = concepts_of(question)
    total = sum(weights.values()) or 1.0
    measured = [
        replace(piece, lexical=_held(piece, concepts, weights) / total, dense=cosine, meaning=meaning)
        for piece, (cosine, meaning) in zip(pieces, meanings, strict=True)
    ]
    titled = [_titled(piece.title, weights) for piece in measured]
    subject = subject_of(question)
    own = [piece.lexical + piece.dense for piece in measured]
    own = [_in_order(at, measured) if titled[at] > WHOLE else value for at, value in enumerate(own)]
    return [
        replace(
            piece,
            value=standing(piece.passage.document.path)
            * (
                own[at]
                + LENGTH_WEIGHT * math.log1p(piece.unit.words)
                + CHUNK_WEIGHT * piece.chunk
                + TITLE_WEIGHT * titled[at] ** 3
                + _defined(piece, subject)
                + RANK_WEIGHT / piece.passage.number
            ),
        )
        for at, piece in enumerate(measured)
    ]


def _read_again(question: str, pieces: list[Piece], reader: Embedder) -> list[Piece] | None:
    """The pieces with the best of them set forward by how near a better embedder finds them to the question; None when
    it does not answer."""
    best = sorted(range(len(pieces)), key=lambda at: -pieces[at].value)[:READ_AGAIN]
    known = [at for at in best if pieces[at].language in reader.languages]
    meanings = _meanings(question, [pieces[at] for at in known], reader)
    if known and meanings[0][1] is None:
        return None
    for at, (cosine, _) in zip(known, meanings, strict=True):
        pieces[at] = replace(pieces[at], value=pieces[at].value + READ_WEIGHT * cosine)
    return pieces


def _in_order(at: int, pieces: Sequence[Piece]) -> float:
    """The value by itself of a piece whose heading asks the question: high, and falling from the section's first on."""
    section = (pieces[at].passage.number, pieces[at].title)
    first = at
    while first > 0 and (pieces[first - 1].passage.number, pieces[first - 1].title) == section:
        first -= 1
    return READ_THROUGH - READ_STEP * (at - first)


def _cut(question: str, found: Found) -> list[Piece]:
    echo = echo_of(question)
    hits = {hit.chunk.id: hit for hit in found.hits}
    strength = strengths(found.hits)
    longest = VALUE_CODE if manner_of(question) == "value" else LONGEST_CODE
    pieces: list[Piece] = []
    for passage in found.passages:
        if len(pieces) >= MOST_PIECES:
            break
        inside = [hits[chunk_id].chunk for chunk_id in passage.chunk_ids if chunk_id in hits]
        first, language = len(pieces), language_of(passage.text)
        for unit in cut_units(passage, longest):
            at = passage.start + unit.start
            around = next((chunk for chunk in inside if chunk.start <= at < chunk.end), None)
            pieces.append(
                Piece(
                    passage=passage,
                    language=language,
                    unit=unit,
                    headings=_headings(passage, unit),
                    title=unit.heading,
                    terms=term_set(echo.sub(" ", unit.text)),
                    heading_terms=term_set(_SEPARATOR.join(_headings(passage, unit))),
                    lexical=0.0,
                    dense=0.0,
                    chunk=strength[around.id] if around is not None else 0.0,
                    value=0.0,
                    lead=None if unit.lead is None else first + unit.lead,
                )
            )
    return pieces[:MOST_PIECES]


def echo_of(question: str) -> re.Pattern[str]:
    """Where the question itself stands as a question: an example that asks it, or a list of questions, is no answer."""
    if len(question) > LONGEST_ECHO:
        return re.compile(r"(?!)")
    words = map(re.escape, question.strip().rstrip("?？ ").split())
    return re.compile(r"\s+".join(words) + r"\s*[?？]", re.IGNORECASE)


def _headings(passage: Passage, unit: Unit) -> tuple[str, ...]:
    """The document's title and the headings above a unit."""
    return tuple(dict.fromkeys(filter(None, (passage.document.title, *unit.heading_path))))


def _titled(title: str, weights: Mapping[str, float]) -> float:
    """How nearly a heading asks the question: the share of the question's words it holds, by weight, times the share
    of its own words that are the question's."""
    terms = term_set(title)
    shared = terms & weights.keys()
    held = sum(weights[term] for term in shared)
    return held / (sum(weights.values()) or 1.0) * len(shared) / (len(terms) or 1)


def _defined(piece: Piece, subject: frozenset[str]) -> float:
    """What a piece gains that says what the thing asked for is."""
    return DEFINITION_WEIGHT * definition(piece.unit.text, subject) if piece.unit.block in ("sentence", "list") else 0.0


def _held(piece: Piece, concepts: Sequence[Concept], weights: Mapping[str, float]) -> float:
    return sum(_held_of(piece, concept, weights) for concept in concepts)


def _held_of(piece: Piece, concept: Concept, weights: Mapping[str, float]) -> float:
    """The weight of a concept's words that a piece holds, or most of it when it holds a synonym."""
    asked = sum(_share(piece, (term,)) * weights.get(term, 0.0) for term in concept.terms)
    whole = sum(weights.get(term, 0.0) for term in concept.terms)
    return max([asked, *(SYNONYM_SHARE * _share(piece, variant) * whole for variant in concept.variants)])


def _share(piece: Piece, phrase: Phrase) -> float:
    if piece.terms.issuperset(phrase):
        return 1.0
    return HEADING_SHARE if (piece.terms | piece.heading_terms).issuperset(phrase) else 0.0


def _meanings(
    question: str, pieces: Sequence[Piece], embedder: Embedder | None
) -> Sequence[tuple[float, Vectors | None]]:
    """For each piece its cosine to the question and its vector."""
    unknown = [(0.0, None)] * len(pieces)
    if embedder is None or not pieces or language_of(question) not in embedder.languages:
        return unknown
    echo = echo_of(question)
    texts = [f"{_SEPARATOR.join(piece.headings)}\n{echo.sub(' ', piece.unit.text)}" for piece in pieces]
    try:
        vectors = embedder.embed_documents(texts)
        similarities = vectors @ embedder.embed_query(question)
    except EmbedderUnavailable:
        return unknown
    return [(max(0.0, float(cosine)), vector) for cosine, vector in zip(similarities, vectors, strict=True)]
