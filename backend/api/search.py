"""Search in one knowledge base, with the explanation of every score."""

from __future__ import annotations

import time

from fastapi import APIRouter

from backend.api.context import Caller, Here
from backend.api.openapi import problems
from backend.schemas import HitDocument, HitView, SearchRequest, SearchResponse
from knowledge.storage.bases import KnowledgeBaseStore
from knowledge.text.rows import anchor_of
from knowledge.types import Hit

router = APIRouter(tags=["search"])


@router.post("/knowledge-bases/{kb}/search", responses=problems(404))
def search(kb: str, body: SearchRequest, container: Here, scope: Caller) -> SearchResponse:
    """The passages found for a question. With `explain` those below the line follow, each with what dropped it."""
    started = time.perf_counter()
    with container.database.read() as connection:
        base = KnowledgeBaseStore(connection, scope).get(kb)
    with container.metrics.searches.time():
        found = container.retriever(scope).search(
            body.query,
            knowledge_bases=[base.id],
            top_k=body.top_k,
            filters=body.filters.chosen(),
        )
    return SearchResponse(
        hits=[_hit(hit, body.explain) for hit in found.hits if body.explain or not hit.dropped],
        language=found.language,
        degraded=list(found.degraded),
        duration_ms=round((time.perf_counter() - started) * 1000, 3),
    )


def _hit(hit: Hit, explain: bool) -> HitView:
    return HitView(
        document=HitDocument.model_validate(hit.document),
        chunk_id=hit.chunk.id,
        heading_path=list(hit.chunk.heading_path),
        anchor=anchor_of(hit.chunk),
        page=hit.chunk.page,
        text=hit.chunk.text,
        start=hit.chunk.start,
        end=hit.chunk.end,
        score=hit.score,
        rank=hit.rank,
        parts=hit.parts if explain else {},
        dropped=hit.dropped,
        graph_path=list(hit.graph_path),
    )
