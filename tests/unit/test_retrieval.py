from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from knowledge.errors import EmbedderUnavailable
from knowledge.indexes.lexical_fts import FtsIndex
from knowledge.ports import DocumentVectors, KnowledgeBaseIndexes, Scored, Vectors
from knowledge.retrieval.retriever import Retriever
from knowledge.types import Chunk, DocumentRef, Filters, Language

TOPICS = ("network", "storage", "security")


class TopicEmbedder:
    """One dimension a topic: a text points to the topics it names."""

    def __init__(self, languages: frozenset[Language] = frozenset({"en", "zh"}), *, broken: bool = False) -> None:
        self.name = "topics"
        self.dimension = len(TOPICS)
        self.languages = languages
        self._broken = broken

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self.embed_query(text) for text in texts])

    def embed_query(self, text: str) -> Vectors:
        if self._broken:
            raise EmbedderUnavailable("no")
        vector = np.array([0.01 + (topic in text) for topic in TOPICS], dtype=np.float32)
        return vector / np.linalg.norm(vector)


class ListIndex:
    """A VectorIndex that compares with every row."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, str, Vectors]] = []

    def position(self) -> int:
        return 1

    def replace(self, documents: Mapping[str, DocumentVectors | None], position: int) -> None:
        for name, vectors in documents.items():
            if vectors is not None:
                ids = vectors.chunk_ids.tolist()
                self._rows += [(number, name, row) for number, row in zip(ids, vectors.vectors, strict=True)]

    def search(self, vector: Vectors, limit: int, documents: Collection[str] | None = None) -> list[Scored]:
        found = [
            Scored(chunk_id=number, document_id=name, score=float(row @ vector))
            for number, name, row in self._rows
            if documents is None or name in documents
        ]
        return sorted(found, key=lambda each: -each.score)[:limit]

    def clear(self) -> None:
        self._rows = []

    def __len__(self) -> int:
        return len(self._rows)


class Shelf:
    """A Library and Indexes of small documents: {knowledge base: {path: paragraphs}}."""

    def __init__(self, folder: Path, bases: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        self.read: list[Chunk] = []
        self._documents: dict[str, DocumentRef] = {}
        self._indexes: dict[str, KnowledgeBaseIndexes] = {}
        self.incomplete: frozenset[str] = frozenset()
        for base, documents in bases.items():
            held = {f"{base}/{path}": self._chunks(base, path, texts) for path, texts in documents.items()}
            lexical, vectors = FtsIndex(folder / f"{base}.sqlite"), ListIndex()
            lexical.replace(held, 1)
            embedder = TopicEmbedder()
            vectors.replace(
                {
                    name: DocumentVectors(
                        chunk_ids=np.array([chunk.id for chunk in chunks]),
                        vectors=embedder.embed_documents([chunk.text for chunk in chunks]),
                    )
                    for name, chunks in held.items()
                },
                1,
            )
            self._indexes[base] = KnowledgeBaseIndexes(
                knowledge_base_id=base, lexical=lexical, vectors={"topics": vectors}
            )

    def _chunks(self, base: str, path: str, texts: Sequence[str]) -> list[Chunk]:
        name, start, made = f"{base}/{path}", 0, []
        self._documents[name] = DocumentRef(id=name, knowledge_base_id=base, path=path, title=path, url="")
        for ordinal, text in enumerate(texts):
            chunk = Chunk(
                id=len(self.read) + 1,
                knowledge_base_id=base,
                document_id=name,
                ordinal=ordinal,
                start=start,
                end=start + len(text),
                text=text,
                search_text=f"{path}\n{text}",
                content_hash=text,
                heading_path=(),
                anchor="",
                kind="prose",
                language="en",
                page="",
            )
            self.read.append(chunk)
            made.append(chunk)
            start += len(text)
        return made

    def open(self, knowledge_base_id: str) -> KnowledgeBaseIndexes:
        indexes = self._indexes[knowledge_base_id]
        return KnowledgeBaseIndexes(
            knowledge_base_id=knowledge_base_id,
            lexical=indexes.lexical,
            vectors=indexes.vectors,
            incomplete=self.incomplete,
        )

    def chunks(self, ids: Collection[int]) -> Mapping[int, Chunk]:
        return {chunk.id: chunk for chunk in self.read if chunk.id in ids}

    def neighbours(self, spans: Collection[tuple[str, int, int]]) -> Sequence[Chunk]:
        return [
            chunk
            for chunk in self.read
            if any(chunk.document_id == name and first <= chunk.ordinal <= last for name, first, last in spans)
        ]

    def documents(self, ids: Collection[str]) -> Mapping[str, DocumentRef]:
        return {name: self._documents[name] for name in ids if name in self._documents}

    def select(self, knowledge_bases: Sequence[str], filters: Filters) -> Collection[str]:
        return [
            name
            for name, document in self._documents.items()
            if document.knowledge_base_id in knowledge_bases
            and any(document.path.startswith(prefix) for prefix in filters.path_prefixes)
        ]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(
        tmp_path,
        {
            "ops": {
                "net.md": ["The gateway routes network packets.", "It retries twice."],
                "disk.md": ["A volume keeps storage for a container."],
                "filler.md": ["Nothing much.", "Nothing else.", "Nothing more."],
            },
            "team": {
                "lunch.md": ["We eat at noon.", "The gateway is closed on Sundays."],
                "sec.md": ["security first"],
            },
        },
    )


def retriever(shelf: Shelf, embedder: TopicEmbedder | None = None) -> Retriever:
    return Retriever(library=shelf, indexes=shelf, embedders={"topics": embedder or TopicEmbedder()})


def test_words_and_meaning_are_found_together(shelf: Shelf) -> None:
    result = retriever(shelf).search("how does the gateway handle network packets?", knowledge_bases=["ops"])
    assert result.hits[0].document.path == "net.md"
    assert set(result.hits[0].parts) == {"lexical", "vector:topics", "page"}
    assert result.language == "en"
    assert result.degraded == ()


def test_hits_are_ranked_and_explain_what_was_dropped(shelf: Shelf) -> None:
    hits = retriever(shelf).search("gateway storage", knowledge_bases=["ops"], top_k=2).hits
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert [hit.dropped == "" for hit in hits] == [True, True] + [False] * (len(hits) - 2)
    assert all(before.score >= after.score for before, after in pairwise(hits))
    assert all(0 <= value <= 1 for hit in hits for value in (hit.score, *hit.parts.values()))


def test_passages_are_verbatim_and_take_in_short_neighbours(shelf: Shelf) -> None:
    passages = retriever(shelf).search("gateway network packets", knowledge_bases=["ops"]).passages
    assert passages[0].text == "The gateway routes network packets.It retries twice."
    assert [passage.number for passage in passages] == list(range(1, len(passages) + 1))


def test_knowledge_bases_compete_on_one_scale(shelf: Shelf) -> None:
    hits = retriever(shelf).search("network packets of the gateway", knowledge_bases=["team", "ops"]).hits
    paths = [hit.document.path for hit in hits]
    assert paths[0] == "net.md"
    assert "lunch.md" in paths


def test_filters_narrow_to_their_documents(shelf: Shelf) -> None:
    hits = retriever(shelf).search("gateway", knowledge_bases=["ops"], filters=Filters(path_prefixes=("disk",))).hits
    assert {hit.document.path for hit in hits} <= {"disk.md"}


def test_follow_up_carries_over_what_was_spoken_of(shelf: Shelf) -> None:
    hits = (
        retriever(shelf)
        .search("and it?", knowledge_bases=["ops"], context=["which storage does the volume keep?"])
        .hits
    )
    assert hits[0].document.path == "disk.md"


def test_words_answer_when_the_embedder_does_not(shelf: Shelf) -> None:
    result = retriever(shelf, TopicEmbedder(broken=True)).search("gateway packets", knowledge_bases=["ops"])
    assert result.hits[0].document.path == "net.md"
    assert result.degraded == ("topics",)


def test_embedder_of_another_language_is_not_asked(shelf: Shelf) -> None:
    embedder = TopicEmbedder(frozenset({"zh"}), broken=True)
    result = retriever(shelf, embedder).search("gateway packets", knowledge_bases=["ops"])
    assert result.degraded == ()
    assert "vector:topics" not in result.hits[0].parts


def test_indexes_still_being_built_are_named(shelf: Shelf) -> None:
    shelf.incomplete = frozenset({"topics"})
    assert retriever(shelf).search("gateway", knowledge_bases=["ops"]).degraded == ("topics",)


def test_what_was_deleted_after_it_was_indexed_is_left_out(shelf: Shelf) -> None:
    shelf.read = [chunk for chunk in shelf.read if chunk.document_id != "ops/net.md"]
    result = retriever(shelf).search("gateway network", knowledge_bases=["ops"])
    assert all(hit.document.path != "net.md" for hit in result.hits)


@pytest.mark.parametrize("question", ["", "   ", "\x00", "?!", "of the"])
def test_question_that_asks_for_nothing_is_no_error(shelf: Shelf, question: str) -> None:
    retriever(shelf).search(question, knowledge_bases=["ops"])


def test_no_knowledge_base_finds_nothing(shelf: Shelf) -> None:
    result = retriever(shelf).search("gateway", knowledge_bases=[])
    assert (result.hits, result.passages) == ((), ())
