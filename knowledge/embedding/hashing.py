"""An embedder that needs no model: words hashed into a fixed number of directions. The fake beside the port."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from knowledge.embedding.lazy import LONGEST_TEXT, unit_length
from knowledge.ports import Vectors
from knowledge.types import Language

_WORD = re.compile(r"[^\W_]+|[\u3400-\u9fff]")


class HashingEmbedder:
    """Texts that share words are near each other, whatever the machine and the day; nothing more is promised."""

    def __init__(
        self,
        *,
        name: str = "hashing",
        dimension: int = 64,
        languages: frozenset[Language] = frozenset({"en", "zh", "other"}),
    ) -> None:
        self._name = name
        self._dimension = dimension
        self._languages = languages

    @property
    def name(self) -> str:
        return self._name

    @property
    def dimension(self) -> int:
        return self._dimension

    @property
    def languages(self) -> frozenset[Language]:
        return self._languages

    @property
    def engine(self) -> str:
        """What computes its vectors, for people to read."""
        return "hashing"

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """(n, dimension), in the order given."""
        vectors = np.zeros((len(texts), self._dimension), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in _WORD.findall(text[:LONGEST_TEXT].casefold()):
                digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
                row[int.from_bytes(digest[:6], "little") % self._dimension] += 1.0 if digest[7] & 1 else -1.0
            if not row.any():
                row[0] = 1.0
        return unit_length(vectors)

    def embed_query(self, text: str) -> Vectors:
        """(dimension,)."""
        vector: Vectors = self.embed_documents([text])[0]
        return vector

    def close(self) -> None:
        """Nothing to let go of."""
