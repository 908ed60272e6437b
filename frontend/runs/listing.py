"""The list of runs with its search."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from frontend.address import in_address
from frontend.answer_text import plain_label
from frontend.runs.timeline import duration, shorten, waiting_in_words
from frontend.session import api, texts
from frontend.views import Run

SHOWN = 50
STATUSES = ("running", "waiting", "finished", "failed", "cancelled")
ICONS = {
    "running": ":material/progress_activity:",
    "waiting": ":material/front_hand:",
    "finished": ":material/check_circle:",
    "failed": ":material/error:",
    "cancelled": ":material/stop_circle:",
}


def draw_runs() -> None:
    """The search and what it finds, the newest first. Raises ApiError."""
    say = texts()
    st.title(say("page.runs"), anchor=False)
    st.markdown(say("runs.intro"))
    titles = phase_titles()
    words, phase, status, tool = _draw_filters(titles)
    limit = min(SHOWN * st.session_state.get("run-pages", 1), 500)
    page = api().runs(words=words, phase=phase, status=status, tool=tool, limit=limit)
    if not page.items:
        asked = words or phase or status or tool
        st.info(say("runs.none_found" if asked else "runs.none"), icon=":material/search_off:")
    with st.container(key="runs", gap=None):
        for run in page.items:
            _draw_row(run, titles)
    if page.next_cursor and limit < 500:
        st.button(say("runs.more"), key="more-runs", type="tertiary", on_click=_show_more)


def _draw_filters(phases: Mapping[str, str]) -> tuple[str, str, str, str]:
    say = texts()
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom", key="run-filters"):
        words = st.text_input(
            say("runs.words"), key="run-words", type="search", bind="query-params", placeholder=say("runs.words_hint")
        )
        tool = st.text_input(say("runs.tool"), key="run-tool", placeholder=say("runs.tool_hint"), bind="query-params")
        phase = st.selectbox(
            say("runs.phase"), ["", *phases], width=200, **in_address("run-phase", phases, ""),
            format_func=lambda name: phases.get(name, name) or say("runs.any_phase"),
        )  # fmt: skip
        status = st.selectbox(
            say("runs.status"), ["", *STATUSES], width=200, **in_address("run-status", STATUSES, ""),
            format_func=lambda name: say(f"run_status.{name}") if name else say("runs.any_status"),
        )  # fmt: skip
    return (words or "").strip(), phase or "", status or "", (tool or "").strip()


def _draw_row(run: Run, titles: Mapping[str, str]) -> None:
    say = texts()
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key=f"row-{run.id}"):
        st.button(
            plain_label(shorten(run.question or run.id, 100)), key=f"run-{run.id}", type="tertiary", wrap=False,
            icon=ICONS.get(run.status), on_click=open_run, args=(run.id,), width="stretch",
            help=say.of("run_status", run.status),
        )  # fmt: skip
        st.caption(plain_label(" · ".join(facts(run, titles))), width="content")


def facts(run: Run, titles: Mapping[str, str]) -> list[str]:
    """What a run is, in a few words: status, mode, model, when, how long, how long it waited."""
    say = texts()
    return list(
        filter(
            None,
            (
                say.of("run_status", run.status),
                titles.get(run.phase) or say.of("phase", run.phase),
                run.model,
                run.created_at.strftime("%Y-%m-%d %H:%M") if run.created_at else "",
                "" if run.worked_s is None else duration(run.worked_s * 1000),
                waiting_in_words(run.waited_s),
            ),
        )
    )


def phase_titles() -> dict[str, str]:
    """The modes that there are, by name, in the session's language. Raises ApiError."""
    return {phase.name: phase.title_in(texts().language) for phase in api().phases()}


def open_run(run_id: str) -> None:
    """Puts this run into the address."""
    st.query_params["run"] = run_id


def _show_more() -> None:
    st.session_state["run-pages"] = st.session_state.get("run-pages", 1) + 1
