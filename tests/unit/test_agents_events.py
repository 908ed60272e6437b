"""An event's JSON holds all of it, as deep as it goes, and comes back as the same event."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from agents.events import Retrieved, RunEvent, RunFinished, StepFinished, StepStarted, decode_event, encode_event
from agents.evidence import Evidence, RetrievedHit

PLACE = {"document_id": "d", "path": "a.md", "title": "标题", "heading_path": ("A", "B"), "start": 3, "end": 7}
EVENT = Retrieved(
    query="q",
    language="zh",
    hits=(
        RetrievedHit(
            **PLACE, rank=1, chunk_id=9, text="text", score=0.5, parts={"lexical": 0.25}, dropped="", passage=1
        ),
        RetrievedHit(**PLACE, rank=2, chunk_id=8, text="text", score=0.1, parts={}, dropped="below", passage=None),
    ),
    passages=(Evidence(**PLACE, number=1, knowledge_base_id="k", url="", anchor="", text='"\n\ud800', score=0.5),),
    degraded=("slow",),
)


def test_holds_every_value_by_name() -> None:
    assert encode_event(EVENT) == json.dumps(asdict(EVENT), ensure_ascii=False)


def test_comes_back_as_the_same_event() -> None:
    kept = Retrieved(query="q", language="en", hits=EVENT.hits, passages=(), degraded=())
    assert decode_event(encode_event(kept)) == kept


@pytest.mark.parametrize(
    ("stored", "event"),
    [
        ('{"step": "retrieve", "detail": "", "kind": "step_started"}', StepStarted(step="retrieve")),
        (
            '{"step": "verify", "duration_ms": 1.5, "detail": "2/2", "kind": "step_finished"}',
            StepFinished(step="verify", duration_ms=1.5, detail="2/2"),
        ),
    ],
)
def test_events_that_earlier_versions_stored_still_read(stored: str, event: RunEvent) -> None:
    assert decode_event(stored) == event


def test_a_step_of_any_name_has_its_place_among_the_others() -> None:
    event = StepStarted(step="write tests", step_id="2.1", parent_id="2")
    assert decode_event(encode_event(event)) == event


def test_an_end_stored_when_there_were_two_verdicts_is_read_as_one_of_three() -> None:
    for answered, verdict in ((True, "answered"), (False, "nothing")):
        stored = json.dumps({"kind": "run_finished", "text": "t", "answered": answered, "mode": "extractive"})
        end = decode_event(stored)
        assert isinstance(end, RunFinished)
        assert (end.verdict, end.answered) == (verdict, answered)
    closest = RunFinished(text="t", verdict="closest", mode="extractive")
    assert json.loads(encode_event(closest))["answered"] is False
    assert decode_event(encode_event(closest)) == closest
