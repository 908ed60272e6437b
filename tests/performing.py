"""Performing declared phases without a server: a model and tools that a test tells what to do, and what is recorded."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from agents.messages.parts import Message, ToolCall
from agents.phases.context import RunContext
from agents.phases.definition import PhaseDefinition
from agents.phases.parts import PhaseParts
from agents.phases.phase import Outcome, Waiting
from agents.phases.spec import RunSpec
from agents.ports import ModelEvent, ModelFinished, ModelOptions, ModelProfile, TextPiece, TokenUsage, ToolDefinition
from agents.scheduler.journal import Recorded
from agents.scheduler.phase import DeclaredPhase
from agents.tools.policy import RolePolicy
from agents.tools.ports import Tool, ToolBox, ToolContext, ToolSpec
from knowledge.types import Scope

ME = Scope(workspace_id="local", user_id="local")
Replies = Callable[[Sequence[Message]], str | ToolCall]


@dataclass
class ToldModel:
    """A chat model that answers as a function of what it is asked; counts how often."""

    replies: Replies
    name: str = "told"
    profile: ModelProfile = field(default_factory=ModelProfile)
    asked: int = 0
    reports: bool = True

    async def stream(
        self, messages: Sequence[Message], tools: Sequence[ToolDefinition] = (), options: ModelOptions | None = None
    ) -> AsyncGenerator[ModelEvent, None]:
        self.asked += 1
        said = self.replies(messages)
        yield TextPiece(text=said) if isinstance(said, str) else said
        yield ModelFinished(reason="stop")
        if self.reports:
            yield TokenUsage(input_tokens=10, output_tokens=2)


class NoAudit:
    """Records nothing."""

    async def begin(
        self, spec: ToolSpec, arguments: Mapping[str, Any], context: ToolContext, *, decision: str, decided_by: str = ""
    ) -> str:
        return ""

    async def end(self, audit_id: str, *, status: str, output: str, duration_ms: float) -> None:
        pass


@dataclass
class Attempted:
    """What an attempt gave out: `told` all events, `journal` what it was given and what it recorded."""

    told: list[Any]
    journal: dict[str, Any]
    recorded: list[str]
    end: Outcome | Waiting | None

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.told if event.kind == "text_delta")

    def kinds(self) -> list[str]:
        return [event.kind for event in self.told]


def phase_of(definition: PhaseDefinition) -> DeclaredPhase:
    """The phase, without anything to search."""
    unused: Any = None
    return DeclaredPhase.of(definition, PhaseParts(searcher_for=unused, extractor=unused))


async def attempt(
    performed: DeclaredPhase,
    model: ToldModel,
    tools: Sequence[Tool] = (),
    journal: Mapping[str, Any] | None = None,
    *,
    may_wait: bool = True,
    code: Any = None,
    keeper: Any = None,
    **spec: Any,
) -> Attempted:
    """One attempt of a run, recorded in memory."""
    held = {tool.spec.name: tool for tool in tools}
    context = RunContext(
        run_id="r" * 32,
        thread_id="t" * 32,
        spec=RunSpec(**{"question": "How?", "phase": performed.name, "scope": ME, **spec}),
        model=model,
        may_wait=may_wait,
        toolbox=ToolBox(tools=held, policy=RolePolicy(listed=frozenset(held)), audit=NoAudit(), keeper=keeper),
        code=code,
        journal=dict(journal or {}),
    )
    found = Attempted(told=[], journal=dict(journal or {}), recorded=[], end=None)
    async with aclosing(performed.stream(context)) as stream:
        async for event in stream:
            if isinstance(event, Recorded):
                assert event.key not in found.journal, f"{event.key} is recorded twice"
                found.journal[event.key] = json.loads(json.dumps(event.value))
                found.recorded.append(event.key)
                found.told += event.events
                if event.stored is not None:
                    event.stored.set_result(True)
            elif isinstance(event, Outcome | Waiting):
                found.end = event
            else:
                found.told.append(event)
    return found


def approve(waiting: Waiting, journal: dict[str, Any]) -> dict[str, Any]:
    """The journal with everything approved that was asked."""
    decided = {"decision": "approve", "comment": "", "arguments": None, "decided_by": "me"}
    return {**journal, **{f"approval/{each['approval_id']}": decided for each in waiting.asked["approvals"]}}
