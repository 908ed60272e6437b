"""The part of a long conversation that is drawn: its last turns, earlier ones when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from frontend.branches import Turn
from frontend.chat.conversation import Conversation
from frontend.session import texts

DRAWN = 20
"""Messages that are drawn of a conversation when it is opened; a browser takes seconds for some hundred."""
_MORE = 40


def drawn_turns(conversation: Conversation, found: str = "") -> Sequence[Turn]:
    """The turns to draw, from a question on: the last ones, from the message `found` on if that is earlier. Turns once
    drawn stay while the conversation grows."""
    starts: dict[str, int] = st.session_state.setdefault("drawn-from", {})
    path = conversation.path
    start = starts.setdefault(conversation.id, max(0, len(path) - DRAWN)) if path else 0
    ids = [turn.message.id for turn in path]
    if found in ids:
        start = min(start, ids.index(found))
    while 0 < start < len(path) and path[start].message.role != "user":
        start -= 1
    starts[conversation.id] = start = start if start < len(path) else max(0, len(path) - DRAWN)
    return path[start:]


def draw_earlier(conversation: Conversation, drawn: Sequence[Turn]) -> None:
    """A button for the turns that are not drawn yet."""
    hidden = len(conversation.path) - len(drawn)
    if hidden:
        st.button(
            texts()("chat.earlier", count=hidden), key="earlier", icon=":material/expand_less:", width="stretch",
            on_click=_draw_more, args=(conversation.id, hidden),
        )  # fmt: skip


def _draw_more(thread_id: str, hidden: int) -> None:
    st.session_state["drawn-from"][thread_id] = max(0, hidden - _MORE)
