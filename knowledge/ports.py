"""What the knowledge floor asks of its engines. Embedder and Projection are ports: every adapter, and the fake beside
it, passes one contract suite. An index as a search sees it is what a projection keeps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from knowledge.types import Language

Vectors = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scored:
    """A chunk as an index found it. Higher is better; the scale is the index's own (BM25, cosine)."""

    chunk_id: int
    document_id: str
    score: float


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentVectors:
    """The vectors of one document for one embedder: `chunk_ids` (n,), `vectors` (n, dimension), unit length."""

    chunk_ids: NDArray[np.int64]
    vectors: Vectors


class Embedder(Protocol):
    """Turns text into unit-length vectors. `name` identifies the vectors kept: another model, another name."""

    @property
    def name(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    @property
    def languages(self) -> frozenset[Language]:
        """The languages worth embedding with it; chunks and questions of others are left to other embedders."""
        ...

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """(n, dimension), in the order given. Raises EmbedderUnavailable."""
        ...

    def embed_query(self, text: str) -> Vectors:
        """(dimension,). Raises EmbedderUnavailable."""
        ...


class LexicalIndex(Protocol):
    """What a search asks of the words of a knowledge base."""

    def search(self, question: str, limit: int, documents: Collection[str] | None = None) -> list[Scored]:
        """The best chunks for a question as the user typed it, best first; only of `documents` when given."""
        ...


class VectorIndex(Protocol):
    """What a search asks of the vectors that one embedder has made for a knowledge base."""

    def search(self, vector: Vectors, limit: int, documents: Collection[str] | None = None) -> list[Scored]:
        """The chunks with the nearest vectors, by cosine similarity, best first; only of `documents` when given."""
        ...

    def __len__(self) -> int:
        """How many vectors it holds."""
        ...


class Projection(Protocol):
    """What an engine holds of one aspect of the documents of one knowledge base, rebuilt from the truth at any time.

    It follows the log of changes and remembers itself how far it has come. Whoever calls `load`, what that returns,
    `rebuild` or `drop` is `alone` with it. Every method that looks into it raises IndexDamaged.
    """

    @property
    def name(self) -> str:
        """Its own among the projections of a base; shown to users."""
        ...

    @property
    def aspect(self) -> str:
        """The aspect of documents in the log that it follows (see knowledge.storage.changes)."""
        ...

    @property
    def is_shared(self) -> bool:
        """Whether other processes see what is done to it: then builds keep it up. A replica follows when searched."""
        ...

    def alone(self, patience_s: float) -> AbstractContextManager[bool]:
        """Alone with it among all processes that share it; False when others were for longer than `patience_s`."""
        ...

    def position(self) -> int:
        """The sequence number of the last change applied; 0 when it knows nothing."""
        ...

    def load(self, connection: Connection, document_ids: Sequence[str]) -> Callable[[int], None]:
        """What these documents are now, nothing for those that are gone, as a call that makes it hold that and remember
        a position, all or nothing; made when `connection` is closed."""
        ...

    def rebuild(self) -> None:
        """Forget everything, damage included: it is told everything again."""
        ...

    def drop(self) -> None:
        """Remove what it keeps, for good."""
        ...

    def check(self) -> int:
        """How many chunks it holds."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class KnowledgeBaseIndexes:
    """The indexes of one knowledge base. `vectors` is by embedder name, the fastest first; `incomplete` names those
    still being built."""

    knowledge_base_id: str
    lexical: LexicalIndex
    vectors: Mapping[str, VectorIndex]
    incomplete: frozenset[str] = frozenset()
