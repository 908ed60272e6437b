"""Tags of conversations in the side bar: show those of one tag, give and take them."""

from __future__ import annotations

import streamlit as st

from frontend.answer_text import plain_label
from frontend.client import ApiError
from frontend.session import api, explain, texts
from frontend.views import Page, Tag, Thread

LONGEST_TAG = 40
MOST_TAGS = 10
KEY = "thread-tag"


def draw_tags() -> str:
    """The tags there are, to choose one; nothing where there are none. Gives the one chosen."""
    say = texts()
    known = api().get(Page[Tag], "/thread-tags").items
    counts = {each.tag: each.count for each in known}
    if not counts:
        return ""
    if st.session_state.get(KEY) not in counts:
        st.session_state[KEY] = None
    chosen = st.pills(
        say("threads.tags"), list(counts), key=KEY, format_func=lambda tag: f"{plain_label(tag)} {counts.get(tag, 0)}",
        label_visibility="collapsed",
    )  # fmt: skip
    return chosen or ""


def edit_tags(thread: Thread) -> None:
    """A dialog with the tags of a conversation; new ones are typed."""
    say = texts()

    @st.dialog(say("threads.tag"))
    def ask() -> None:
        known = [each.tag for each in api().get(Page[Tag], "/thread-tags").items]
        with st.form("tag-thread", border=False):
            tags = st.multiselect(
                say("threads.tags"), sorted({*known, *thread.tags}), default=thread.tags, accept_new_options=True,
                max_selections=MOST_TAGS, placeholder=say("threads.tag_hint"),
            )  # fmt: skip
            if st.form_submit_button(say("action.save"), type="primary"):
                try:
                    api().change_thread(thread.id, tags=[tag.strip()[:LONGEST_TAG] for tag in tags if tag.strip()])
                except ApiError as error:
                    st.error(explain(error))
                else:
                    st.rerun()

    ask()
