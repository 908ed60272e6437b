"""Embeddings from any endpoint that speaks the OpenAI protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from knowledge.embedding.lazy import Lazy, readable, unavailable_on, unit_length
from knowledge.errors import EmbedderUnavailable
from knowledge.ports import Vectors
from knowledge.types import Language

if TYPE_CHECKING:
    from openai import OpenAI

_BATCH = 32
_RETRIES = 4
_TIMEOUT_S = 60.0


class OpenAICompatibleEmbedder:
    """An Embedder over HTTP: batches, retries on what passes, and says plainly when the endpoint does not answer."""

    def __init__(
        self,
        *,
        name: str,
        model: str,
        base_url: str,
        api_key: str = "",
        languages: frozenset[Language],
        dimension: int | None = None,
        timeout_s: float = _TIMEOUT_S,
        retries: int = _RETRIES,
    ) -> None:
        """`base_url` ends in /v1; `dimension` spares asking the endpoint to learn it."""
        self._name = name
        self._model = model
        self._base_url = base_url
        self._api_key = api_key
        self._languages = languages
        self._dimension = dimension
        self._timeout_s = timeout_s
        self._retries = retries
        self._client: Lazy[OpenAI] = Lazy(self._connect)

    @property
    def name(self) -> str:
        return self._name

    @property
    def dimension(self) -> int:
        """Asks the endpoint when it was not given. Raises EmbedderUnavailable."""
        if self._dimension is None:
            self._dimension = self._ask(["dimension"]).shape[1]
        return self._dimension

    @property
    def languages(self) -> frozenset[Language]:
        return self._languages

    @property
    def engine(self) -> str:
        """What computes its vectors, for people to read."""
        return f"the endpoint {self._base_url}"

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """(n, dimension), in the order given. Raises EmbedderUnavailable."""
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        batches = [self._ask(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)]
        vectors = np.concatenate(batches)
        self._dimension = self._dimension or vectors.shape[1]
        if vectors.shape[1] != self._dimension:
            raise EmbedderUnavailable(
                f"The embedder {self._name} answered with {vectors.shape[1]} dimensions instead of {self._dimension}; "
                "another model needs another name."
            )
        return unit_length(vectors)

    def embed_query(self, text: str) -> Vectors:
        """(dimension,). Raises EmbedderUnavailable."""
        vector: Vectors = self.embed_documents([text])[0]
        return vector

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        if self._client.loaded:
            self._client.get().close()
        self._client.release()

    def _ask(self, texts: Sequence[str]) -> Vectors:
        from openai import OpenAIError

        # An empty text is refused by some endpoints.
        asked = [text or " " for text in readable(texts)]
        # Whatever else answers at that address sends anything.
        with unavailable_on(self._name, OpenAIError, ValueError, TypeError, AttributeError, RecursionError):
            answer = self._client.get().embeddings.create(model=self._model, input=asked, encoding_format="float")
            rows = sorted(answer.data, key=lambda item: item.index)
            if len(rows) != len(asked):
                raise ValueError(f"{len(rows)} vectors came back for {len(asked)} texts.")
            vectors: Vectors = np.array([row.embedding for row in rows], dtype=np.float32)
            if vectors.ndim != 2 or not np.isfinite(vectors).all():
                raise ValueError("what came back are no vectors.")
            return vectors

    def _connect(self) -> OpenAI:
        from openai import DefaultHttpxClient, OpenAI

        return OpenAI(
            base_url=self._base_url,
            api_key=self._api_key or "none",  # the client insists on one; local servers do not look
            timeout=self._timeout_s,
            max_retries=self._retries,
            # Texts are for the address that was given, and for no other.
            http_client=DefaultHttpxClient(timeout=self._timeout_s, follow_redirects=False),
        )
