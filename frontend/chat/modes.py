"""The picker of modes: how the next question is worked on. What cannot be chosen now is shown with the reason."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from frontend.answer_text import plain_label
from frontend.session import texts
from frontend.views import Phase

_CHOSEN = "phase"
_PICKER = "mode"
"""Whether the picker is open; one click on a mode closes it."""


def chosen_mode() -> str | None:
    """The phase that is chosen; None leaves it to the server."""
    name: str | None = st.session_state.get(_CHOSEN)
    return name


def choose_mode(name: str) -> None:
    """Work on the next questions so."""
    st.session_state[_CHOSEN] = name


def why_not(phase: Phase) -> str:
    """Why it cannot be chosen now, in the language of the session."""
    say = texts()
    sentences = [say.of("phase_missing", each) for each in phase.missing]
    return " ".join(sentences) or phase.reason


def draw_mode_picker(phases: Sequence[Phase], *, with_model: bool) -> None:
    """A button that names the mode, and opens all of them. `with_model`: a model is chosen for the next question."""
    say = texts()
    if not phases:
        return
    reasons = {each.name: _reason(each, with_model) for each in phases}
    if reasons.get(chosen_mode() or "", "gone"):
        choose_mode(next((each.name for each in phases if each.is_default), phases[0].name))
    current = next(each for each in phases if each.name == chosen_mode())
    title = plain_label(current.title_in(say.language))
    with st.popover(
        title, icon=":material/alt_route:", help=say("chat.mode"), key=_PICKER, wrap=False, on_change="rerun"
    ):
        for phase in phases:
            _draw_mode(phase, reasons[phase.name], phase.name == current.name)


def _draw_mode(phase: Phase, reason: str, chosen: bool) -> None:
    say = texts()
    with st.container(gap=None, key=f"mode-{phase.name}"):
        st.button(
            plain_label(phase.title_in(say.language)), key=f"choose-{phase.name}", disabled=bool(reason),
            type="primary" if chosen else "tertiary", icon=":material/check:" if chosen else None,
            on_click=_pick, args=(phase.name,),
        )  # fmt: skip
        st.caption(plain_label(reason or phase.description_in(say.language)))


def _pick(name: str) -> None:
    choose_mode(name)
    st.session_state[_PICKER] = False


def _reason(phase: Phase, with_model: bool) -> str:
    if not phase.available:
        return why_not(phase) or texts()("phases.not_now")
    if "model" in phase.requires and not with_model:
        return texts()("phase_missing.chosen_model")
    return ""
