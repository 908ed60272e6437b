"""What an answer cites of a call: which tool, what it was asked, of which time, when, and what it put out."""

from __future__ import annotations

from typing import Any

import streamlit as st

from frontend.answer_text import plain_label
from frontend.client import ApiError
from frontend.runs.following import state_of
from frontend.runs.results import draw_result
from frontend.session import show_error, texts
from frontend.views import CalledTool


def draw_call(call: CalledTool, quote: str, run_id: str) -> None:
    """The call in the panel of sources: the output as the run shows it, what is cited of it before that."""
    say = texts()
    st.caption(plain_label(f"{call.tool} · {call.source}"))
    if call.query:
        st.code(call.query, language=None, wrap_lines=True)
    when = {"time_range": call.time_range, "called_at": call.called_at.replace("T", " ").replace("+00:00", " UTC")}
    for name, value in when.items():
        if value:
            st.caption(f"{say(f'cited_call.{name}')}: {plain_label(value)}")
    st.caption(say("cited_call.said"))
    st.code(quote, language=None, wrap_lines=True)
    try:
        output = _output(call.call_id, run_id)
    except ApiError as error:
        show_error(error, "cited-call")
        return
    if output is None:
        st.caption(say("cited_call.gone"))
        return
    with st.expander(say("cited_call.output"), icon=":material/output:"):
        draw_result(output)


def _output(call_id: str, run_id: str) -> dict[str, Any] | None:
    """What the run told of the call; None when that is kept no more. Raises ApiError."""
    if not run_id:
        return None
    entries = state_of(run_id).trace.entries
    return next((each.data for each in entries if each.kind == "tool" and each.id == call_id), None)
