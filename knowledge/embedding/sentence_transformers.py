"""Any model that the sentence-transformers library loads, by name or path."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from knowledge.embedding.lazy import Lazy, give_back_memory, readable, unavailable_on, unit_length
from knowledge.ports import Vectors
from knowledge.types import Language

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_BATCH = 32
_TRIM_EVERY_S = 2.0


class SentenceTransformerEmbedder:
    """An Embedder on torch. Importing and loading takes seconds and about 500 MB, at first use."""

    def __init__(
        self,
        *,
        name: str,
        model: str,
        languages: frozenset[Language],
        dimension: int | None = None,
        threads: int | None = None,
    ) -> None:
        """`model`: a name on the Hugging Face hub or a folder; `dimension` spares loading it to learn it; `threads`:
        how many CPU threads torch may use in this process, all that there are by default."""
        self._name = name
        self._path = model
        self._languages = languages
        self._dimension = dimension
        self._threads = threads
        self._trimmed_at = 0.0
        self._model: Lazy[SentenceTransformer] = Lazy(self._load)

    @property
    def name(self) -> str:
        return self._name

    @property
    def dimension(self) -> int:
        """Loads the model when it was not given. Raises EmbedderUnavailable."""
        if self._dimension is None:
            self._dimension = int(self._model.get().get_embedding_dimension() or 0)
        return self._dimension

    @property
    def languages(self) -> frozenset[Language]:
        return self._languages

    @property
    def engine(self) -> str:
        """What computes its vectors, for people to read."""
        return "sentence-transformers on torch"

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """(n, dimension), in the order given. Raises EmbedderUnavailable."""
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        model = self._model.get()
        with unavailable_on(self._name, RuntimeError, ValueError):
            found = model.encode_document(
                readable(texts),
                batch_size=_BATCH,
                show_progress_bar=False,
                convert_to_numpy=True,
            )
        if time.monotonic() - self._trimmed_at > _TRIM_EVERY_S:
            self._trimmed_at = time.monotonic()
            give_back_memory()
        return unit_length(np.asarray(found))

    def embed_query(self, text: str) -> Vectors:
        """(dimension,). Raises EmbedderUnavailable."""
        model = self._model.get()
        with unavailable_on(self._name, RuntimeError, ValueError):
            found = model.encode_query(readable([text]), show_progress_bar=False, convert_to_numpy=True)
        vector: Vectors = unit_length(np.asarray(found))[0]
        return vector

    def close(self) -> None:
        """Let go of the model's memory; what the libraries themselves take stays until the process ends."""
        self._model.release()

    def _load(self) -> SentenceTransformer:
        with unavailable_on(self._name, ImportError, OSError, RuntimeError, ValueError):
            import torch
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging

            logging.disable_progress_bar()  # type: ignore[no-untyped-call]
            if self._threads is not None:
                torch.set_num_threads(self._threads)
            return SentenceTransformer(self._path, trust_remote_code=False)
