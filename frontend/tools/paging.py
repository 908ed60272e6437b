"""Long lists page by page: by an offset where the number of all is known, by cursors where it is not."""

from __future__ import annotations

import streamlit as st

from frontend.session import texts

PAGE = 100


def page_start(key: str, question: str = "") -> int:
    """Where the page that is shown begins; at the beginning again once another `question` is asked."""
    if st.session_state.get(f"{key}-asked") != question:
        st.session_state[f"{key}-asked"] = question
        st.session_state[f"{key}-start"] = 0
    return int(st.session_state.get(f"{key}-start", 0))


def draw_pages(key: str, start: int, shown: int, total: int) -> None:
    """The way to the pages before and after this one, where there are any."""
    if total <= shown and not start:
        return
    say = texts()
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key=f"{key}-pages"):
        st.button(
            say("pages.before"), key=f"{key}-before", icon=":material/chevron_left:", disabled=start == 0,
            on_click=_go, args=(key, max(0, start - PAGE)),
        )  # fmt: skip
        st.caption(say("pages.shown", first=start + 1, last=start + shown, count=total), width="content")
        st.button(
            say("pages.after"), key=f"{key}-after", icon=":material/chevron_right:", disabled=start + shown >= total,
            on_click=_go, args=(key, start + PAGE),
        )  # fmt: skip


def _go(key: str, start: int) -> None:
    st.session_state[f"{key}-start"] = start


def cursor_of(key: str, question: str) -> str:
    """The cursor of the page that is shown; that of the first once another `question` is asked."""
    if st.session_state.get(f"{key}-asked") != question:
        st.session_state[f"{key}-asked"] = question
        st.session_state[f"{key}-cursors"] = []
    cursors: list[str] = st.session_state[f"{key}-cursors"]
    return cursors[-1] if cursors else ""


def draw_cursors(key: str, following: str | None) -> None:
    """The way to the pages before and after this one, where there are any."""
    cursors: list[str] = st.session_state[f"{key}-cursors"]
    if not cursors and following is None:
        return
    say = texts()
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key=f"{key}-pages"):
        st.button(
            say("pages.before"), key=f"{key}-before", icon=":material/chevron_left:", disabled=not cursors,
            on_click=_move, args=(key, cursors[:-1]),
        )  # fmt: skip
        st.caption(say("pages.page", number=len(cursors) + 1), width="content")
        st.button(
            say("pages.after"), key=f"{key}-after", icon=":material/chevron_right:", disabled=following is None,
            on_click=_move, args=(key, [*cursors, following]),
        )  # fmt: skip


def _move(key: str, cursors: list[str]) -> None:
    st.session_state[f"{key}-cursors"] = cursors
