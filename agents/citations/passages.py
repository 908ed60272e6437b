"""Evidence as what citations are checked against."""

from __future__ import annotations

from agents.evidence import Evidence
from knowledge.types import DocumentRef, Passage


def passage_of(evidence: Evidence) -> Passage:
    """The evidence as what citations are checked against."""
    return Passage(
        number=evidence.number,
        document=DocumentRef(
            id=evidence.document_id,
            knowledge_base_id=evidence.knowledge_base_id,
            path=evidence.path,
            title=evidence.title,
            url=evidence.url,
        ),
        heading_path=evidence.heading_path,
        anchor=evidence.anchor,
        text=evidence.text,
        start=evidence.start,
        end=evidence.end,
        score=evidence.score,
        chunk_ids=(),
        parts=evidence.parts,
    )
