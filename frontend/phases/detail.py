"""One phase: what it is for, its picture, its text, its versions, and what can be done with it."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from frontend.answer_text import plain_label
from frontend.chat.modes import why_not
from frontend.client import ApiError
from frontend.phases.drafts import begin_change, begin_copy
from frontend.phases.listing import draw_try, open_phase
from frontend.session import api, notify, remember_error, texts
from frontend.views import Phase, PhaseVersion


def draw_phase(phase: Phase) -> None:
    """The page of a phase."""
    say = texts()
    st.title(plain_label(phase.title_in(say.language)), anchor=False)
    st.text(phase.description_in(say.language))
    if not phase.available:
        st.info(plain_label(why_not(phase)), icon=":material/block:")
    with st.container(horizontal=True):
        draw_try(phase)
        if phase.editable:
            st.button(
                say("phases.edit"), key="edit-phase", icon=":material/edit:", on_click=begin_change, args=(phase,)
            )
        if phase.text:
            st.button(
                say("phases.copy"), key="copy-phase", icon=":material/content_copy:", on_click=begin_copy,
                args=(phase.name,),
            )  # fmt: skip
        if phase.editable:
            _draw_delete(phase)
    picture, text, versions = st.tabs([say("phases.picture"), say("phases.text"), say("phases.versions")])
    with picture:
        _draw_picture(phase)
    with text:
        st.code(phase.text, language="yaml", line_numbers=True)
    with versions:
        _draw_versions(phase)


def _draw_picture(phase: Phase) -> None:
    say = texts()
    try:
        graph = api().phase_graph(phase.name, say.language)
    except ApiError as error:
        st.caption(say("phases.no_picture") if error.code == "read_only" else str(error))
        return
    st.graphviz_chart(graph.dot, width="content", alt=say("phases.picture"))
    with st.expander("Mermaid"):
        st.code(graph.mermaid, language=None)


def _draw_delete(phase: Phase) -> None:
    say = texts()
    with st.popover(say("action.delete"), icon=":material/delete:", key="delete-phase-question"):
        st.markdown(say("phases.delete_question", name=phase.name))
        st.button(
            say("action.delete"), key="delete-phase", type="primary", icon=":material/delete:", on_click=_delete,
            args=(phase.name,),
        )  # fmt: skip


def _delete(name: str) -> None:
    try:
        api().delete_phase(name)
    except ApiError as error:
        remember_error(error)
        return
    notify(texts()("phases.deleted", name=name))
    open_phase("")


def _draw_versions(phase: Phase) -> None:
    say = texts()
    if phase.built_in:
        st.caption(say("phases.no_versions"))
        return
    versions = api().phase_versions(phase.name)
    numbers = [each.version for each in versions]
    for each in versions:
        with st.container(horizontal=True, vertical_alignment="center", key=f"version-{each.version}"):
            st.badge(say("phases.version", version=each.version), color="blue")
            st.caption(_when(each), width="content")
            st.text(each.comment, width="stretch")
            if phase.editable and each.version != phase.version:
                st.button(
                    say("phases.roll_back"), key=f"back-{each.version}", icon=":material/undo:", type="tertiary",
                    on_click=_roll_back, args=(phase.name, each.version),
                )  # fmt: skip
    if len(numbers) > 1:
        _draw_diff(phase.name, numbers)


def _draw_diff(name: str, numbers: list[int]) -> None:
    say = texts()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        before = st.selectbox(say("phases.from"), numbers, index=1, key="diff-from", width=120)
        after = st.selectbox(say("phases.to"), numbers, index=0, key="diff-to", width=120)
    diff = api().phase_diff(name, before, after)
    if diff:
        st.code(diff, language="diff")
    else:
        st.caption(say("phases.same"))


def _roll_back(name: str, version: int) -> None:
    try:
        phase = api().roll_phase_back(name, version)
    except ApiError as error:
        remember_error(error)
        return
    notify(texts()("phases.rolled_back", version=version, now=phase.version))


def _when(version: PhaseVersion) -> str:
    moment: datetime | None = version.created_at
    return "" if moment is None else f"{moment.astimezone():%Y-%m-%d %H:%M}"
