"""One run: what was asked, everything that was done, what waits for a decision, what it came to and what it took."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from frontend.answer_text import plain_label, prepare_answer
from frontend.chat.conversation import stop
from frontend.client import ApiError
from frontend.run_state import RunState, run_states
from frontend.runs.approvals import draw_approvals
from frontend.runs.following import follow, state_of, watch
from frontend.runs.listing import ICONS, facts, phase_titles
from frontend.runs.timeline import Timeline, duration
from frontend.session import api, show_error, texts
from frontend.views import Run


def draw_run(run: Run) -> None:
    """The run as it is, followed while it goes on. Raises ApiError."""
    say = texts()
    state = state_of(run.id)
    st.title(plain_label(state.question or run.question or run.id), anchor=False)
    st.markdown(f"{ICONS.get(run.status, '')} {plain_label(' · '.join(facts(run, phase_titles())))}", anchors=False)
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.page_link(
            "app_pages/chat.py", label=say("runs.open_thread"), icon=":material/forum:",
            query_params={"thread": run.thread_id},
        )  # fmt: skip
        st.download_button(
            say("runs.export"), key="export-run", icon=":material/download:", type="tertiary", on_click="ignore",
            data=partial(api().export_run, run.id),
            file_name=f"run-{run.id[:12]}.json", mime="application/json",
        )  # fmt: skip
        if run.active:
            st.button(say("chat.stop"), key="stop-run", icon=":material/stop_circle:", on_click=stop, args=(run.id,))
    if state.error:
        st.error(plain_label(f"{state.error} ({state.error_code})"), icon=":material/error:")
    figures = st.empty()
    _draw_figures(figures, run, state)
    st.subheader(say("runs.timeline"), anchor=False)
    timeline = Timeline(run.id, live=run.status == "running")
    timeline.update(state.trace)
    if not state.trace.entries and not run.active:
        st.caption(say("runs.nothing_done"))
    if run.active:
        draw_approvals(run.id, state.trace.pending)
    answer = st.container()
    with answer:
        if state.text:
            st.subheader(say("runs.answer"), anchor=False)
            st.markdown(prepare_answer(state.text), anchors=False)
    if run.status == "running":
        _follow(run, state, timeline, figures)
    elif run.status == "waiting":
        watch(run.id, state)


def _follow(run: Run, state: RunState, timeline: Timeline, figures: Any) -> None:
    """Draws what comes until the run ends or waits; then the page is drawn anew."""
    run_states()[run.id] = state
    try:
        for _ in follow(run.id, state):
            timeline.update(state.trace)
            _draw_figures(figures, run, state)
    except ApiError as error:
        show_error(error, "run")
        return
    st.rerun()


def _draw_figures(place: Any, run: Run, state: RunState) -> None:
    say = texts()
    values = {
        say("runs.tool_calls"): str(state.trace.tool_calls),
        say("runs.tokens"): f"{state.input_tokens} / {state.output_tokens}",
    }
    if run.worked_s is not None:
        values[say("runs.took")] = duration(run.worked_s * 1000)
    if run.waited_s:
        values[say("runs.waited")] = duration(run.waited_s * 1000)
    if state.cost:
        values[say("runs.cost")] = f"{state.cost:.4f}"
    if run.attempt > 1:
        values[say("runs.attempt")] = str(run.attempt)
    with place.container(horizontal=True, gap="medium"):
        for name, value in values.items():
            st.metric(name, value, width="content")
