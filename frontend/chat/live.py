"""An answer while it is being written: the steps with a running clock, and the text as it comes."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from frontend.answer_text import prepare_answer
from frontend.chat.conversation import Conversation, run_states
from frontend.chat.messages import AVATARS
from frontend.client import ApiError
from frontend.run_state import RunState
from frontend.run_stream import RunStream
from frontend.session import api, show_error, texts
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
        drawing = _Drawing(state, message)
        try:
            with RunStream(api(), run_id, state.last_event_id) as following:
                for events in following:
                    for event in events:
                        state.apply(event)
                    drawing.update()
        except ApiError as error:
            show_error(error, "run")
            return
    st.rerun()


class _Drawing:
    """The elements of a live answer; `update` brings them to the state."""

    def __init__(self, state: RunState, message: Message) -> None:
        self._say = texts()
        self._state = state
        waited = (datetime.now(UTC) - message.created_at).total_seconds() if message.created_at else 0.0
        self._begun = time.monotonic() - max(0.0, waited)
        self._status = st.status(self._label(), type="compact")
        self._steps: list[Any] = []
        self._text = st.empty()
        self._drawn_text = ""
        self._drawn_at = 0.0
        self.update()

    def update(self) -> None:
        pause = DRAW_EVERY_S - (time.monotonic() - self._drawn_at)
        if pause > 0:
            time.sleep(pause)
        self._drawn_at = time.monotonic()
        self._draw_steps()
        self._status.update(label=self._label(), state="running")
        if self._state.text != self._drawn_text:
            self._drawn_text = self._state.text
            self._text.markdown(prepare_answer(self._drawn_text))

    def _label(self) -> str:
        seconds = int(time.monotonic() - self._begun)
        doing = self._say.of("step_doing", self._state.step) if self._state.step else self._say("chat.working")
        again = f" · {self._say('chat.attempt', number=self._state.attempt)}" if self._state.attempt > 1 else ""
        return f":shimmer[{doing}] · {self._say('chat.seconds', seconds=seconds)}{again}"

    def _draw_steps(self) -> None:
        steps = self._state.steps
        if len(steps) < len(self._steps):  # a new attempt begins from the first step
            self._steps.clear()
        for step in steps[len(self._steps) :]:
            with self._status:
                self._steps.append(st.status(self._say.of("step", step.name), type="step"))
        for step, drawn in zip(steps, self._steps, strict=True):
            if step.duration_ms is not None:
                name = self._say.of("step", step.name)
                label = f"{name} · {self._say('chat.milliseconds', number=round(step.duration_ms))}"
                drawn.update(label=label, state="complete")
