"""An event's JSON holds all of it, as deep as it goes, and comes back as the same event."""

from __future__ import annotations

import json
from dataclasses import asdict

from agents.events import Evidence, Retrieved, RetrievedHit, decode_event, encode_event

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
