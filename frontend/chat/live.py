"""An answer while it is being written: the steps with a running clock, and the text as it comes."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import streamlit as st

from frontend.answer_text import plain_label, prepare_answer
from frontend.chat.conversation import Conversation
from frontend.chat.messages import AVATARS
from frontend.client import ApiError
from frontend.run_state import RunState, run_states
from frontend.runs.approvals import draw_approvals
from frontend.runs.following import follow, state_of, watch
from frontend.runs.timeline import Timeline
from frontend.session import show_error, texts
from frontend.views import Message

DRAW_EVERY_S = 0.06
"""The whole text is parsed anew at each drawing, so it is drawn about sixteen times a second, not for every word."""


def follow_answer(conversation: Conversation, message: Message) -> None:
    """Draws the run of the last message up to its end, then reruns the page, which shows it as it is stored.

    It begins after the last event this session has seen. The state is filled in place and every beat draws something:
    a click that ends this script (stop, another conversation) loses nothing and is heard within a second.
    """
    run_id = conversation.running
    state = run_states().setdefault(run_id, RunState())
    with st.container(key=f"message-{message.id}"), st.chat_message("assistant", avatar=AVATARS["assistant"]):
        drawing = _Drawing(run_id, state, message)
        draw_approvals(run_id, state.trace.pending)
        try:
            for _ in follow(run_id, state):
                drawing.update()
        except ApiError as error:
            show_error(error, "run")
            return
    st.rerun()


def wait_for_decision(message: Message) -> None:
    """Draws the run of the last message while it is parked until a person decides, here or in another window."""
    run_id = message.run_id or ""
    with st.container(key=f"message-{message.id}"), st.chat_message("assistant", avatar=AVATARS["assistant"]):
        try:
            state = state_of(run_id)
        except ApiError as error:
            show_error(error, "run")
            return
        if state.waiting:
            with st.expander(texts()("chat.waiting"), type="compact", icon=":material/front_hand:", expanded=True):
                Timeline(run_id, live=False).update(state.trace)
            if state.text:
                st.markdown(prepare_answer(state.text))
            with st.container(key=decision_place(message)):
                draw_approvals(run_id, state.trace.pending)
            watch(run_id, state)
            return
    st.rerun()


def decision_place(message: Message) -> str:
    """The key of the container in which a message asks for a decision."""
    return f"decide-{message.id}"


class _Drawing:
    """The elements of a live answer; `update` brings them to the state."""

    def __init__(self, run_id: str, state: RunState, message: Message) -> None:
        self._say = texts()
        self._state = state
        passed = (datetime.now(UTC) - message.created_at).total_seconds() if message.created_at else 0.0
        self._begun = time.monotonic() - max(0.0, passed - message.waited_s)
        self._status = st.status(self._label(), type="compact")
        with self._status:
            self._timeline = Timeline(run_id, live=True)
        self._text = st.empty()
        self._drawn_text = ""
        self._drawn_at = 0.0
        self.update()

    def update(self) -> None:
        pause = DRAW_EVERY_S - (time.monotonic() - self._drawn_at)
        if pause > 0:
            time.sleep(pause)
        self._drawn_at = time.monotonic()
        trace = self._state.trace
        self._timeline.update(trace)
        # Said every time and the same every time: it opens once, and whoever closes it has closed it.
        self._status.update(label=self._label(), state="running", expanded=not trace.simple)
        if self._state.text != self._drawn_text:
            self._drawn_text = self._state.text
            self._text.markdown(prepare_answer(self._drawn_text))

    def _label(self) -> str:
        seconds = int(time.monotonic() - self._begun)
        doing = self._doing()
        attempt = self._state.attempt - self._state.waits
        again = f" · {self._say('chat.attempt', number=attempt)}" if attempt > 1 else ""
        return f":shimmer[{doing}] · {self._say('chat.seconds', seconds=seconds)}{again}"

    def _doing(self) -> str:
        entry = self._state.trace.running
        if entry is None:
            return self._say("chat.working")
        if entry.kind == "tool":
            return self._say("timeline.calling", tool=plain_label(entry.title))
        return self._say.of("step_doing", entry.title) if entry.kind == "step" else plain_label(entry.title)
