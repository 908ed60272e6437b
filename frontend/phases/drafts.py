"""What somebody is writing and has not saved: one text at a time, kept for the session."""

from __future__ import annotations

import re
from dataclasses import dataclass

import streamlit as st

from frontend.client import ApiError
from frontend.session import api, remember_error
from frontend.views import Phase

_NAME = re.compile(r"^name:[^\n]*", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """`name` and `version` are those of the phase that is changed; a new one has neither. `stamp` tells one draft from
    the next, whatever is typed into it."""

    text: str
    name: str | None = None
    version: int | None = None
    stamp: int = 0


def current_draft() -> Draft | None:
    """What is being written."""
    draft: Draft | None = st.session_state.get("phase-draft")
    return draft


def begin_draft(text: str, name: str | None = None, version: int | None = None) -> None:
    """Begin to write, in place of what was written before."""
    before = current_draft()
    stamp = 1 + (before.stamp if before is not None else st.session_state.get("phase-drafts", 0))
    st.session_state["phase-drafts"] = stamp
    st.session_state["phase-draft"] = Draft(text=text, name=name, version=version, stamp=stamp)


def begin_change(phase: Phase) -> None:
    """Change one's own phase."""
    begin_draft(phase.text, phase.name, phase.version)


def begin_copy(name: str) -> None:
    """Write a new phase that begins as this one is."""
    try:
        phase = api().phase(name)
    except ApiError as error:
        remember_error(error)
        return
    begin_draft(_NAME.sub(f"name: my_{name[:45]}", phase.text, count=1))


def keep_typed(text: str) -> None:
    """Remember what was typed."""
    draft = current_draft()
    if draft is not None:
        st.session_state["phase-draft"] = Draft(text=text, name=draft.name, version=draft.version, stamp=draft.stamp)


def end_draft() -> None:
    """Write no longer."""
    st.session_state.pop("phase-draft", None)
