"""What a phase is given to do a run with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.events import Mode
from agents.messages.parts import Message
from agents.phases.spec import RunSpec
from agents.ports import ChatModel, CodeRunner
from agents.tools.ports import ToolBox
from knowledge.types import Filters


@dataclass(frozen=True, kw_only=True, slots=True)
class RunContext:
    """A RunSpec with everything that it names found.

    `knowledge_bases` are those to search. `history` holds the turns before this one on its branch, oldest first, roles
    user and assistant, without the question itself; `instructions` are the wishes of a calling program about how to
    answer, which no rule of the phase gives way to. Without a `model` the run is extractive. `attempt` counts from 1;
    above that it follows a crash or an answer. `may_wait`: the run is stored, so its phase may wait for somebody.
    `toolbox` holds the tools that the run may use; `code` runs code in a sandbox, None where there is none; `journal`
    holds what earlier attempts recorded, by key. `model_named` opens another configured model; it may block, and raises
    what opening a model raises.
    """

    run_id: str
    thread_id: str
    spec: RunSpec
    knowledge_bases: tuple[str, ...] = ()
    history: tuple[Message, ...] = ()
    instructions: str = ""
    model: ChatModel | None = None
    attempt: int = 1
    may_wait: bool = False
    toolbox: ToolBox | None = None
    code: CodeRunner | None = None
    journal: Mapping[str, Any] = field(default_factory=dict)
    model_named: Callable[[str], ChatModel | None] | None = None

    @property
    def question(self) -> str:
        return self.spec.question

    @property
    def filters(self) -> Filters | None:
        """None when nothing is filtered, which earlier versions stored as filters that are all empty."""
        return None if self.spec.filters == Filters() else self.spec.filters

    @property
    def mode(self) -> Mode:
        return "extractive" if self.model is None else "model"
