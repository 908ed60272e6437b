"""What a search found, as run events tell it."""

from __future__ import annotations

from collections.abc import Iterable

from agents.events import Retrieved
from agents.evidence import Evidence, Nearest, RetrievedHit
from knowledge.retrieval.retriever import SearchResult
from knowledge.types import DocumentRef, Hit, Passage

MOST_HITS = 30
"""Rows of "why these passages" kept with every answer; more of the dropped ones explain nothing more."""
NEAREST = 3


def retrieved(query: str, result: SearchResult) -> Retrieved:
    """The event of a search."""
    passages = {chunk_id: passage.number for passage in result.passages for chunk_id in passage.chunk_ids}
    return Retrieved(
        query=query,
        language=result.language,
        hits=tuple(_hit(hit, passages.get(hit.chunk.id)) for hit in result.hits[:MOST_HITS]),
        passages=tuple(_evidence(passage) for passage in result.passages),
        degraded=result.degraded,
    )


def nearest(documents: Iterable[DocumentRef]) -> tuple[Nearest, ...]:
    """The first different ones of these documents, as pages worth opening."""
    different = {document.id: document for document in documents}
    return tuple(
        Nearest(
            document_id=document.id,
            knowledge_base_id=document.knowledge_base_id,
            path=document.path,
            title=document.title,
            url=document.url,
        )
        for document in list(different.values())[:NEAREST]
    )


def _hit(hit: Hit, passage: int | None) -> RetrievedHit:
    return RetrievedHit(
        rank=hit.rank,
        chunk_id=hit.chunk.id,
        document_id=hit.document.id,
        path=hit.document.path,
        title=hit.document.title,
        heading_path=hit.chunk.heading_path,
        text=hit.chunk.text,
        start=hit.chunk.start,
        end=hit.chunk.end,
        score=hit.score,
        parts=hit.parts,
        dropped=hit.dropped,
        passage=passage,
    )


def _evidence(passage: Passage) -> Evidence:
    return Evidence(
        number=passage.number,
        document_id=passage.document.id,
        knowledge_base_id=passage.document.knowledge_base_id,
        path=passage.document.path,
        title=passage.document.title,
        url=passage.document.url,
        heading_path=passage.heading_path,
        anchor=passage.anchor,
        text=passage.text,
        start=passage.start,
        end=passage.end,
        score=passage.score,
        parts=passage.parts,
    )
