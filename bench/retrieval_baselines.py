"""What retrieval is compared with: chunks of 500 characters, MiniLM and plain BM25, joined by reciprocal rank."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import rjieba
from numpy.typing import NDArray

from bench.retrieval_memory import VectorCache
from knowledge.evaluation import Outcome
from knowledge.ports import Embedder, Vectors
from knowledge.text.analysis import HAN

CHARACTERS = 500
OVERLAP = 50
K1, B = 1.2, 0.75
RRF = 60

_HAN = re.compile(f"[{HAN}]")


class Baselines:
    """Three ways to rank the same chunks of plain characters: `dense`, `words` and `rrf`."""

    def __init__(self, texts: Mapping[str, str], embedder: Embedder, cache: VectorCache) -> None:
        self._chunks = [
            (path, text[start : start + CHARACTERS])
            for path, text in texts.items()
            for start in range(0, len(text), CHARACTERS - OVERLAP)
        ]
        self._embedder = embedder
        self._vectors: Vectors = cache.embed(embedder, [text for _, text in self._chunks])
        self._counts = [Counter(_tokens(text)) for _, text in self._chunks]
        self._lengths = np.array([sum(counts.values()) for counts in self._counts], dtype=float)
        self._rows: defaultdict[str, list[int]] = defaultdict(list)
        for row, counts in enumerate(self._counts):
            for token in counts:
                self._rows[token].append(row)

    def ask(self, question: str) -> dict[str, Outcome]:
        dense = self._vectors @ self._embedder.embed_query(question)
        words = self._bm25(question)
        joined = np.zeros(len(self._chunks))
        for scores in (dense, words):
            joined[np.argsort(-scores, kind="stable")] += 1 / (RRF + 1 + np.arange(len(scores)))
        return {name: self._found(scores) for name, scores in (("dense", dense), ("words", words), ("rrf", joined))}

    def _bm25(self, question: str) -> NDArray[np.float64]:
        scores = np.zeros(len(self._chunks))
        average = self._lengths.mean()
        for token in set(_tokens(question)):
            rows = np.array(self._rows.get(token, ()), dtype=int)
            if rows.size:
                weight = math.log(1 + (len(self._chunks) - rows.size + 0.5) / (rows.size + 0.5))
                counts = np.array([self._counts[row][token] for row in rows], dtype=float)
                norm = K1 * (1 - B + B * self._lengths[rows] / average)
                scores[rows] += weight * counts * (K1 + 1) / (counts + norm)
        return scores

    def _found(self, scores: NDArray[Any]) -> Outcome:
        best = np.argsort(-scores, kind="stable")[:300]
        return Outcome(
            documents=list(dict.fromkeys(self._chunks[row][0] for row in best)),
            passages=[self._chunks[row][1] for row in best[:60]],
        )


def _tokens(text: str) -> list[str]:
    words = rjieba.cut(text.lower()) if _HAN.search(text) else re.findall(r"\w+", text.lower())
    return [word for word in words if word.strip()]
