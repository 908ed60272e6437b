"""A cached embedder gives the vectors of the one it asks, and asks for each text once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from knowledge.embedding.embedding_cache import CachedEmbedder
from knowledge.embedding.hashing import HashingEmbedder
from knowledge.ports import Vectors


class Counting(HashingEmbedder):
    """Notes what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        return super().embed_documents(texts)


def test_vectors_are_those_of_the_embedder_in_the_order_of_the_texts() -> None:
    embedder = CachedEmbedder(HashingEmbedder())
    embedder.embed_documents(["b", "c"])
    for texts in (["a", "b", "a", "c"], ["c"], ["d", "e"], []):
        assert np.array_equal(embedder.embed_documents(texts), HashingEmbedder().embed_documents(texts))
    for _ in range(2):
        assert np.array_equal(embedder.embed_query("b"), HashingEmbedder().embed_query("b"))


def test_each_text_is_embedded_once() -> None:
    counting = Counting()
    embedder = CachedEmbedder(counting)
    embedder.embed_documents(["a", "b", "a"])
    embedder.embed_documents(["b", "c"])
    assert counting.asked == ["a", "b", "c"]


def test_forgets_what_was_not_asked_for_the_longest() -> None:
    counting = Counting()
    embedder = CachedEmbedder(counting, size=2)
    for texts in (["a", "b"], ["a"], ["c"], ["a"], ["b"]):
        embedder.embed_documents(texts)
    assert counting.asked == ["a", "b", "c", "b"]


def test_more_texts_than_it_holds_at_once() -> None:
    texts = [str(number) for number in range(9)]
    embedder = CachedEmbedder(HashingEmbedder(), size=4)
    assert np.array_equal(embedder.embed_documents(texts), HashingEmbedder().embed_documents(texts))


def test_what_a_caller_does_to_a_vector_stays_with_the_caller() -> None:
    embedder = CachedEmbedder(HashingEmbedder())
    embedder.embed_query("a")[:] = 0
    embedder.embed_documents(["a"])[:] = 0
    assert np.linalg.norm(embedder.embed_query("a")) > 0.9
    assert np.linalg.norm(embedder.embed_documents(["a"])) > 0.9
