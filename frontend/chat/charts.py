"""The charts and pictures that tools gave for an answer: seen with it, not only among what was done."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from frontend.answer_text import plain_label
from frontend.client import ApiError
from frontend.run_trace import Entry
from frontend.runs.following import state_of
from frontend.runs.results import chart_points, draw_result

MOST = 4
_SEEN = ("chart", "image")


def charts_of(run_id: str) -> list[Entry]:
    """The newest calls of a run that is over which have something to be drawn."""
    try:
        entries = state_of(run_id).trace.entries if run_id else []
    except ApiError:
        return []  # the answer stands without them, and what was done says what is wrong
    return [each for each in entries if _is_seen(each)][-MOST:]


def draw_charts(found: Sequence[Entry], *, key: str) -> None:
    """What the calls gave; its numbers stand in the answer, or among what was done."""
    if not found:
        return
    with st.container(key=f"charts-{key}"):
        for each in found:
            st.caption(plain_label(each.title))
            draw_result(each.data)


def _is_seen(entry: Entry) -> bool:
    """Whether there is something to be drawn: a chart without points is none."""
    view = entry.data.get("view")
    if entry.kind != "tool" or view not in _SEEN:
        return False
    return view != "chart" or bool(chart_points(entry.data.get("data")))
