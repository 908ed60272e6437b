"""One attempt at a run of a declared phase: what all its turns share, and what they hand on to each other."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from agents.answering.phase import AnswerPhase
from agents.errors import ModelRequired
from agents.events import PlanStep
from agents.evidence import Nearest
from agents.messages.trust import new_code
from agents.models.fallback import FallbackModel
from agents.phases.context import RunContext
from agents.phases.definition import PhaseDefinition
from agents.phases.parts import PhaseParts
from agents.phases.phase import PhaseEvent
from agents.ports import ChatModel
from agents.scheduler.budget import Meter
from agents.scheduler.evidence import EvidenceBook
from agents.scheduler.journal import Journal
from agents.scheduler.loops import ProgressGuard
from agents.scheduler.speaking import Answer
from knowledge.types import Verdict

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnResult:
    """What a turn of an agent came to. `text` is what it wrote; `result` what it decided, where it decides; `detail`
    says why. `influenced`: text that others wrote had a part in it. `said`: it was (part of) the answer."""

    text: str
    result: str = ""
    detail: str = ""
    influenced: bool = False
    said: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Contribution:
    """What a turn left for the agents after it to read."""

    agent: str
    text: str


@dataclass(kw_only=True, slots=True)
class Board:
    """What the agents of a run have brought about so far. Only what comes in one fixed order is written here, so that
    every attempt sees the same."""

    contributions: list[Contribution] = field(default_factory=list)
    results: dict[str, str] = field(default_factory=dict)
    """The last result of every agent that has had a turn."""
    plan: tuple[PlanStep, ...] = ()
    replans: int = 0
    returns: dict[str, str] = field(default_factory=dict)
    """Why the work of an agent was sent back, until it has been done again."""
    held: dict[str, str] = field(default_factory=dict)
    """What agents wrote for the user that has to be accepted first."""
    rounds: Counter[str] = field(default_factory=Counter)
    """How often each chain has been gone through."""
    visits: Counter[str] = field(default_factory=Counter)
    sent_back: Counter[str] = field(default_factory=Counter)
    influenced: bool = False
    """Text that others wrote is part of what later agents read."""


@dataclass(kw_only=True, slots=True)
class Performance:
    """Shared by all turns of one attempt; belongs to one event loop."""

    definition: PhaseDefinition
    context: RunContext
    parts: PhaseParts
    emit: Callable[[PhaseEvent], None]
    journal: Journal
    meter: Meter
    evidence: EvidenceBook
    answer: Answer
    answering: AnswerPhase
    executor: Executor
    language: str
    acts: Mapping[str, Any]
    """How agents take their turns, by kind."""
    board: Board = field(default_factory=Board)
    progress: ProgressGuard = field(default_factory=ProgressGuard)
    code: str = field(default_factory=new_code)
    """Marks what others wrote in messages to models; nobody who wrote it can guess it."""
    verdict: Verdict | None = None
    """How surely the answer answers, where an agent of its own has judged that."""
    nearest: tuple[Nearest, ...] = ()
    modes: set[str] = field(default_factory=set)

    async def compute(self, call: Callable[..., Value], *arguments: object, **named: object) -> Value:
        """The result of a call that computes, made in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self.executor, partial(call, *arguments, **named))

    async def model_for(self, name: str | None, fallbacks: Sequence[str]) -> ChatModel:
        """The model of an agent. Raises ModelRequired, and what opening a model raises."""
        model = self.context.model if name is None else await asyncio.to_thread(self._named, name)
        if model is None:
            raise ModelRequired(
                f"The phase {self.definition.name!r} needs a language model: add one under Models, or choose it."
            )
        if not fallbacks:
            return model
        return FallbackModel(model, [partial(self._named, each) for each in fallbacks])

    def _named(self, name: str) -> ChatModel:
        model = self.context.model_named(name) if self.context.model_named is not None else None
        if model is None:
            raise ModelRequired(f"The phase {self.definition.name!r} needs the model {name!r}: add it under Models.")
        return model

    def spoken_as(self, mode: str) -> None:
        """How a part of the answer was made."""
        self.modes.add(mode)
