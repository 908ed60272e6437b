"""The empty conversation: what this is, and what to ask first, taken from the documents that there are."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from frontend.chat.composer import Choice
from frontend.chat.conversation import Conversation, ask
from frontend.chat.suggestions import draw_suggestions, starting_questions
from frontend.session import texts
from frontend.views import KnowledgeBase


def draw_welcome(bases: Sequence[KnowledgeBase], choice: Choice) -> None:
    """What this is in one line, then three real questions; before them the way to add documents, where there are none
    but the guide's."""
    say = texts()
    st.title(say("welcome.title"), anchor=False)
    st.markdown(say("welcome.line"))
    own = [base for base in bases if not base.is_sample]
    if not any(base.document_count for base in own):
        with st.container(key="welcome-add"):
            _draw_add(primary=True)
            st.caption(say("welcome.only_guide") if bases else say("welcome.no_knowledge"))
    chosen = choice.asked
    if not any(base.document_count for base in chosen):
        return
    empty = Conversation(thread=None, path=())
    found = starting_questions(chosen, choice.bases, say.language)
    with st.container(gap="small", key="welcome-questions"):
        draw_suggestions(found, choice, empty, key="card")
        st.button(
            say("welcome.can"), key="card-can", type="tertiary", icon=":material/help:", on_click=_ask_what,
            args=(choice,),
        )  # fmt: skip
    if any(base.document_count for base in own):
        _draw_add(primary=False)


def _draw_add(*, primary: bool) -> None:
    if st.button(
        texts()("welcome.add"), key="add-knowledge", type="primary" if primary else "tertiary",
        icon=":material/library_add:",
    ):  # fmt: skip
        st.switch_page("app_pages/knowledge.py")


def _ask_what(choice: Choice) -> None:
    ask("", texts()("welcome.can"), bases=choice.bases, model=choice.model, parent_id=None)
