"""The answerer: a question and what a search found for it in, quotations with their citations out."""

from __future__ import annotations

from knowledge.answering.confidence import ANSWERED, confidence_of, read_signals
from knowledge.answering.evidence import Found, gather, weigh_terms
from knowledge.answering.picking import pick, segments
from knowledge.ports import Embedder
from knowledge.types import AnswerSegment, DocumentRef, ExtractedAnswer

NEAREST = 3


class Answerer:
    """Answers questions by quoting; holds nothing of a question, so one serves any number of threads."""

    def __init__(self, embedder: Embedder | None = None) -> None:
        """`embedder` judges pieces by meaning (about a hundred short texts a question: give it a fast one). Without
        one, or for a question in a language it does not know, words alone decide."""
        self._embedder = embedder

    def answer(self, question: str, result: Found, *, word_budget: int = 150) -> ExtractedAnswer:
        """Quote what answers `question` from the passages of a search result, in about `word_budget` words.

        Every segment is verbatim from its passage. When nothing found seems to answer, the answer says so and names
        the nearest documents. Raises nothing of its own.
        """
        weights = weigh_terms(question, result.hits)
        signals = read_signals(question, result.hits, weights)
        confidence = confidence_of(signals) if signals else 0.0
        if confidence < ANSWERED:
            return _unanswered(result, confidence)
        quoted = extract(question, result, self._embedder, word_budget)
        if not quoted:
            return _unanswered(result, confidence)
        return ExtractedAnswer(answered=True, confidence=confidence, segments=quoted, nearest=_nearest(result))


def extract(
    question: str, result: Found, embedder: Embedder | None = None, word_budget: float = 150
) -> tuple[AnswerSegment, ...]:
    """The quotations nearest to an answer, whether or not they are one; none when nothing was found."""
    pieces = gather(question, result, weigh_terms(question, result.hits), embedder)
    return segments(pieces, pick(pieces, word_budget))


def _unanswered(result: Found, confidence: float) -> ExtractedAnswer:
    return ExtractedAnswer(answered=False, confidence=confidence, segments=(), nearest=_nearest(result))


def _nearest(result: Found) -> tuple[DocumentRef, ...]:
    documents = {hit.document.id: hit.document for hit in result.hits}
    return tuple(documents.values())[:NEAREST]
