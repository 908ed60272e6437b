"""What a run has come to, event by event: the one place where the interface interprets run events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from frontend.run_stream import TERMINAL_KINDS, Event
from frontend.views import Retrieved, decode


@dataclass(kw_only=True, slots=True)
class Step:
    name: str
    id: str = ""
    detail: str = ""
    duration_ms: float | None = None


@dataclass(kw_only=True, slots=True)
class RunState:
    """Grows with `apply`. An attempt above 1 follows a crash: what came before it no longer counts."""

    last_event_id: int = 0
    attempt: int = 0
    mode: str = ""
    model: str = ""
    text: str = ""
    steps: list[Step] = field(default_factory=list)
    retrieved: Retrieved | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    duration_ms: float = 0.0
    ended: str = ""
    """The kind of the last event, once it has come."""

    def apply(self, event: Event) -> None:
        """Takes in one event; events already seen and kinds not known change nothing."""
        if event.id <= self.last_event_id:
            return
        self.last_event_id = event.id
        handler = getattr(self, f"_on_{event.kind}", None)
        if handler is not None:
            handler(event.data)
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
        self.retrieved = decode(Retrieved, data)

    def _on_text_delta(self, data: dict[str, object]) -> None:
        self.text += str(data["text"])

    def _on_usage_reported(self, data: dict[str, object]) -> None:
        self.input_tokens = int(str(data["input_tokens"]))
        self.output_tokens = int(str(data["output_tokens"]))

    def _on_run_finished(self, data: dict[str, object]) -> None:
        self.text = str(data["text"])
        self.duration_ms = float(str(data.get("duration_ms", 0.0)))


def replay(events: Iterable[Event]) -> RunState:
    """The state after these events."""
    state = RunState()
    for event in events:
        state.apply(event)
    return state
