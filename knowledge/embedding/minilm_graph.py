"""The computation of all-MiniLM-L6-v2 as an ONNX graph, in operators that ONNX Runtime has fused for BERT.

`python -m knowledge.embedding.minilm_graph` writes the graph again, with which the hash in `minilm` changes; it
needs the package `onnx`, which is installed for development only. The graph holds no weights: it names the places of
the tensors in the model's own `model.safetensors`, from which ONNX Runtime maps them, so there is no second copy of
them to make, to check or to lose.

Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers", 2019, with mean pooling as in Reimers and
Gurevych, "Sentence-BERT", 2019.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

LAYERS, HEADS, WIDTH = 6, 12, 384
EPSILON = 1e-12
FUSED = "com.microsoft"


def graph(weights: Path) -> bytes:
    """The serialised model for these weights: `ids` and `mask` (both int32, texts by tokens, the padding at the right
    and masked 0) in, `vectors` (float32, texts by 384, not scaled) out."""
    writer = _Writer(weights)
    hidden = _embedded(writer)
    for layer in range(LAYERS):
        hidden = _layer(writer, hidden, f"encoder.layer.{layer}.")
    _pooled(writer, hidden)
    serialised: bytes = writer.model().SerializeToString(deterministic=True)
    return serialised


class _Writer:
    """Collects the nodes of a graph and the places of the weights they use."""

    def __init__(self, weights: Path) -> None:
        with weights.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            self._tensors = json.loads(file.read(size))
        self._file, self._begin = weights.name, 8 + size
        self._initializers: dict[str, onnx.TensorProto] = {}
        self._nodes: list[onnx.NodeProto] = []

    def node(self, kind: str, inputs: list[str], output: str, *more: str, domain: str = "", **attributes: Any) -> str:
        """Add a node; returns the first of its outputs, after which it is named."""
        self._nodes.append(helper.make_node(kind, inputs, [output, *more], output, domain=domain, **attributes))
        return output

    def weight(self, name: str) -> str:
        tensor = self._tensors[name]
        start, end = tensor["data_offsets"]
        place = TensorProto(
            name=name,
            data_type=TensorProto.FLOAT,
            dims=tensor["shape"],
            data_location=TensorProto.EXTERNAL,
        )
        for key, value in (("location", self._file), ("offset", self._begin + start), ("length", end - start)):
            place.external_data.add(key=key, value=str(value))
        self._initializers[name] = place
        return name

    def constant(self, name: str, values: list[int]) -> str:
        self._initializers[name] = helper.make_tensor(name, TensorProto.INT64, [len(values)], values)
        return name

    def turned(self, name: str) -> str:
        """A weight as a factor from the right; ONNX Runtime turns it once, when the model is loaded."""
        return self.node("Transpose", [self.weight(name)], f"{name}.turned", perm=[1, 0])

    def model(self) -> onnx.ModelProto:
        asked = [
            helper.make_tensor_value_info(name, TensorProto.INT32, ["texts", "tokens"]) for name in ("ids", "mask")
        ]
        answer = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["texts", WIDTH])
        made = helper.make_graph(self._nodes, "all-MiniLM-L6-v2", asked, [answer], list(self._initializers.values()))
        versions = [helper.make_opsetid("", 17), helper.make_opsetid(FUSED, 1)]
        return helper.make_model(made, opset_imports=versions, ir_version=8, producer_name="devops-chatbot")


def _embedded(writer: _Writer) -> str:
    tables = [f"embeddings.{name}_embeddings.weight" for name in ("word", "position", "token_type")]
    # Every token is of the first kind: a graph asks for the kinds of all tokens to tell them apart.
    kinds = writer.node("Sub", ["mask", "mask"], "kinds")
    inputs = ["ids", kinds, *map(writer.weight, tables), *_normalising(writer, "embeddings.LayerNorm")]
    return writer.node("EmbedLayerNormalization", inputs, "embedded", "unused", domain=FUSED, epsilon=EPSILON)


def _layer(writer: _Writer, hidden: str, prefix: str) -> str:
    """Attention and the two dense layers behind it, each added to what it was given and normalised."""
    three = [f"{prefix}attention.self.{name}" for name in ("query", "key", "value")]
    weights = writer.node("Concat", [writer.turned(f"{name}.weight") for name in three], f"{prefix}weights", axis=1)
    biases = writer.node("Concat", [writer.weight(f"{name}.bias") for name in three], f"{prefix}biases", axis=0)
    attended = writer.node(
        "Attention", [hidden, weights, biases, "mask"], f"{prefix}attended", domain=FUSED, num_heads=HEADS
    )
    hidden = _added(writer, attended, hidden, f"{prefix}attention.output")
    name = f"{prefix}intermediate.dense"
    inner = writer.node("MatMul", [hidden, writer.turned(f"{name}.weight")], f"{prefix}inner")
    inner = writer.node("BiasGelu", [inner, writer.weight(f"{name}.bias")], f"{prefix}activated", domain=FUSED)
    return _added(writer, inner, hidden, f"{prefix}output")


def _added(writer: _Writer, values: str, before: str, prefix: str) -> str:
    """A dense layer on `values`, added to what was there before, and normalised."""
    dense = writer.node("MatMul", [values, writer.turned(f"{prefix}.dense.weight")], f"{prefix}.product")
    inputs = [dense, before, *_normalising(writer, f"{prefix}.LayerNorm"), writer.weight(f"{prefix}.dense.bias")]
    return writer.node("SkipLayerNormalization", inputs, f"{prefix}.sum", domain=FUSED, epsilon=EPSILON)


def _normalising(writer: _Writer, name: str) -> list[str]:
    return [writer.weight(f"{name}.weight"), writer.weight(f"{name}.bias")]


def _pooled(writer: _Writer, hidden: str) -> None:
    """The mean over the tokens of each text."""
    axis = writer.constant("axis", [1])
    counted = writer.node("Cast", ["mask"], "counted", to=TensorProto.FLOAT)
    total = writer.node("MatMul", [writer.node("Unsqueeze", [counted, axis], "row"), hidden], "total")
    length = writer.node("ReduceSum", [counted, axis], "length", keepdims=1)
    writer.node("Div", [writer.node("Squeeze", [total, axis], "sum"), length], "vectors")


def main() -> None:
    """Write the graph beside this module."""
    from knowledge.embedding.minilm import GRAPH, checked_weights

    GRAPH.write_bytes(graph(checked_weights()))


if __name__ == "__main__":
    main()
