"""A lexical index finds what plain looking finds, whatever has been added, replaced and removed before."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import pytest

from knowledge.indexes.lexical_fts import FtsIndex
from knowledge.ports import Scored
from knowledge.types import Chunk


class PlainIndex:
    """To compare with: a dictionary, every word looked at; a score is the share of the asked words that are there."""

    def __init__(self) -> None:
        self._position = 0
        self._documents: dict[str, Sequence[Chunk]] = {}

    def position(self) -> int:
        return self._position

    def replace(self, documents: Mapping[str, Sequence[Chunk]], position: int) -> None:
        self._documents.update(documents)
        self._position = position

    def search(self, question: str, limit: int, documents: Collection[str] | None = None) -> list[Scored]:
        asked = set(question.lower().split())
        scored = [
            Scored(chunk_id=chunk.id, document_id=name, score=len(asked & words) / len(asked))
            for name, held in self._documents.items()
            if documents is None or name in documents
            for chunk in held
            for words in [set(chunk.search_text.lower().split())]
            if asked & words
        ]
        return sorted(scored, key=lambda each: (-each.score, each.chunk_id))[: max(0, limit)]

    def clear(self) -> None:
        self._documents.clear()
        self._position = 0

    def __len__(self) -> int:
        return sum(map(len, self._documents.values()))


Index = FtsIndex | PlainIndex
INDEXES: dict[str, Callable[[Path], Index]] = {
    "fts": lambda folder: FtsIndex(folder / "words.db"),
    "plain": lambda folder: PlainIndex(),
}


@pytest.fixture(params=INDEXES)
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Index:
    return INDEXES[request.param](tmp_path)


def chunk(id: int, document_id: str, text: str) -> Chunk:
    return Chunk(
        id=id,
        knowledge_base_id="kb",
        document_id=document_id,
        ordinal=id,
        start=0,
        end=len(text),
        text=text,
        search_text=f"Title\n{text}",
        content_hash=str(id),
        heading_path=(),
        anchor="",
        kind="prose",
        language="en",
        page="",
    )


ZOO = {
    "a": [chunk(1, "a", "zebra walrus"), chunk(2, "a", "zebra otter")],
    "b": [chunk(3, "b", "penguin walrus")],
    "c": [chunk(4, "c", "seal")],
}


def found(index: Index, question: str, limit: int = 10, documents: Collection[str] | None = None) -> set[int]:
    return {each.chunk_id for each in index.search(question, limit, documents)}


def test_an_empty_index_finds_nothing(index: Index) -> None:
    assert index.position() == len(index) == 0
    assert index.search("zebra", 5) == []


def test_it_finds_what_holds_more_of_the_words_first(index: Index) -> None:
    index.replace(ZOO, 7)
    assert (index.position(), len(index)) == (7, 4)
    scored = index.search("zebra walrus", 10)
    assert (scored[0].chunk_id, scored[0].document_id) == (1, "a")
    assert {each.chunk_id for each in scored} == {1, 2, 3}
    assert [each.score for each in scored] == sorted((each.score for each in scored), reverse=True)


def test_replacing_and_removing_leave_nothing_stale(index: Index) -> None:
    index.replace(ZOO, 1)
    index.replace({"a": [chunk(9, "a", "koala")], "b": [], "never there": []}, 2)
    assert found(index, "zebra") == found(index, "walrus") == set()
    assert found(index, "koala") == {9}
    assert (index.position(), len(index)) == (2, 2)


def test_only_among_the_documents_given(index: Index) -> None:
    index.replace(ZOO, 1)
    assert found(index, "walrus", documents={"b", "unknown"}) == {3}
    assert found(index, "walrus", documents=[]) == set()


def test_a_limit_bounds_what_is_found(index: Index) -> None:
    index.replace(ZOO, 1)
    assert index.search("zebra", 0) == []
    assert len(index.search("zebra walrus", 2)) == 2


def test_cleared_it_is_as_new(index: Index) -> None:
    index.replace(ZOO, 9)
    index.clear()
    assert index.position() == len(index) == 0
    assert found(index, "zebra") == set()
