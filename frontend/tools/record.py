"""The record of calls, newest first, page by page."""

from __future__ import annotations

import json
from datetime import datetime, time

import streamlit as st

from frontend.session import texts
from frontend.tools.api import tools_api
from frontend.tools.paging import cursor_of, draw_cursors
from frontend.views import AuditRow

LOCAL_USER = "local"
STATUSES = ("succeeded", "failed", "denied", "cancelled", "running", "interrupted")


def draw_record() -> None:
    """Who called what, with what, who allowed it and what became of it. Raises ApiError."""
    say = texts()
    wanted = _draw_filters()
    found = tools_api().record(wanted, cursor_of("record", repr(wanted)))
    rows = [
        {
            say("tools.when"): each.started_at.strftime("%Y-%m-%d %H:%M:%S") if each.started_at else "",
            say("tools.tool"): each.tool,
            say("tools.status"): say.of("call_status", each.status),
            say("tools.who"): _person(each.user_id),
            say("tools.from"): say.of("origin", each.origin),
            say("tools.decision"): _decision(each),
            say("tools.arguments"): json.dumps(each.arguments, ensure_ascii=False) if each.arguments else "",
            "ms": each.duration_ms,
        }
        for each in found.items
    ]
    if not rows:
        st.info(say("tools.no_calls"), icon=":material/history:")
        return
    st.dataframe(rows, hide_index=True)
    draw_cursors("record", found.next_cursor)
    st.download_button(
        say("tools.download_record"), data=lambda: tools_api().exported_record(wanted), file_name="calls.csv",
        mime="text/csv", icon=":material/download:", key="record-download", on_click="ignore",
    )  # fmt: skip


def _decision(row: AuditRow) -> str:
    """Who allowed the call, or did not."""
    say, who = texts(), _person(row.decided_by)
    if row.decision == "approved":
        return say("tools.decided_approved", who=who)
    if row.decision == "allowed":
        return say("tools.decided_tool" if row.status == "denied" else "tools.decided_allowed")
    if row.decided_by in ("policy", "arguments", "unavailable"):
        return say(f"tools.decided_{row.decided_by}")
    return say("tools.decided_rejected", who=who)


def _person(user_id: str) -> str:
    return texts()("tools.local_user") if user_id == LOCAL_USER else user_id


def _draw_filters() -> dict[str, str]:
    """What is asked for, as the API takes it; what is empty is left out."""
    say = texts()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        tool = st.text_input(say("tools.record_of"), key="record-tool", icon=":material/search:")
        user = st.text_input(say("tools.who"), key="record-user")
        status = st.selectbox(
            say("tools.status"), ["", *STATUSES], key="record-status",
            format_func=lambda name: say.of("call_status", name) if name else say("tools.any"),
        )  # fmt: skip
        day = st.date_input(say("tools.since"), value=None, key="record-since")
    since = f"{datetime.combine(day, time()).isoformat()}Z" if day is not None else ""
    given = {"tool": tool.strip(), "user": user.strip(), "status": status or "", "since": since}
    return {name: value for name, value in given.items() if value}
