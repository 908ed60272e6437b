"""The conversation shown: its messages, the path through them, and what may be done with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from frontend.branches import Turn, shown_path, way_to
from frontend.chat.modes import chosen_mode
from frontend.chat.sidebar import open_thread
from frontend.client import ApiError
from frontend.run_state import RunState, run_states
from frontend.session import api, language, notify, remember_error, texts
from frontend.views import KnowledgeBase, Message, Thread

NO_MODEL = "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversation:
    """A conversation and the path through it that is shown; an empty one has no thread yet."""

    thread: Thread | None
    path: tuple[Turn, ...]
    message_count: int = 0
    """Of the whole tree, as it was read."""
    newest_id: str = ""

    @property
    def id(self) -> str:
        return self.thread.id if self.thread else ""

    @property
    def last_id(self) -> str | None:
        return self.path[-1].message.id if self.path else None

    @property
    def aside(self) -> bool:
        """Whether an older branch is shown, because it was chosen; what is asked then follows it."""
        return bool(self.newest_id) and self.last_id != self.newest_id

    @property
    def running(self) -> str:
        """The run that writes the last message or waits to go on with it; empty when none does."""
        last = self.path[-1].message if self.path else None
        if last is None or not last.active or not last.run_id:
            return ""
        return "" if run_states().get(last.run_id, RunState()).ended else last.run_id


def load_conversation(thread_id: str) -> Conversation:
    """The conversation of this id, an empty one for "". Raises ApiError."""
    if not thread_id:
        return Conversation(thread=None, path=())
    thread = api().thread(thread_id)
    messages = api().messages(thread_id)
    path = shown_path(messages, _chosen(thread_id))
    found = st.session_state.get("found-message", "")
    if found and all(turn.message.id != found for turn in path):
        _chosen(thread_id).update(way_to(messages, found))
        path = shown_path(messages, _chosen(thread_id))
    newest = messages[-1].id if messages else ""
    return Conversation(thread=thread, path=tuple(path), message_count=len(messages), newest_id=newest)


def follow_newest(conversation: Conversation) -> None:
    """Before a question: if the conversation went on in another window, this page shows that branch from now on, and
    says so. The server puts the question behind the newest answer."""
    if not conversation.id or conversation.aside:
        return
    try:
        stale = api().thread(conversation.id).message_count > conversation.message_count
    except ApiError:
        return  # asking will tell
    if stale:
        _chosen(conversation.id).clear()
        notify(texts()("chat.went_on"), ":material/update:")


def note_change(thread_id: str) -> None:
    """Other bases were chosen for this conversation: its answers may come out differently from now on."""
    st.session_state.setdefault("bases-changed", {})[thread_id] = datetime.now(UTC)


def may_differ(conversation: Conversation, message: Message, bases: Sequence[KnowledgeBase], model: str | None) -> bool:
    """Whether another answer to the same question can come out differently: a model writes it, another mode or other
    bases are chosen, or what can be found in them has changed since."""
    if message.status in ("failed", "cancelled") or message.mode != "extractive":
        return True
    if model not in (None, NO_MODEL) or (chosen_mode() or message.phase) != message.phase:
        return True
    made = message.created_at
    chosen: dict[str, datetime] = st.session_state.get("bases-changed", {})
    changes = [*(base.changed_at for base in bases), chosen.get(conversation.id)]
    return made is None or any(change > made for change in changes if change is not None)


def choose_branch(thread_id: str, turn: Turn, step: int) -> None:
    """Shows the sibling that many places on."""
    st.session_state.pop("found-message", None)
    sibling = turn.siblings[(turn.place + step) % len(turn.siblings)]
    _chosen(thread_id)[turn.message.parent_id or ""] = sibling.id


def ask(thread_id: str, text: str, *, bases: Sequence[str], model: str | None, parent_id: str | None) -> None:
    """Asks in this conversation, or in a new one; the page then follows the run."""
    body = {"input": text, "parent_id": parent_id}
    _start(thread_id, body, bases=bases, model=model)


def regenerate(thread_id: str, user_message_id: str, *, bases: Sequence[str], model: str | None) -> None:
    """Makes another answer to the same question."""
    _chosen(thread_id).pop(user_message_id, None)
    _start(thread_id, {"regenerate": True, "parent_id": user_message_id}, bases=bases, model=model)


def ask_edited(thread_id: str, turn: Turn, text: str, *, bases: Sequence[str], model: str | None) -> None:
    """Asks a changed question beside the one of `turn`; both stay."""
    _chosen(thread_id).pop(turn.message.parent_id or "", None)
    _start(thread_id, {"input": text, "edit_of": turn.message.id}, bases=bases, model=model)


def stop(run_id: str) -> None:
    """Stops the run in the backend; what is written so far stays."""
    try:
        api().cancel_run(run_id)
    except ApiError as error:
        remember_error(error)


def _start(thread_id: str, body: dict[str, Any], *, bases: Sequence[str], model: str | None) -> None:
    try:
        if not thread_id:
            thread_id = api().create_thread(bases).id
        mode = {"phase": chosen_mode()} if chosen_mode() else {}
        chosen = {"knowledge_bases": list(bases), "model": model, "language": language()}
        run = api().start_run(thread_id, {**body, **mode, **chosen})
    except ApiError as error:
        remember_error(error)
        if body.get("input"):
            st.session_state["unsent"] = body["input"]
    else:
        run_states().setdefault(run.id, RunState())
        st.session_state.pop("found-message", None)
        open_thread(thread_id)


def _chosen(thread_id: str) -> dict[str, str]:
    """Which child is shown under each message of this conversation, where the user chose."""
    chosen: dict[str, str] = st.session_state.setdefault("branches", {}).setdefault(thread_id, {})
    return chosen
