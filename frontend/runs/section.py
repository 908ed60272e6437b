"""What was done for an answer: a closed section above it, read when it is opened, and the files that were made."""

from __future__ import annotations

import streamlit as st

from frontend.client import ApiError
from frontend.run_state import run_states
from frontend.runs.files import draw_files, made_files
from frontend.runs.following import state_of
from frontend.runs.timeline import Timeline, summary
from frontend.session import show_error, texts


def draw_trace(run_id: str, *, key: str) -> None:
    """The timeline of a run that is over."""
    known = run_states().get(run_id)
    label = summary(known) if known is not None and known.ended else texts()("timeline.title")
    if known is not None and known.ended:
        draw_files(made_files(known.trace.entries), key)
    section = st.expander(label, key=key, icon=":material/account_tree:", type="compact", on_change="rerun")
    if not section.open or not run_id:
        return
    with section:
        try:
            state = state_of(run_id)
        except ApiError as error:
            show_error(error, key)
            return
        if known is None:
            draw_files(made_files(state.trace.entries), key)
        Timeline(run_id, live=False).update(state.trace)
        st.page_link(
            "app_pages/runs.py", label=texts()("timeline.open_run"), icon=":material/open_in_new:",
            query_params={"run": run_id},
        )  # fmt: skip
