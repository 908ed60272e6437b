"""Questions worth asking, as buttons: to begin with, and after an answer."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from frontend.answer_text import plain_label
from frontend.chat.composer import Choice
from frontend.chat.conversation import Conversation, ask
from frontend.client import Api, ApiError
from frontend.session import api, texts
from frontend.views import KnowledgeBase, Message, Page, Suggestion

STARTING = 3


def starting_questions(bases: Sequence[KnowledgeBase], chosen: Sequence[str], language: str) -> list[Suggestion]:
    """Questions of these bases, none chosen: of all; empty when they cannot be had, which is no reason not to greet."""
    stamps = tuple((base.id, base.document_count, str(base.changed_at)) for base in bases)
    try:
        return _starting(api(), tuple(chosen), stamps, language)
    except ApiError:
        return []


@st.cache_data(ttl=300, max_entries=200, show_spinner=False)
def _starting(
    _api: Api, chosen: tuple[str, ...], stamps: tuple[tuple[str, int, str], ...], language: str
) -> list[Suggestion]:
    """As long as the bases are as their `stamps` say."""
    query = {"language": language, "limit": STARTING, "knowledge_base": list(chosen)}
    return _api.get(Page[Suggestion], "/suggestions", query).items


def draw_suggestions(found: Sequence[Suggestion], choice: Choice, conversation: Conversation, *, key: str) -> None:
    """A button for each question, which asks it at once."""
    for index, each in enumerate(found):
        st.button(
            plain_label(each.question), key=f"{key}-{index}", icon=":material/chat_bubble:", wrap=True,
            on_click=ask, args=(conversation.id, each.question),
            kwargs={"bases": choice.bases, "model": choice.model, "parent_id": conversation.last_id},
        )  # fmt: skip


def draw_follow_ups(conversation: Conversation, message: Message, choice: Choice) -> None:
    """What to ask next, after the last answer; nothing where its sources have no other headings."""
    found = _follow_ups(message)
    if not found:
        return
    with st.container(horizontal=True, gap="small", key=f"next-{message.id}"):
        st.caption(texts()("chat.next"), width="content")
        draw_suggestions(found, choice, conversation, key=f"follow-{message.id}")


def _follow_ups(message: Message) -> list[Suggestion]:
    """Asked for once in a session: an answer does not change any more."""
    known: dict[str, list[Suggestion]] = st.session_state.setdefault("follow-ups", {})
    if message.id not in known:
        try:
            known[message.id] = api().get(Page[Suggestion], f"/messages/{message.id}/suggestions").items
        except ApiError:
            return []
    return known[message.id]
