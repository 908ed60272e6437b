"""The answerer: a question and what a search found for it in, quotations with their citations out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from knowledge.answering.asking import manner_of
from knowledge.answering.confidence import ANSWERED, confidence_of, read_signals
from knowledge.answering.evidence import Found, Piece, gather, weigh_terms
from knowledge.answering.picking import pick, segments
from knowledge.answering.subject import (
    PERHAPS_NAMED,
    in_another_language,
    is_command,
    missing_names,
    named_in_passing,
    points_to,
)
from knowledge.ports import Embedder
from knowledge.text.focus import focus_of, written_in
from knowledge.types import AnswerSegment, DocumentRef, ExtractedAnswer, Verdict

NEAREST = 3


class Answerer:
    """Answers questions by quoting; holds nothing of a question, so one serves any number of threads."""

    def __init__(self, embedder: Embedder | None = None, reader: Embedder | None = None) -> None:
        """`embedder` judges pieces by meaning, about a hundred short texts a question: give it a fast one. A `reader`
        judges the sixteen that are best by their words, where it knows all their languages instead: give it a better
        one. Without them, or for a question in a language they do not know, words alone decide."""
        self._embedder = embedder
        self._reader = reader

    def answer(self, question: str, result: Found, *, word_budget: int = 150) -> ExtractedAnswer:
        """Quote what answers `question` from the passages of a search result, in about `word_budget` words.

        Every segment is verbatim from its passage. When nothing found seems to answer, the answer says so and names
        the nearest documents. Raises nothing of its own.
        """
        verdict = self.judge(question, result)
        question = focus_of(question)
        confidence = self._confidence(question, result)
        quoted = extract(question, result, self._embedder, word_budget, self._reader, commands=verdict == "answered")
        if not quoted:
            verdict = "nothing"
        return ExtractedAnswer(verdict=verdict, confidence=confidence, segments=quoted, nearest=_nearest(result))

    def judge(self, question: str, result: Found) -> Verdict:
        """How surely `answer` would answer, in a fraction of its time.

        Names decide before words do: what the best page does not name is not answered by it, and what it alone of all
        pages holds (a code, an address) is.
        """
        if not result.passages or not result.hits:
            return "nothing"
        written, question = written_in(question), focus_of(question)
        if points_to(question, result.hits[0], result.hits):
            return "answered"
        foreign = (
            missing_names(written, result.hits)
            or _in_passing(written, result)
            or in_another_language(written, result.hits)
        )
        sure = not foreign and self._confidence(question, result) >= ANSWERED
        return "answered" if sure else "closest"

    def _confidence(self, question: str, result: Found) -> float:
        signals = read_signals(question, result.hits, weigh_terms(question, result.hits))
        return confidence_of(signals) if signals else 0.0


def extract(
    question: str,
    result: Found,
    embedder: Embedder | None = None,
    word_budget: float = 150,
    reader: Embedder | None = None,
    *,
    commands: bool = True,
) -> tuple[AnswerSegment, ...]:
    """The quotations nearest to an answer, whether or not they are one; none when nothing was found.

    Without `commands`, none is quoted from a page that does not name what the question names: it would be run.
    """
    weights, manner = weigh_terms(question, result.hits), manner_of(question)
    pieces = gather(question, result, weights, embedder, reader)
    if not commands and (missing_names(question, result.hits, PERHAPS_NAMED) or _in_passing(question, result)):
        pieces = _without_commands(pieces)
    return segments(pieces, pick(pieces, weights, manner, word_budget), manner)


def _in_passing(question: str, result: Found) -> bool:
    return named_in_passing(question, result.hits, weigh_terms(question, result.hits))


def _without_commands(pieces: Sequence[Piece]) -> list[Piece]:
    kept = [at for at, piece in enumerate(pieces) if not is_command(piece.unit)]
    moved = {at: to for to, at in enumerate(kept)}
    return [replace(pieces[at], lead=moved.get(pieces[at].lead)) for at in kept]  # type: ignore[arg-type]


def _nearest(result: Found) -> tuple[DocumentRef, ...]:
    documents = {hit.document.id: hit.document for hit in result.hits}
    return tuple(documents.values())[:NEAREST]
