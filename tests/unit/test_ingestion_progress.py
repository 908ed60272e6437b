"""What a build says of how far it is."""

from __future__ import annotations

from knowledge.events import StageProgress
from knowledge.ingestion.processing import ProcessingTally


def test_documents_that_come_meanwhile_are_never_more_than_all() -> None:
    outcome = ProcessingTally(total=2, parsed=5, indexed=3, failed=1)
    said = [event for event in outcome.progress() if isinstance(event, StageProgress)]
    assert [(event.done, event.total) for event in said] == [(5, 5), (4, 4), (0, 4)]
