"""Ways of doing a run. A phase is named; the runner looks it up and knows nothing else about it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from agents.events import Cited, Mode, Nearest, Retrieved, StepFinished, StepStarted, TextDelta, UsageReported
from agents.ports import ChatModel, Message
from knowledge.types import Filters


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRequest:
    """What a run is asked to do.

    `history` holds the turns before this one on its branch, oldest first, roles user and assistant, without the
    question itself. Without a `model` the run is extractive. `attempt` counts from 1; above that it follows a crash.
    """

    run_id: str
    thread_id: str
    question: str
    phase: str = "answer"
    knowledge_bases: tuple[str, ...] = ()
    filters: Filters | None = None
    history: tuple[Message, ...] = ()
    model: ChatModel | None = None
    attempt: int = 1
    top_k: int = 10

    @property
    def mode(self) -> Mode:
        return "extractive" if self.model is None else "model"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a phase ended. Its text is what it said in deltas; `mode` is how that text was really made."""

    answered: bool
    mode: Mode
    nearest: tuple[Nearest, ...] = ()


PhaseEvent = StepStarted | StepFinished | Retrieved | TextDelta | Cited | UsageReported | Outcome


class Phase(Protocol):
    """A way of doing a run, compiled once and used by any number of runs at the same time."""

    @property
    def name(self) -> str: ...

    def stream(self, request: RunRequest) -> AsyncGenerator[PhaseEvent, None]:
        """What happens, as it happens; the last event is an Outcome.

        Raises AgentError and KnowledgeError for what the user can act on. Closing it ends what is under way.
        """
        ...
