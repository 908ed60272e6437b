"""A model that is loaded when first needed, once, and can be let go of."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

import numpy as np

from knowledge.errors import EmbedderUnavailable
from knowledge.ports import Vectors
from knowledge.text.storable import storable

Model = TypeVar("Model")

LONGEST_TEXT = 20_000
"""Characters of a text that an embedder looks at; no model here takes in more, and tokenizers are slow on megabytes."""


class Lazy(Generic[Model]):
    """Holds a model from its first use until it is let go of. Safe for several threads; loading happens once."""

    def __init__(self, load: Callable[[], Model]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._model: Model | None = None

    def get(self) -> Model:
        """The model, loaded now if need be. Raises what loading raises, and then tries again the next time."""
        with self._lock:
            if self._model is None:
                self._model = self._load()
            return self._model

    @property
    def loaded(self) -> bool:
        """Whether `get` will answer at once."""
        return self._model is not None

    def release(self) -> None:
        """Let go of the model; whoever is using it finishes."""
        with self._lock:
            was_loaded, self._model = self._model is not None, None
        if was_loaded:
            gc.collect()
            give_back_memory()


def give_back_memory() -> None:
    """Return to the system what the allocator holds on to, where it can: batches of ever other shapes leave holes that
    would grow to hundreds of megabytes. Takes some milliseconds."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, musl has not
        if trim is not None:
            trim(0)


def readable(texts: Sequence[str]) -> list[str]:
    """The texts as models are given them: not endless, and without what UTF-8 cannot hold."""
    return [storable(text[:LONGEST_TEXT]) for text in texts]


def unit_length(vectors: Vectors) -> Vectors:
    """Rows scaled to length 1; a row of zeros stays one. Raises EmbedderUnavailable for what is not a number."""
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    if not np.isfinite(vectors).all():
        raise EmbedderUnavailable("The embedding model answered with something that is not a number.")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    result: Vectors = vectors / np.maximum(lengths, 1e-12)
    return result


@contextmanager
def unavailable_on(name: str, *errors: type[Exception]) -> Iterator[None]:
    """Turn these errors into EmbedderUnavailable, with the name of the embedder."""
    try:
        yield
    except errors as error:
        raise EmbedderUnavailable(f"The embedder {name} cannot be used: {error}") from error
