"""Writing a phase: its text, what is wrong with it as it is typed, and its picture."""

from __future__ import annotations

import streamlit as st

from frontend.client import ApiError
from frontend.components import code_editor
from frontend.phases.drafts import Draft, begin_draft, end_draft, keep_typed
from frontend.phases.listing import open_phase
from frontend.session import api, explain, notify, texts
from frontend.views import PhaseCheck, PhaseFinding

EDITOR = "phase-editor"
LONGEST_COMMENT = 1000


def draw_editor(draft: Draft) -> None:
    """The editor of what is being written."""
    say = texts()
    st.title(say("phases.change", name=draft.name) if draft.name else say("phases.new"), anchor=False)
    checked = api().check_phase(draft.text, draft.name, say.language)
    code_editor(
        draft.text, {**_marks(checked.warnings, "warning"), **_marks(checked.errors, "error")}, say("phases.text"),
        stamp=draft.stamp, key=EDITOR, on_change=_typed,
    )  # fmt: skip
    st.caption(say("phases.text_hint"))
    _draw_findings(checked)
    if checked.graph is not None:
        with st.expander(say("phases.picture"), expanded=False, icon=":material/account_tree:"):
            st.graphviz_chart(checked.graph.dot, width="content", alt=say("phases.picture"))
    st.text_input(say("phases.comment"), key="phase-comment", max_chars=LONGEST_COMMENT)
    with st.container(horizontal=True):
        saved = st.button(
            say("action.save"), key="save-phase", type="primary", icon=":material/save:", disabled=not checked.ok
        )
        st.button(say("action.cancel"), key="leave-phase", on_click=end_draft)
    if saved:
        _save(draft)


def _typed() -> None:
    text = st.session_state[EDITOR].get("text")
    if isinstance(text, str):
        keep_typed(text)


def _marks(findings: list[PhaseFinding], severity: str) -> dict[int, dict[str, str]]:
    return {each.line: {"severity": severity, "text": each.message} for each in reversed(findings)}


def _draw_findings(checked: PhaseCheck) -> None:
    say = texts()
    if checked.ok and not checked.warnings:
        st.success(say("phases.fine"), icon=":material/check_circle:")
    for index, (each, severity) in enumerate(
        [*((each, "error") for each in checked.errors), *((each, "warning") for each in checked.warnings)]
    ):
        with st.container(border=True, gap=None, key=f"finding-{index}"):
            with st.container(horizontal=True, vertical_alignment="center"):
                place = say("phases.place", line=each.line, column=each.column)
                st.badge(place, color="red" if severity == "error" else "orange")
                st.caption(say.of("phase_finding", each.code), width="content")
            # As text: they repeat what somebody wrote.
            st.text(f"{each.message} {each.hint}".strip())


def _save(draft: Draft) -> None:
    say = texts()
    comment = st.session_state.get("phase-comment", "").strip()
    try:
        if draft.name is None:
            saved = api().create_phase(draft.text, comment)
        else:
            saved = api().change_phase(draft.name, draft.text, comment, draft.version)
    except ApiError as error:
        st.error(explain(error), icon=":material/error:")
        if error.code == "version_conflict" and draft.name is not None:
            st.button(say("phases.take_newest"), key="newest-phase", on_click=_save_over, args=(draft,))
        return
    end_draft()
    notify(say("phases.saved", name=saved.name, version=saved.version))
    open_phase(saved.name)
    st.rerun()


def _save_over(draft: Draft) -> None:
    """Keep what was typed, as a change of the version that is the newest now; it is saved by saving again."""
    assert draft.name is not None
    begin_draft(draft.text, draft.name, api().phase(draft.name).version)
