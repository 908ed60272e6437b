"""A phase: a way of doing a run. It is named; the runner looks it up and knows nothing else about it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from agents.events import Mode, RunEvent
from agents.evidence import Nearest
from agents.phases.context import RunContext
from agents.scheduler.journal import Recorded
from knowledge.types import Verdict

Requirement = Literal["model", "sandbox", "repositories", "web_search"]
"""What a run of a phase cannot do without."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Description:
    """One sentence for whoever chooses a phase, in both languages of the product."""

    en: str
    zh: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a phase ended. Its text is what it said in deltas; `mode` is how that text was really made."""

    verdict: Verdict
    mode: Mode
    nearest: tuple[Nearest, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """The phase ends this attempt because it needs an answer from outside, from a person for example.

    `asked` is a JSON object that says what for. The next attempt's spec has it in `resume`, together with the answer.
    """

    asked: Mapping[str, Any]


PhaseEvent = RunEvent | Recorded | Outcome | Waiting


class Phase(Protocol):
    """A way of doing a run, compiled once and used by any number of runs at the same time."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> Description: ...

    @property
    def requires(self) -> frozenset[Requirement]: ...

    def prepare(self) -> None:
        """Load what the first run needs, so that it is as fast as the second. May be called in a thread."""
        ...

    def stream(self, context: RunContext) -> AsyncGenerator[PhaseEvent, None]:
        """What happens, as it happens; the last event is an Outcome, or Waiting. Never an event that frames the run.

        Raises AgentError and KnowledgeError for what the user can act on. Closing it ends what is under way.
        """
        ...
