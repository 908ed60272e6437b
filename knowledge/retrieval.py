"""The retriever: a question in, ranked hits and a budget of passages out, over any number of knowledge bases."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from knowledge.analysis import language_of
from knowledge.errors import EmbedderUnavailable
from knowledge.passages import BUDGET_WORDS, Candidate, pack
from knowledge.ports import Embedder, LexicalIndex, Scored, VectorIndex, Vectors
from knowledge.ranking import CandidateList, RankedChunk, fusion_weights, rank
from knowledge.types import Chunk, DocumentRef, Filters, Hit, Language, Passage

CANDIDATES = 300
"""How many chunks each index is asked for."""

CHUNKS_READ = 60
"""How many of the ranked chunks are read for hits and passages."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KnowledgeBaseIndexes:
    """The indexes of one knowledge base. `vectors` is by embedder name; `incomplete` names those still being built."""

    knowledge_base_id: str
    lexical: LexicalIndex
    vectors: Mapping[str, VectorIndex]
    incomplete: frozenset[str] = frozenset()


class Indexes(Protocol):
    """Opens the indexes of a knowledge base, followed up to now."""

    def open(self, knowledge_base_id: str) -> KnowledgeBaseIndexes: ...


class Library(Protocol):
    """What the retriever reads of the truth; each call is one query. What no longer exists is left out of answers."""

    def chunks(self, ids: Collection[int]) -> Mapping[int, Chunk]:
        """Chunks by id."""
        ...

    def neighbours(self, spans: Collection[tuple[str, int, int]]) -> Sequence[Chunk]:
        """Chunks of documents by (document id, first ordinal, last ordinal), both included."""
        ...

    def documents(self, ids: Collection[str]) -> Mapping[str, DocumentRef]:
        """Documents by id."""
        ...

    def links(self, ids: Collection[str]) -> Mapping[str, Collection[str]]:
        """The documents that each document links to."""
        ...

    def select(self, knowledge_bases: Sequence[str], filters: Filters) -> Collection[str]:
        """The ids of documents that pass the filters."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchResult:
    """What a search found.

    `hits` are ranked from 1, those beyond `top_k` or otherwise not handed on last, with the reason in `dropped`.
    `passages` fill the budget of words. `degraded` names the embedders that did not answer for every knowledge base.
    """

    hits: tuple[Hit, ...]
    passages: tuple[Passage, ...]
    language: Language
    degraded: tuple[str, ...]


class Retriever:
    """Answers searches over knowledge bases; holds nothing of its own, so one serves any number of threads."""

    def __init__(
        self, *, library: Library, indexes: Indexes, embedders: Mapping[str, Embedder], budget: float = BUDGET_WORDS
    ) -> None:
        self._library = library
        self._indexes = indexes
        self._embedders = embedders
        self._budget = budget

    def search(
        self,
        question: str,
        *,
        knowledge_bases: Sequence[str],
        top_k: int = 10,
        filters: Filters | None = None,
        context: Sequence[str] = (),
    ) -> SearchResult:
        """Search knowledge bases by id; all of them compete on one scale.

        `context` holds the user's earlier questions of the conversation, the latest last. Words alone answer when no
        embedder is ready. Raises what `Indexes.open` raises for an unknown knowledge base.
        """
        language = language_of(question)
        among = self._library.select(knowledge_bases, filters) if filters is not None else None
        opened = [self._indexes.open(knowledge_base_id) for knowledge_base_id in knowledge_bases]
        vectors, degraded = self._embed(question, language, opened)
        lists = list(_candidate_lists(question, language, opened, vectors, self._embedders, among))
        ranked = rank(lists)
        chunks = self._library.chunks([each.chunk_id for each in ranked[:CHUNKS_READ]])
        documents = self._library.documents({chunk.document_id for chunk in chunks.values()})
        best = sorted(ranked[:CHUNKS_READ], key=lambda each: -each.score)
        passages = pack(
            [Candidate(chunk=chunks[each.chunk_id], score=each.score) for each in best if each.chunk_id in chunks],
            documents,
            self._budget,
        )
        hits = tuple(_hits(ranked[:CHUNKS_READ], chunks, documents, top_k))
        return SearchResult(hits=hits, passages=passages, language=language, degraded=degraded)

    def _embed(
        self, question: str, language: Language, opened: Sequence[KnowledgeBaseIndexes]
    ) -> tuple[dict[str, Vectors], tuple[str, ...]]:
        """The question's vector by each embedder that has vectors to compare it with; and those not complete."""
        vectors: dict[str, Vectors] = {}
        degraded: set[str] = {name for indexes in opened for name in indexes.incomplete}
        for name in {name for indexes in opened for name in indexes.vectors}:
            embedder = self._embedders.get(name)
            if embedder is None:
                degraded.add(name)
            elif language in embedder.languages:
                try:
                    vectors[name] = embedder.embed_query(question)
                except EmbedderUnavailable:
                    degraded.add(name)
        return vectors, tuple(sorted(degraded))


def _candidate_lists(
    question: str,
    language: Language,
    opened: Sequence[KnowledgeBaseIndexes],
    vectors: Mapping[str, Vectors],
    embedders: Mapping[str, Embedder],
    among: Collection[str] | None,
) -> Iterator[CandidateList]:
    weights = fusion_weights(language, {name: embedders[name].languages for name in vectors})
    words = [each for indexes in opened for each in indexes.lexical.search(question, CANDIDATES, among)]
    yield CandidateList(name="lexical", weight=weights["lexical"], found=_best(words))
    for name, vector in vectors.items():
        near = [
            each
            for indexes in opened
            if name in indexes.vectors
            for each in indexes.vectors[name].search(vector, CANDIDATES, among)
        ]
        yield CandidateList(name=f"vector:{name}", weight=weights[f"vector:{name}"], found=_best(near))


def _best(found: list[Scored]) -> list[Scored]:
    return sorted(found, key=lambda each: (-each.score, each.chunk_id))[:CANDIDATES]


def _hits(
    ranked: Sequence[RankedChunk], chunks: Mapping[int, Chunk], documents: Mapping[str, DocumentRef], top_k: int
) -> Iterator[Hit]:
    alive = [each for each in ranked if each.chunk_id in chunks and each.document_id in documents]
    for number, each in enumerate(alive, start=1):
        yield Hit(
            chunk=chunks[each.chunk_id],
            document=documents[each.document_id],
            score=each.score,
            rank=number,
            parts={**each.parts, "page": each.page},
            dropped="" if number <= top_k else "below the first results",
        )
