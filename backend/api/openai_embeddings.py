"""/v1/embeddings: the configured embedders, for programs that speak the OpenAI protocol."""

from __future__ import annotations

import base64

from fastapi import APIRouter

from backend.api.context import Here
from backend.api.openai_parameters import ModelNotFound, ValueRefused
from backend.api.openai_shapes import Embedding, EmbeddingList, EmbeddingsRequest, Usage
from backend.api.openapi import problems

router = APIRouter(prefix="/v1", tags=["OpenAI protocol"])


@router.post("/embeddings", responses=problems(404, 429, 503))
def create_embeddings(body: EmbeddingsRequest, container: Here) -> EmbeddingList:
    """Unit-length vectors of texts, in their order. `model` names an embedder."""
    embedder = container.embedders.get(body.model)
    if embedder is None:
        there = ", ".join(container.embedders)
        raise ModelNotFound("model", f"There is no embedder {body.model[:100]!r}; there is {there}.")
    texts = [body.input] if isinstance(body.input, str) else body.input
    with container.capacity.room():
        vectors = embedder.embed_documents(texts)
    if body.dimensions not in (None, vectors.shape[1]):
        reason = f"{body.model} makes vectors of {vectors.shape[1]} numbers; leave `dimensions` out."
        raise ValueRefused("dimensions", reason)
    plain = body.encoding_format != "base64"
    data = [
        Embedding(
            index=index,
            embedding=vector.tolist() if plain else base64.b64encode(vector.astype("<f4").tobytes()).decode(),
        )
        for index, vector in enumerate(vectors)
    ]
    return EmbeddingList(data=data, model=body.model, usage=Usage())
