"""What a run has come to, event by event: the one place where the interface interprets run events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import streamlit as st

from frontend.run_stream import FRAME_KINDS, TERMINAL_KINDS, Event
from frontend.run_trace import Trace
from frontend.views import Retrieved, decode


@dataclass(kw_only=True, slots=True)
class Step:
    name: str
    id: str = ""
    detail: str = ""
    duration_ms: float | None = None


@dataclass(kw_only=True, slots=True)
class RunState:
    """Grows with `apply`. An attempt above 1 follows a crash or the answer to what the run waited for: the text before
    it no longer counts, what is in its `trace` stays done."""

    last_event_id: int = 0
    attempt: int = 0
    mode: str = ""
    model: str = ""
    text: str = ""
    phase: str = ""
    question: str = ""
    steps: list[Step] = field(default_factory=list)
    trace: Trace = field(default_factory=Trace)
    retrieved: Retrieved | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    duration_ms: float = 0.0
    error: str = ""
    error_code: str = ""
    waits: int = 0
    """How often it waited for a person; each time a new attempt followed that no crash had caused."""
    waiting: bool = False
    """Whether it goes on only when a person has decided."""
    ended: str = ""
    """The kind of the last event, once it has come."""

    def apply(self, event: Event) -> None:
        """Takes in one event; events already seen and kinds not known change nothing."""
        if event.id <= self.last_event_id:
            return
        self.last_event_id = event.id
        if event.kind in FRAME_KINDS:
            self.waiting = event.kind == "run_waiting"
            self.waits += self.waiting
        handler = getattr(self, f"_on_{event.kind}", None)
        if handler is not None:
            handler(event.data)
        self.trace.apply(event.kind, event.data)
        if event.kind in TERMINAL_KINDS:
            self.ended = event.kind

    @property
    def step(self) -> str:
        """The step that is being done; empty between steps."""
        return self.steps[-1].name if self.steps and self.steps[-1].duration_ms is None else ""

    def _on_run_started(self, data: dict[str, object]) -> None:
        self.text, self.steps, self.retrieved = "", [], None
        self.attempt = int(str(data.get("attempt", 1)))
        self.mode, self.model = str(data.get("mode", "")), str(data.get("model", ""))
        self.phase, self.question = str(data.get("phase", "")), str(data.get("question", ""))

    def _on_step_started(self, data: dict[str, object]) -> None:
        step_id = str(data.get("step_id") or data["step"])  # events of earlier versions have no id
        self.steps.append(Step(name=str(data["step"]), id=step_id, detail=str(data.get("detail", ""))))

    def _on_step_finished(self, data: dict[str, object]) -> None:
        step_id = str(data.get("step_id") or data["step"])
        for step in reversed(self.steps):
            if step.id == step_id:
                step.duration_ms = float(str(data["duration_ms"]))
                step.detail = str(data.get("detail") or step.detail)
                return

    def _on_retrieved(self, data: dict[str, object]) -> None:
        found = decode(Retrieved, data)
        if found.hits or self.retrieved is None:  # what tools found has no rows of its own
            self.retrieved = found

    def _on_text_delta(self, data: dict[str, object]) -> None:
        self.text += str(data["text"])

    def _on_usage_reported(self, data: dict[str, object]) -> None:
        self.input_tokens += int(str(data["input_tokens"]))
        self.output_tokens += int(str(data["output_tokens"]))
        self.cost += float(str(data.get("cost", 0.0)))

    def _on_run_finished(self, data: dict[str, object]) -> None:
        self.text = str(data["text"])
        self.duration_ms = float(str(data.get("duration_ms", 0.0)))

    def _on_run_failed(self, data: dict[str, object]) -> None:
        self.error, self.error_code = str(data.get("message", "")), str(data.get("code", ""))


def replay(events: Iterable[Event]) -> RunState:
    """The state after these events."""
    state = RunState()
    for event in events:
        state.apply(event)
    return state


def run_states() -> dict[str, RunState]:
    """What this session has seen of runs, so that a rerun of the page goes on after the last event."""
    states: dict[str, RunState] = st.session_state.setdefault("run-states", {})
    return states
