"""The retriever: a question in, ranked hits and a budget of passages out, over any number of knowledge bases."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import ParamSpec, Protocol, TypeVar

from knowledge.errors import EmbedderUnavailable
from knowledge.ports import Embedder, KnowledgeBaseIndexes, Scored, Vectors
from knowledge.retrieval.followup import contextualise
from knowledge.retrieval.leading import lead
from knowledge.retrieval.passages import BUDGET_WORDS, PULLING_CHUNKS, Candidate, pack, widen
from knowledge.retrieval.ranking import (
    LEXICAL,
    CandidateList,
    RankedChunk,
    Weights,
    demote,
    fusion_weights,
    likeness,
    promote,
    rank,
    support,
)
from knowledge.text.analysis import language_of, query_terms, term_set
from knowledge.text.definitions import best_definition, subject_of
from knowledge.text.focus import focus_of
from knowledge.types import Chunk, DocumentRef, Filters, Hit, Language, Passage

P = ParamSpec("P")
Result = TypeVar("Result")

CANDIDATES = 300
"""How many chunks each index is asked for."""

WORTH_THREADS = 10_000
"""So many vectors, of all embedders together, are compared in threads of their own: two milliseconds' worth."""

MOST_TERMS_OF_A_NAME = 12
"""No title or heading says what a question of more terms asks."""

CHUNKS_READ = 60
"""How many of the best chunks are read for hits and passages, or `top_k` when that is more."""


OUTDONE = "another base answers better"
"""Why a hit is left out that adds nothing to the leading base."""


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
        self,
        *,
        library: Library,
        indexes: Indexes,
        embedders: Mapping[str, Embedder],
        budget: float = BUDGET_WORDS,
        weights: Weights | None = None,
    ) -> None:
        self._library = library
        self._indexes = indexes
        self._embedders = embedders
        self._budget = budget
        self._weights = weights or Weights()

    def search(
        self,
        question: str,
        *,
        knowledge_bases: Sequence[str],
        top_k: int = 10,
        filters: Filters | None = None,
        context: Sequence[str] = (),
    ) -> SearchResult:
        """Search knowledge bases by id; all of them compete on one scale. The one that fits best answers, others where
        they add to it.

        `context` holds the user's earlier questions of the conversation, the latest last. A long question (a story, a
        pasted log) is read for what it asks and names. Words alone answer when no embedder is ready. Raises what
        `Indexes.open` raises for an unknown knowledge base.
        """
        focus = focus_of(question)
        asked = contextualise(focus, context)
        language = language_of(focus)
        among = self._library.select(knowledge_bases, filters) if filters is not None else None
        opened = [self._indexes.open(knowledge_base_id) for knowledge_base_id in dict.fromkeys(knowledge_bases)]
        vectors, degraded = self._embed(asked, language, opened)
        limit = max(CHUNKS_READ, top_k)
        first = rank(self._candidates(asked, language, opened, vectors, among), 2 * limit)
        read = self._read(asked, first, limit)
        passages = pack(self._widened(read), read.documents, self._budget)
        return SearchResult(hits=tuple(_hits(read, top_k)), passages=passages, language=language, degraded=degraded)

    def _embed(
        self, question: str, language: Language, opened: Sequence[KnowledgeBaseIndexes]
    ) -> tuple[dict[str, Vectors], tuple[str, ...]]:
        """The question's vector by each embedder that has vectors to compare it with, the fastest first; and the names
        of those that are not complete or did not answer."""
        vectors: dict[str, Vectors] = {}
        degraded: set[str] = {name for indexes in opened for name in indexes.incomplete}
        for name in dict.fromkeys(name for indexes in opened for name in indexes.vectors):
            embedder = self._embedders.get(name)
            if embedder is None:
                degraded.add(name)
            elif language in embedder.languages:
                try:
                    vectors[name] = embedder.embed_query(question)
                except EmbedderUnavailable:
                    degraded.add(name)
        return vectors, tuple(sorted(degraded))

    def _candidates(
        self,
        question: str,
        language: Language,
        opened: Sequence[KnowledgeBaseIndexes],
        vectors: Mapping[str, Vectors],
        among: Collection[str] | None,
    ) -> list[CandidateList]:
        """One list for the words and one for each embedder, each over all knowledge bases.

        Vectors are compared in threads of their own while the words are looked up here, where the lexical index has
        its connection: neither holds the interpreter, and each takes about as long as the other. Few are compared here
        as well, in less time than a thread takes to begin where others want the interpreter.
        """
        known = [(name, self._embedders[name].languages) for name in vectors]
        weights = fusion_weights(language, known, _coverage(opened), self._weights)
        many = sum(len(index) for indexes in opened for index in indexes.vectors.values()) > WORTH_THREADS
        with ThreadPoolExecutor(max(1, len(vectors)), thread_name_prefix="search") if many else _Here() as executor:
            near = {name: executor.submit(_nearest, name, vector, opened, among) for name, vector in vectors.items()}
            words = [each for indexes in opened for each in indexes.lexical.search(question, CANDIDATES, among)]
        lists = [CandidateList(name=LEXICAL, weight=weights[LEXICAL], found=_best(words))]
        for name, future in near.items():
            found = _best(future.result())
            lists.append(CandidateList(name=f"vector:{name}", weight=weights[f"vector:{name}"], found=found))
        return lists

    def _read(self, question: str, first: Sequence[RankedChunk], limit: int) -> _Read:
        """The best chunks and their documents, neighbours helping, background set back and what is named like the
        question set forward; what was deleted meanwhile is left out."""
        documents = self._library.documents({each.document_id for each in first})
        paths = {name: document.path for name, document in documents.items()}
        chunks = self._library.chunks([each.chunk_id for each in first])
        places = {chunk.id: (chunk.document_id, chunk.ordinal) for chunk in chunks.values()}
        helped = support(first, places, self._weights.neighbour)
        ordered = demote(promote(helped, _named(question, chunks, documents)), paths)
        there = [each for each in ordered if each.chunk_id in chunks]
        led = lead(there, {chunk.id: chunk.knowledge_base_id for chunk in chunks.values()})
        return _Read(ranked=led.ranked[:limit], outdone=led.outdone, chunks=chunks, documents=documents)

    def _widened(self, read: _Read) -> list[Candidate]:
        adding = [each for each in read.ranked if each.chunk_id not in read.outdone]
        candidates = [Candidate(chunk=read.chunks[each.chunk_id], score=each.own) for each in adding]
        best = sorted(candidates, key=lambda each: (-each.score, each.chunk.id))[:PULLING_CHUNKS]
        places = [(each.chunk.document_id, each.chunk.ordinal + step) for each in best for step in (-1, 0, 1)]
        known = {(chunk.document_id, chunk.ordinal): chunk for chunk in read.chunks.values()}
        beside = [known[place] for place in places if place in known]
        missing = [(name, at, at) for name, at in places if (name, at) not in known and at >= 0]
        return widen(candidates, [*beside, *(self._library.neighbours(missing) if missing else ())])


