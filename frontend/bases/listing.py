"""The knowledge bases in a list, each with how it stands, looked up again while one of them is being built."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from frontend.answer_text import plain_label
from frontend.bases.state import ask_base, draw_badges, open_base, summary
from frontend.client import ApiError
from frontend.session import api, explain, texts
from frontend.views import KnowledgeBase

LOOK_EVERY_S = 3.0
LONGEST_DESCRIPTION = 160


def draw_list(bases: Sequence[KnowledgeBase]) -> None:
    """A row for each base."""
    if any(base.active_job_id for base in bases):
        _watch()
    else:
        _draw_rows(bases)


@st.fragment(run_every=LOOK_EVERY_S)
def _watch() -> None:
    try:
        bases = api().knowledge_bases()
    except ApiError as error:
        st.warning(explain(error))
        return
    if not any(base.active_job_id for base in bases):
        st.rerun()
    _draw_rows(bases)


def _draw_rows(bases: Sequence[KnowledgeBase]) -> None:
    for base in bases:
        with (
            st.container(border=True, key=f"base-{base.id}"),
            st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"),
        ):
            with st.container(width="stretch", gap=None):
                st.markdown(f"**{plain_label(base.name)}**")
                if base.description:
                    st.caption(plain_label(_shorten(base.description)))
                st.caption(summary(base))
            with st.container(horizontal=True, width="content", vertical_alignment="center"):
                draw_badges(base)
                _draw_buttons(base)


def _draw_buttons(base: KnowledgeBase) -> None:
    say = texts()
    name = plain_label(base.name)
    if base.chunk_count and st.button(
        say("base.ask"), key=f"ask-base-{base.id}", icon=":material/forum:", help=say("base.ask_help", name=name)
    ):
        ask_base(base)
    st.button(
        say("base.open"), key=f"open-base-{base.id}", icon=":material/arrow_forward:", on_click=open_base,
        args=(base.id,), help=say("base.open_help", name=name),
    )  # fmt: skip


def _shorten(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= LONGEST_DESCRIPTION else f"{flat[: LONGEST_DESCRIPTION - 1]}…"
