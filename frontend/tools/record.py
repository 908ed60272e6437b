"""The record of calls, newest first."""

from __future__ import annotations

import streamlit as st

from frontend.runs.results import as_json
from frontend.session import texts
from frontend.tools.api import tools_api


def draw_record() -> None:
    """Who called what, with what, who allowed it and what became of it. Raises ApiError."""
    say = texts()
    tool = st.text_input(say("tools.record_of"), key="record-tool", icon=":material/search:")
    rows = [
        {
            say("tools.when"): each.started_at,
            say("tools.tool"): each.tool,
            say("tools.status"): each.status,
            say("tools.who"): each.user_id,
            say("tools.from"): each.origin,
            say("tools.decision"): f"{each.decision} ({each.decided_by})",
            say("tools.arguments"): as_json(each.arguments) if each.arguments else "",
            "ms": each.duration_ms,
        }
        for each in tools_api().record(tool.strip())
    ]
    if rows:
        st.dataframe(rows, hide_index=True)
    else:
        st.info(say("tools.no_calls"), icon=":material/history:")
