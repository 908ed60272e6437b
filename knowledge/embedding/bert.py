"""The forward pass of a small BERT sentence encoder on numpy, for when torch would take longer to load than to help.

Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers", 2019, with mean pooling as in Reimers and
Gurevych, "Sentence-BERT", 2019.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from knowledge.ports import Vectors

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Array = NDArray[np.float32]

_TOKENS_AT_ONCE = 512
_ROWS_AT_ONCE = 64
_EPSILON = 1e-12


class BertEncoder:
    """Holds weights and tokenizer of an uncased BERT with absolute positions; safe for several threads."""

    def __init__(self, folder: Path, *, layers: int, heads: int, longest: int) -> None:
        """`folder` holds model.safetensors and tokenizer.json; `longest`: tokens of a text that are read."""
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        self._weights: Mapping[str, Array] = load_file(folder / "model.safetensors")
        self._tokenizer: Tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(longest)
        self._tokenizer.no_padding()
        self._layers, self._heads = layers, heads

    def encode(self, texts: Sequence[str]) -> Vectors:
        """(n, dimension), in the order given, not scaled."""
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        order = sorted(range(len(ids)), key=lambda index: len(ids[index]))
        result = np.empty((len(ids), self._weights["embeddings.LayerNorm.bias"].shape[0]), dtype=np.float32)
        group: list[int] = []
        for index in order:
            if group and (len(group) + 1) * len(ids[index]) > _TOKENS_AT_ONCE:
                result[group] = self._forward([ids[each] for each in group])
                group = []
            group.append(index)
        if group:
            result[group] = self._forward([ids[each] for each in group])
        return result

    def _forward(self, rows: list[list[int]]) -> Array:
        count, longest = len(rows), max(map(len, rows))
        ids = np.zeros((count, longest), dtype=np.int64)
        mask = np.zeros((count, longest), dtype=np.float32)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = row
            mask[number, : len(row)] = 1.0
        hidden = self._embed(ids)
        bias = ((mask - 1.0) * np.float32(1e9))[:, None, None, :]
        for layer in range(self._layers):
            prefix = f"encoder.layer.{layer}."
            attended = self._linear(self._attend(hidden, bias, prefix), prefix + "attention.output.dense")
            hidden = self._normalised(hidden + attended, prefix + "attention.output.LayerNorm")
            inner = self._linear(hidden, prefix + "intermediate.dense")
            _apply_gelu(inner.reshape(-1, inner.shape[-1]))
            hidden = self._normalised(
                hidden + self._linear(inner, prefix + "output.dense"), prefix + "output.LayerNorm"
            )
        pooled: Array = np.einsum("ijk,ij->ik", hidden, mask) / mask.sum(axis=1, keepdims=True)
        return pooled

    def _embed(self, ids: NDArray[np.int64]) -> Array:
        words = self._weights["embeddings.word_embeddings.weight"][ids]
        places = self._weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        kind = self._weights["embeddings.token_type_embeddings.weight"][0]
        return self._normalised(words + places + kind, "embeddings.LayerNorm")

    def _attend(self, hidden: Array, bias: Array, prefix: str) -> Array:
        count, longest, width = hidden.shape
        shape = (count, longest, self._heads, width // self._heads)
        query, key, value = (
            self._linear(hidden, f"{prefix}attention.self.{name}").reshape(shape).transpose(0, 2, 1, 3)
            for name in ("query", "key", "value")
        )
        scores: Array = query @ key.transpose(0, 1, 3, 2)
        scores *= np.float32(shape[3] ** -0.5)
        scores += bias
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        attended: Array = (scores @ value).transpose(0, 2, 1, 3).reshape(count, longest, width)
        return attended

    def _linear(self, values: Array, name: str) -> Array:
        flat = values.reshape(-1, values.shape[-1])
        result: Array = flat @ self._weights[name + ".weight"].T
        result += self._weights[name + ".bias"]
        return result.reshape(*values.shape[:-1], -1)

    def _normalised(self, values: Array, name: str) -> Array:
        values = values - values.mean(axis=-1, keepdims=True)
        variance = np.einsum("...i,...i->...", values, values) / values.shape[-1]
        values *= (1.0 / np.sqrt(variance + _EPSILON))[..., None]
        values *= self._weights[name + ".weight"]
        values += self._weights[name + ".bias"]
        return values


def _apply_gelu(values: Array) -> None:
    """Replace each value by its GELU; a few rows at a time, so that every step finds them in the processor's cache."""
    for start in range(0, len(values), _ROWS_AT_ONCE):
        rows = values[start : start + _ROWS_AT_ONCE]
        rows[:] = _gelu(rows)


def _gelu(values: Array) -> Array:
    """x Φ(x), the error function by formula 7.1.26 of Abramowitz and Stegun (error below 2e-7)."""
    magnitude = np.abs(values)
    magnitude *= np.float32(0.5**0.5)
    step = 1.0 / (1.0 + np.float32(0.3275911) * magnitude)
    tail = step * np.float32(1.061405429)
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail += np.float32(coefficient)
        tail *= step
    magnitude *= magnitude
    np.negative(magnitude, out=magnitude)
    tail *= np.exp(magnitude, out=magnitude)
    erf = np.copysign(1.0 - tail, values)
    erf += 1.0
    erf *= values
    erf *= np.float32(0.5)
    result: Array = erf
    return result
