"""The vectors of one embedder as a projection: a replica in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

from sqlalchemy import Connection

from knowledge.storage.changes import vectors_of
from knowledge.storage.vectors import load_vectors


class VectorProjection:
    """A Projection of the vectors of one embedder into a FaissIndex."""

    is_shared = False

    def __init__(self, knowledge_base_id: str, embedder: str) -> None:
        from knowledge.indexes.vector_faiss import FaissIndex  # only a process that searches needs FAISS

        self._base_id = knowledge_base_id
        self.name = embedder
        self.aspect = vectors_of(embedder)
        self.index = FaissIndex()

    def alone(self, patience_s: float) -> AbstractContextManager[bool]:
        """Nobody else has this replica."""
        return nullcontext(True)

    def position(self) -> int:
        """The sequence number of the last change applied; 0 when it knows nothing."""
        return self.index.position()

    def load(self, connection: Connection, document_ids: Sequence[str]) -> Callable[[int], None]:
        """What vectors documents have now, as a call that makes the index hold them and remember a position."""
        vectors = load_vectors(connection, self._base_id, self.name, document_ids)
        return lambda position: self.index.replace(vectors, position)

    def rebuild(self) -> None:
        """Forget everything."""
        self.index.clear()

    def drop(self) -> None:
        """Give the memory back."""
        self.index.clear()

    def check(self) -> int:
        """How many vectors it holds."""
        return len(self.index)
