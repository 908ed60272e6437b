"""The vector index finds what plain arithmetic finds, whatever has been added, replaced and removed before."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from knowledge.indexes.vector_faiss import FaissIndex
from knowledge.ports import DocumentVectors, Scored, Vectors

DIMENSION = 8


class PlainIndex:
    """What there is to compare with: a dictionary, and every product computed."""

    def __init__(self) -> None:
        self._position = 0
        self._documents: dict[str, DocumentVectors] = {}

    def position(self) -> int:
        return self._position

    def replace(self, documents: Mapping[str, DocumentVectors | None], position: int) -> None:
        for document_id, vectors in documents.items():
            self._documents.pop(document_id, None)
            if vectors is not None and len(vectors.chunk_ids):
                self._documents[document_id] = vectors
        self._position = position

    def search(self, vector: Vectors, limit: int, documents: Collection[str] | None = None) -> list[Scored]:
        found = [
            Scored(chunk_id=int(chunk_id), document_id=document_id, score=float(score))
            for document_id, held in self._documents.items()
            if documents is None or document_id in documents
            for chunk_id, score in zip(held.chunk_ids, held.vectors @ vector, strict=True)
        ]
        return sorted(found, key=lambda each: (-each.score, each.chunk_id))[: max(limit, 0)]

    def clear(self) -> None:
        self._documents.clear()
        self._position = 0

    def __len__(self) -> int:
        return sum(len(held.chunk_ids) for held in self._documents.values())


Index = FaissIndex | PlainIndex
INDEXES: list[Callable[[], Index]] = [FaissIndex, PlainIndex]


@pytest.fixture(params=INDEXES, ids=["faiss", "plain"])
def index(request: pytest.FixtureRequest) -> Index:
    made: Index = request.param()
    return made


def unit(seed: int, count: int, dimension: int = DIMENSION) -> Vectors:
    rows = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    vectors: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return vectors


def held(first: int, seed: int, count: int = 3) -> DocumentVectors:
    """Vectors that half precision holds as they are, so that indexes of any precision agree on them."""
    vectors = unit(seed, count).astype(np.float16).astype(np.float32)
    return DocumentVectors(chunk_ids=np.arange(first, first + count, dtype=np.int64), vectors=vectors)


def test_an_empty_index_finds_nothing(index: Index) -> None:
    assert index.position() == len(index) == 0
    assert index.search(unit(1, 1)[0], 5) == []


def test_it_finds_the_nearest_first_with_their_cosines(index: Index) -> None:
    index.replace({"a": held(10, 1), "b": held(20, 2)}, 7)
    query = held(10, 1).vectors[1]
    found = index.search(query, 4)
    assert (found[0].chunk_id, found[0].document_id) == (11, "a")
    assert found[0].score == pytest.approx(query @ query, abs=1e-5)
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    assert (index.position(), len(index), len(found)) == (7, 6, 4)


def test_replacing_and_removing_leave_nothing_stale(index: Index) -> None:
    index.replace({"a": held(10, 1), "b": held(20, 2)}, 1)
    index.replace({"a": held(30, 3, 2), "b": None, "never there": None}, 2)
    assert {each.chunk_id for each in index.search(unit(1, 1)[0], 50)} == {30, 31}
    assert len(index) == 2


def test_a_document_without_vectors_is_forgotten(index: Index) -> None:
    index.replace({"a": held(10, 1)}, 1)
    index.replace({"a": held(10, 1, 0)}, 2)
    assert len(index) == 0


def test_only_among_the_documents_given(index: Index) -> None:
    index.replace({"a": held(10, 1), "b": held(20, 2), "c": held(30, 3)}, 1)
    query = unit(1, 1)[0]
    assert {each.document_id for each in index.search(query, 50, {"b", "c", "unknown"})} == {"b", "c"}
    assert index.search(query, 50, []) == []


def test_a_limit_of_nothing_finds_nothing(index: Index) -> None:
    index.replace({"a": held(10, 1)}, 1)
    assert index.search(unit(1, 1)[0], 0) == []


def test_cleared_it_is_as_new(index: Index) -> None:
    index.replace({"a": held(10, 1)}, 9)
    index.clear()
    assert index.position() == len(index) == 0
    assert index.search(unit(1, 1)[0], 5) == []


def test_vectors_of_another_dimension_begin_anew() -> None:
    index = FaissIndex()
    index.replace({"a": held(10, 1)}, 1)
    other = DocumentVectors(chunk_ids=np.array([5], dtype=np.int64), vectors=unit(1, 1, 4))
    assert index.search(unit(1, 1, 4)[0], 5) == []
    index.replace({"b": other}, 2)
    assert [each.chunk_id for each in index.search(unit(1, 1, 4)[0], 5)] == [5]


def test_half_precision_finds_what_single_precision_finds() -> None:
    index, plain = FaissIndex(), PlainIndex()
    vectors = unit(5, 2_000, 384)
    document = DocumentVectors(chunk_ids=np.arange(2_000, dtype=np.int64), vectors=vectors)
    for each in (index, plain):
        each.replace({"a": document}, 1)
    for query in unit(6, 10, 384):
        expected, found = plain.search(query, 300), index.search(query, 300)
        assert found[0].chunk_id == expected[0].chunk_id
        assert len({each.chunk_id for each in found} & {each.chunk_id for each in expected}) >= 298
        np.testing.assert_allclose([each.score for each in found], [each.score for each in expected], atol=1e-4)


NAMES = st.sampled_from("abcdef")
CHANGES = st.dictionaries(NAMES, st.one_of(st.none(), st.integers(0, 400)), min_size=1, max_size=4)


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(CHANGES, min_size=1, max_size=12), among=st.one_of(st.none(), st.sets(NAMES)))
def test_faiss_and_arithmetic_agree_after_any_history(
    steps: list[dict[str, int | None]], among: set[str] | None
) -> None:
    faiss_index, plain = FaissIndex(), PlainIndex()
    first = 1
    for number, step in enumerate(steps, start=1):
        documents: dict[str, DocumentVectors | None] = {}
        for name, count in step.items():
            documents[name] = None if count is None else held(first, first, count)
            first += count or 0
        faiss_index.replace(documents, number)
        plain.replace(documents, number)
        query = unit(number, 1)[0]
        expected, found = plain.search(query, 20, among), faiss_index.search(query, 20, among)
        assert len(faiss_index) == len(plain)
        np.testing.assert_allclose([each.score for each in found], [each.score for each in expected], atol=1e-5)
        assert {(each.chunk_id, each.document_id) for each in found[:5]} == {
            (each.chunk_id, each.document_id) for each in expected[:5]
        }
