"""Ranks tools by what their names and descriptions mean, in either language, with an embedder that is there anyway."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Mapping, Sequence

import numpy as np
import structlog

from agents.tools.ports import ToolSpec
from knowledge.errors import EmbedderUnavailable
from knowledge.ports import Embedder, Vectors

log = structlog.get_logger(__name__)

_LABEL = re.compile(r"\s*\((?:GET|HEAD|POST|PUT|PATCH|DELETE) [^)]*\)$")
_MOST_VECTORS = 30_000
_AT_ONCE = 200
_LONGEST = 300


class ToolMeanings:
    """Compares a question with every tool. The vector of a text is made once, whichever tools have it, in
    a thread of its own; where that takes long, nothing is compared until it has ended."""

    def __init__(self, embedder: Embedder, *, patience_s: float = 3.0) -> None:
        """Whoever asks waits at most `patience_s` for vectors to be made."""
        self._embedder = embedder
        self._patience_s = patience_s
        self._vectors: dict[bytes, Vectors] = {}
        self._lock = threading.Lock()
        self._maker = threading.Thread()

    def __call__(self, query: str, specs: Sequence[ToolSpec]) -> Mapping[str, float]:
        """How near each tool is, 0..1: 1 for the nearest of them, 0 for one that is as far as most. Nothing while the
        vectors of many tools are made."""
        if not specs or not query.strip():
            return {}
        matrix = self._known([_text(spec) for spec in specs])
        if matrix is None:
            return {}
        near = matrix @ self._embedder.embed_query(query[:2_000])
        middle, best = float(np.median(near)), float(near.max())
        spread = max(best - middle, 1e-6)
        return {
            spec.name: float(np.clip((value - middle) / spread, 0.0, 1.0))
            for spec, value in zip(specs, near, strict=True)
        }

    def _known(self, texts: Sequence[str]) -> Vectors | None:
        keys = [hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest() for text in texts]
        with self._lock:
            new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._vectors}
            if len(self._vectors) + len(new) > _MOST_VECTORS:
                self._vectors.clear()
                new = dict(zip(keys, texts, strict=True))
            if new and not self._maker.is_alive():  # made once, also when two ask at the same time
                self._maker = threading.Thread(target=self._make, args=(new,), name="tool-vectors", daemon=True)
                self._maker.start()
            maker = self._maker
        if new:
            maker.join(self._patience_s)
        with self._lock:
            found = [self._vectors.get(key) for key in keys]
        made = [vector for vector in found if vector is not None]
        return np.stack(made) if len(made) == len(keys) else None

    def _make(self, new: Mapping[bytes, str]) -> None:
        """Makes them portion by portion, without keeping others from asking."""
        keys = list(new)
        try:
            for begin in range(0, len(keys), _AT_ONCE):
                some = keys[begin : begin + _AT_ONCE]
                made = self._embedder.embed_documents([new[key] for key in some])
                with self._lock:
                    self._vectors.update(zip(some, made, strict=True))
        except EmbedderUnavailable as error:
            log.warning("tools are found by words alone", reason=str(error))


def _text(spec: ToolSpec) -> str:
    """What tells one tool from another: its name and its first sentence. The path that stands in brackets after an
    imported description is noise, and so is what is said of the tool at length."""
    described = _LABEL.sub("", spec.description)[:_LONGEST].split(". ")[0]
    return f"{spec.source} {spec.name.replace('_', ' ').removeprefix(spec.source)}: {described}"
