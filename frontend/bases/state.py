"""How a knowledge base stands, in the same words wherever it is shown; and the ways from it to elsewhere."""

from __future__ import annotations

import streamlit as st

from frontend.answer_text import plain_label
from frontend.chat.composer import remember_bases
from frontend.session import api, texts
from frontend.views import KnowledgeBase


def summary(base: KnowledgeBase) -> str:
    """Its counts in one line: what was read, what waits to be, what could not be."""
    say = texts()
    read = base.document_count - base.waiting_count
    counts = [say("base.documents_count", count=read), say("base.chunks_count", count=base.chunk_count)]
    if base.waiting_count:
        counts.insert(1, say("base.waiting_count", count=base.waiting_count))
    if base.failed_count:
        counts.append(say("base.failed_count", count=base.failed_count))
    return " · ".join(counts)


def draw_badges(base: KnowledgeBase) -> None:
    """Whether it is being built, lacks vectors, or is ready."""
    say = texts()
    if base.active_job_id:
        st.badge(say("base.building"), icon=":material/autorenew:", color="blue")
    elif base.behind:
        names = ", ".join(f"{index.name} {index.done}/{index.total}" for index in base.behind)
        st.badge(say("base.behind"), icon=":material/hourglass_top:", color="orange", help=plain_label(names))
    elif base.chunk_count:
        st.badge(say("base.ready"), icon=":material/check_circle:", color="green")


def draw_state(base_id: str) -> KnowledgeBase:
    """Counts, badges and, where no build shows them, how far its indexes are; gives the base. Raises ApiError."""
    say = texts()
    base = api().knowledge_base(base_id)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(summary(base), width="content")
        draw_badges(base)
    if not base.active_job_id:
        for index in base.behind:
            st.caption(f"{say.of('stage', index.name)}: {index.done:,} / {index.total:,}")
    return base


def open_base(base_id: str) -> None:
    """Shows this base at the next run of the page; "" the list."""
    st.session_state["open-base"] = base_id


def ask_base(base: KnowledgeBase) -> None:
    """Goes to a new conversation that asks this base alone."""
    remember_bases([base.id])
    st.session_state.pop("bases-new", None)
    st.session_state["open-thread"] = ""
    st.switch_page("app_pages/chat.py")
