"""The phases there are, those of the product and one's own, with what is missing for each."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from frontend.answer_text import plain_label
from frontend.chat.modes import choose_mode, why_not
from frontend.phases.drafts import begin_copy
from frontend.session import texts
from frontend.views import Phase


def draw_phases(phases: Sequence[Phase]) -> None:
    """The list, one's own phases first."""
    say = texts()
    st.title(say("phases.title"), anchor=False)
    st.markdown(say("phases.hint"))
    own = [each for each in phases if not each.built_in]
    st.button(
        say("phases.new"), key="new-phase", icon=":material/add:", type="primary", on_click=begin_copy,
        args=(phases[0].name,), disabled=not phases,
    )  # fmt: skip
    if own:
        st.subheader(say("phases.own"), anchor=False)
        for phase in own:
            _draw_row(phase)
    st.subheader(say("phases.built_in"), anchor=False)
    for phase in phases:
        if phase.built_in:
            _draw_row(phase)


def _draw_row(phase: Phase) -> None:
    say = texts()
    with st.container(border=True, key=f"phase-{phase.name}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain_label(phase.title_in(say.language))}**", width="content")
            st.caption(phase.name, width="content")
            if phase.version is not None:
                st.badge(say("phases.version", version=phase.version), color="blue")
            if not phase.available:
                st.badge(say("phases.not_now"), icon=":material/block:", color="gray")
        st.text(phase.description_in(say.language))
        if not phase.available:
            st.caption(plain_label(why_not(phase)))
        with st.container(horizontal=True):
            st.button(
                say("phases.open"), key=f"open-{phase.name}", icon=":material/visibility:", on_click=open_phase,
                args=(phase.name,),
            )  # fmt: skip
            draw_try(phase)


def draw_try(phase: Phase) -> None:
    """The button that opens a new conversation in this phase."""
    say = texts()
    if st.button(
        say("phases.try"), key=f"try-{phase.name}", icon=":material/play_arrow:", disabled=not phase.available,
        help=None if phase.available else plain_label(why_not(phase)),
    ):  # fmt: skip
        choose_mode(phase.name)
        st.session_state["open-thread"] = ""
        st.switch_page("app_pages/chat.py")


def open_phase(name: str) -> None:
    """Shows this phase; "" the list."""
    if name:
        st.query_params["phase"] = name
    else:
        st.query_params.pop("phase", None)
