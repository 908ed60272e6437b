"""What the knowledge floor asks of its engines. Every adapter, and the fake beside it, passes one contract suite."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from knowledge.types import Chunk, Language

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
    """Finds chunks by words. A projection: it holds what it was last told of each document, and how far that is.

    One index serves one knowledge base; it may be deleted at any time and told everything again.
    """

    def position(self) -> int:
        """The sequence number of the last change applied; 0 when it knows nothing."""
        ...

    def replace(self, documents: Mapping[str, Sequence[Chunk]], position: int) -> None:
        """Make each document hold exactly these chunks (none: forget it) and remember `position`, all or nothing."""
        ...

    def search(self, question: str, limit: int, documents: Collection[str] | None = None) -> list[Scored]:
        """The best chunks for a question as the user typed it, best first; only of `documents` when given."""
        ...

    def clear(self) -> None: ...


class VectorIndex(Protocol):
    """Finds chunks by meaning, for one knowledge base and one embedder; a projection like LexicalIndex."""

    def position(self) -> int: ...

    def replace(self, documents: Mapping[str, DocumentVectors | None], position: int) -> None: ...

    def search(self, vector: Vectors, limit: int, documents: Collection[str] | None = None) -> list[Scored]:
        """Cosine similarities, best first."""
        ...

    def clear(self) -> None: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class KnowledgeBaseIndexes:
    """The indexes of one knowledge base. `vectors` is by embedder name, the fastest first; `incomplete` names those
    still being built."""

    knowledge_base_id: str
    lexical: LexicalIndex
    vectors: Mapping[str, VectorIndex]
    incomplete: frozenset[str] = frozenset()


class Completer(Protocol):
    """A language model as this floor may use one (rewriting, triples). Satisfied by shape by a chat model of agents."""

    def complete(self, prompt: str) -> str: ...
