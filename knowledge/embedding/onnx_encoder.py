"""A sentence encoder on ONNX Runtime: token ids in, vectors out, in batches that stay in the processor's cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from knowledge.ports import Vectors

TOKENS_AT_ONCE = 256
"""Tokens of a batch, padding counted. Measured: 1,024 take as long and 90 MB more, 4,096 a fifth longer."""


class OnnxEncoder:
    """A graph with its weights and tokenizer, on the thread that calls it; any number of threads may call at once."""

    def __init__(self, graph: Path, *, weights: Path, tokenizer: Path, longest: int) -> None:
        """`graph` names the places of tensors in the file `weights`; `longest`: tokens of a text that are read."""
        import onnxruntime  # type: ignore[import-untyped]
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        # Texts are shared out among threads of ours: those of ONNX Runtime would wait for each other at every product.
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(weights.parent))
        onnxruntime.disable_telemetry_events()
        self._session = onnxruntime.InferenceSession(graph.read_bytes(), options, providers=["CPUExecutionProvider"])
        self._dimension = int(self._session.get_outputs()[0].shape[1])
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.enable_truncation(longest)
        self._tokenizer.no_padding()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """(n, dimension), in the order given, not scaled."""
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        result = np.empty((len(ids), self._dimension), dtype=np.float32)
        for batch in _batches(ids):
            result[batch] = self._forward([ids[index] for index in batch])
        return result

    def _forward(self, rows: Sequence[Sequence[int]]) -> Vectors:
        tokens: NDArray[np.int32] = np.zeros((len(rows), max(map(len, rows))), dtype=np.int32)
        mask = np.zeros_like(tokens)
        for number, row in enumerate(rows):
            tokens[number, : len(row)] = row
            mask[number, : len(row)] = 1
        vectors: Vectors = self._session.run(None, {"ids": tokens, "mask": mask})[0]
        return vectors


def _batches(ids: Sequence[Sequence[int]]) -> list[list[int]]:
    """Indexes of texts, those of like length together so that little of a batch is padding."""
    batches: list[list[int]] = []
    for index in sorted(range(len(ids)), key=lambda index: len(ids[index])):
        if batches and (len(batches[-1]) + 1) * len(ids[index]) <= TOKENS_AT_ONCE:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches
