"""What an answer cites that was broken off before its citations were checked, by its reader or by a failure."""

from __future__ import annotations

from dataclasses import replace

from agents.citations.checking import check_citations
from agents.citations.passages import passage_of
from agents.citations.support import PassageBacking
from agents.events import Cited, Retrieved


def check_unfinished(text: str, retrieved: Retrieved) -> Cited:
    """The citations of what was written so far, checked by its words alone. Nothing counts as uncited: the citation may
    have been about to come."""
    cited = check_citations(text, [passage_of(each) for each in retrieved.passages], PassageBacking())
    return replace(cited, uncited=())