class _Here(Executor):
    """Does what it is given at once, in the thread that gives it."""

    def submit(self, fn: Callable[P, Result], /, *args: P.args, **kwargs: P.kwargs) -> Future[Result]:
        future: Future[Result] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@dataclass(frozen=True, kw_only=True, slots=True)
class _Read:
    ranked: Sequence[RankedChunk]
    outdone: Collection[int]
    chunks: Mapping[int, Chunk]
    documents: Mapping[str, DocumentRef]


def _coverage(opened: Sequence[KnowledgeBaseIndexes]) -> dict[str, float]:
    """For each embedder, the share of chunks it has vectors of; the one with most vectors in a base stands for all."""
    chunks = sum(max(map(len, indexes.vectors.values()), default=0) for indexes in opened)
    names = {name for indexes in opened for name in indexes.vectors}
    return {
        name: sum(len(indexes.vectors[name]) for indexes in opened if name in indexes.vectors) / max(1, chunks)
        for name in names
    }


def _named(question: str, chunks: Mapping[int, Chunk], documents: Mapping[str, DocumentRef]) -> dict[int, float]:
    """For each chunk how nearly the question asks for the title of its document, the last of its headings, or all; or,
    when it asks what a thing is, how nearly a sentence says so."""
    subject = subject_of(question)
    asked = frozenset(query_terms(question))
    if len(asked) > MOST_TERMS_OF_A_NAME:
        return {}
    return {
        chunk.id: max(
            best_definition(chunk.text, subject),
            *(
                likeness(asked, term_set(name))
                for name in (
                    documents[chunk.document_id].title,
                    chunk.heading_path[-1] if chunk.heading_path else "",
                    chunk.search_text.partition("\n")[0],
                )
            ),
        )
        for chunk in chunks.values()
    }


def _nearest(
    name: str, vector: Vectors, opened: Sequence[KnowledgeBaseIndexes], among: Collection[str] | None
) -> list[Scored]:
    """What is nearest to a vector of this embedder in each knowledge base that has some."""
    indexes = [each.vectors[name] for each in opened if name in each.vectors]
    return [scored for index in indexes for scored in index.search(vector, CANDIDATES, among)]


def _best(found: list[Scored]) -> list[Scored]:
    return sorted(found, key=lambda each: (-each.score, each.chunk_id))[:CANDIDATES]


def _hits(read: _Read, top_k: int) -> Iterator[Hit]:
    for number, each in enumerate(read.ranked, start=1):
        yield Hit(
            chunk=read.chunks[each.chunk_id],
            document=read.documents[each.document_id],
            score=each.score,
            rank=number,
            parts={**each.parts, "page": each.page},
            dropped=OUTDONE if each.chunk_id in read.outdone else "" if number <= top_k else f"below the first {top_k}",
        )
