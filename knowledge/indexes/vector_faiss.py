"""The vector index on FAISS: every vector compared, in memory, one replica per process.

Vectors are kept in half precision. That halves their memory and nearly the time of a search, which is that of reading
them; similarities are off by some hundred-thousandths, and the database keeps the vectors as they were made.
Rows are only ever appended; a row that is replaced is marked dead and left out of searches, and the dead are cleared
away when there are many. So replacing a document costs what the document costs, not what the index does.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from knowledge.ports import DocumentVectors, Scored, Vectors

_FEW_DEAD = 256
"""So many dead rows cost less to find and leave out than to tell FAISS to pass over."""

_DEAD_SHARE = 0.2


class FaissIndex:
    """A VectorIndex in memory. Any number of threads may search while one replaces."""

    def __init__(self) -> None:
        self._lock = _SharedLock()
        self._position = 0
        self._forget()

    def position(self) -> int:
        """The sequence number of the last change applied; 0 when it knows nothing."""
        return self._position

    def replace(self, documents: Mapping[str, DocumentVectors | None], position: int) -> None:
        """Make each document hold exactly these vectors (None: forget it) and remember `position`.

        Vectors of another dimension than those before make the index begin anew with them.
        """
        with self._lock.alone():
            for document_id in documents:
                self._bury(document_id)
            self._append({key: value for key, value in documents.items() if value is not None and len(value.chunk_ids)})
            if self._dead > _FEW_DEAD and self._dead > _DEAD_SHARE * self._count:
                self._compact()
            self._position = position

    def search(self, vector: Vectors, limit: int, documents: Collection[str] | None = None) -> list[Scored]:
        """Cosine similarities, best first; only of `documents` when given. Nothing for another dimension's vector."""
        with self._lock.shared():
            if self._index is None or limit < 1 or vector.shape != (self._index.d,):
                return []
            query = np.ascontiguousarray(vector.reshape(1, -1), dtype=np.float32)
            if documents is not None:
                mask = np.zeros(self._count, dtype=bool)
                for document_id in documents:
                    start, end = self._spans.get(document_id, (0, 0))
                    mask[start:end] = True
                scores, rows = self._search_among(query, limit, mask)
            elif self._dead > _FEW_DEAD:
                scores, rows = self._search_among(query, limit, self._alive[: self._count])
            else:
                scores, rows = self._index.search(query, min(limit + self._dead, self._count))
            scored = self._scored(scores[0], rows[0])
        return sorted(scored, key=lambda each: (-each.score, each.chunk_id))[:limit]

    def clear(self) -> None:
        """Forget everything, as if new."""
        with self._lock.alone():
            self._position = 0
            self._forget()

    def __len__(self) -> int:
        return self._count - self._dead

    def _forget(self) -> None:
        self._index: Any = None
        self._count = self._dead = 0
        self._chunk_ids: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._owners: NDArray[np.int32] = np.empty(0, dtype=np.int32)
        self._alive: NDArray[np.bool_] = np.empty(0, dtype=bool)
        self._names: list[str] = []
        self._spans: dict[str, tuple[int, int]] = {}

    def _search_among(
        self, query: Vectors, limit: int, mask: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        bits = np.packbits(mask, bitorder="little")
        selector = faiss.IDSelectorBitmap(mask.size, faiss.swig_ptr(bits))
        wanted = min(limit, int(np.count_nonzero(mask)))
        if not wanted:
            return np.empty((1, 0), dtype=np.float32), np.empty((1, 0), dtype=np.int64)
        scores, rows = self._index.search(query, wanted, params=faiss.SearchParameters(sel=selector))  # type: ignore[call-arg]
        return scores, rows

    def _scored(self, scores: NDArray[np.float32], rows: NDArray[np.int64]) -> list[Scored]:
        """What was found, the dead left out. By whole columns: taking numbers out of numpy one by one is slow."""
        kept = (rows >= 0) & self._alive[rows]
        alive = rows[kept]
        columns = self._chunk_ids[alive].tolist(), self._owners[alive].tolist(), scores[kept].tolist()
        return [
            Scored(chunk_id=chunk_id, document_id=self._names[owner], score=score)
            for chunk_id, owner, score in zip(*columns, strict=True)
        ]

    def _bury(self, document_id: str) -> None:
        start, end = self._spans.pop(document_id, (0, 0))
        self._alive[start:end] = False
        self._dead += end - start

    def _append(self, documents: Mapping[str, DocumentVectors]) -> None:
        if not documents:
            return
        matrix = np.ascontiguousarray(np.concatenate([each.vectors for each in documents.values()]), dtype=np.float32)
        if self._index is None or self._index.d != matrix.shape[1]:
            self._forget()
            self._index = faiss.IndexScalarQuantizer(
                matrix.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
            )
        self._reserve(self._count + len(matrix))
        for document_id, vectors in documents.items():
            start, end = self._count, self._count + len(vectors.chunk_ids)
            self._chunk_ids[start:end] = vectors.chunk_ids
            self._owners[start:end] = len(self._names)
            self._alive[start:end] = True
            self._names.append(document_id)
            self._spans[document_id] = (start, end)
            self._count = end
        self._index.add(matrix)

    def _reserve(self, rows: int) -> None:
        if rows > len(self._chunk_ids):
            more = max(rows, len(self._chunk_ids) * 3 // 2) - len(self._chunk_ids)
            self._chunk_ids = np.concatenate([self._chunk_ids, np.zeros(more, dtype=np.int64)])
            self._owners = np.concatenate([self._owners, np.zeros(more, dtype=np.int32)])
            self._alive = np.concatenate([self._alive, np.zeros(more, dtype=bool)])

    def _compact(self) -> None:
        """Keep the living rows only, in their order."""
        kept = {
            name: DocumentVectors(
                chunk_ids=self._chunk_ids[start:end].copy(),
                vectors=self._index.reconstruct_n(start, end - start),
            )
            for name, (start, end) in self._spans.items()
        }
        self._forget()
        self._append(kept)


class _SharedLock:
    """Lets many read, or one write; a writer that waits keeps new readers out."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._readers = 0
        self._writers = 0
        self._writing = False

    @contextmanager
    def shared(self) -> Iterator[None]:
        with self._condition:
            self._condition.wait_for(lambda: not self._writers)
            self._readers += 1
        try:
            yield
        finally:
            with self._condition:
                self._readers -= 1
                self._condition.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self._condition:
            self._writers += 1
            self._condition.wait_for(lambda: not self._readers and not self._writing)
            self._writing = True
        try:
            yield
        finally:
            with self._condition:
                self._writers -= 1
                self._writing = False
                self._condition.notify_all()
