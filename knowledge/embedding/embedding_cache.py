"""The embedding cache: the same embedder, which embeds a text once as long as its vector is kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence

import numpy as np

from knowledge.ports import Embedder, Vectors
from knowledge.types import Language

CACHE_SIZE = 4096
"""Texts: about twenty questions' worth of pieces, in some 10 MB."""


class CachedEmbedder:
    """An Embedder around another that keeps the vectors of the texts last asked for. Safe for several threads.

    For answering, where question and pieces of the same passages are embedded again and again, within one answer and
    from one to the next; building has nothing to gain from it.
    """

    def __init__(self, embedder: Embedder, size: int = CACHE_SIZE) -> None:
        self._embedder = embedder
        self._size = size
        self._documents: OrderedDict[str, Vectors] = OrderedDict()
        self._queries: OrderedDict[str, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self._embedder.name

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    @property
    def languages(self) -> frozenset[Language]:
        return self._embedder.languages

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """(n, dimension), in the order given. Raises EmbedderUnavailable."""
        known = self._cached(self._documents, texts)
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new or not texts:
            made = self._embedder.embed_documents(new)
            known.update(self._keep(self._documents, new, made))
        return np.stack([known[text] for text in texts]) if texts else made

    def embed_query(self, text: str) -> Vectors:
        """(dimension,). Raises EmbedderUnavailable."""
        known = self._cached(self._queries, (text,))
        if text not in known:
            known = self._keep(self._queries, (text,), (self._embedder.embed_query(text),))
        return known[text].copy()

    def close(self) -> None:
        """Forget every text; the embedder around which this stands is its owner's to close."""
        with self._lock:
            self._documents.clear()
            self._queries.clear()

    def _cached(self, kept: OrderedDict[str, Vectors], texts: Iterable[str]) -> dict[str, Vectors]:
        known = {}
        with self._lock:
            for text in texts:
                if text in kept:
                    kept.move_to_end(text)
                    known[text] = kept[text]
        return known

    def _keep(
        self, kept: OrderedDict[str, Vectors], texts: Iterable[str], vectors: Iterable[Vectors]
    ) -> dict[str, Vectors]:
        # Copies: a row of a matrix would hold on to all of it.
        made = {text: vector.copy() for text, vector in zip(texts, vectors, strict=True)}
        with self._lock:
            kept.update(made)
            while len(kept) > self._size:
                kept.popitem(last=False)
        return made
