"""What an answer cites that was broken off before its citations were checked, by its reader or by a failure."""

from __future__ import annotations

from dataclasses import replace

from agents.citations.checking import check_citations
from agents.citations.support import PassageBacking
from agents.events import Cited, Evidence, Retrieved
from knowledge.types import DocumentRef, Passage


def check_unfinished(text: str, retrieved: Retrieved) -> Cited:
    """The citations of what was written so far, checked by its words alone. Nothing counts as uncited: the citation may
    have been about to come."""
    cited = check_citations(text, [_passage(each) for each in retrieved.passages], PassageBacking())
    return replace(cited, uncited=())


def _passage(evidence: Evidence) -> Passage:
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
    )
