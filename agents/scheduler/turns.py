"""A turn of an agent: its place in the run, its model, and what it reads."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from agents.answering.deltas import feed_in_turns
from agents.events import AgentFinished, AgentStarted
from agents.messages.parts import Message, ToolCall
from agents.models.text_tools import TextToolModel
from agents.phases.definition import AgentDefinition
from agents.ports import ModelFinished, ModelOptions, TextPiece, ToolDefinition
from agents.scheduler.asking import JournaledModel, Said, Thinks
from agents.scheduler.performance import Performance, TurnResult

Act = Callable[["Turn"], Awaitable[TurnResult]]

LONGEST_PATH = 300
"""Letters of a path; keys of the journal begin with one, and its column holds 500."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """What a turn is given besides the question and the work so far. `parts` are pieces of its message, in order; text
    of others in them is wrapped. `instead_of_work`: the work so far is in them already."""

    parts: tuple[str, ...] = ()
    instead_of_work: bool = False


@dataclass(kw_only=True)
class Turn:
    """One turn. `path` names it among all turns of the run and is the same in every attempt; `live`: what it says is
    shown while it is written, which of several at once it cannot be."""

    work: Performance
    name: str
    agent: AgentDefinition
    path: str
    parent_id: str = ""
    task: Task = Task()
    live: bool = True
    influenced: bool = False
    speaks: bool = False
    handoffs: tuple[str, ...] = ()
    _counts: Counter[str] = field(default_factory=Counter)

    def key(self, kind: str) -> str:
        """The key of the turn's next step of this kind."""
        self._counts[kind] += 1
        return f"{self.path}/{kind}.{self._counts[kind]}"

    def below(self, name: str, task: Task = Task(), *, live: bool | None = None, branch: str = "") -> Turn:
        """A turn of another agent that is part of this one."""
        path = self.key(name) if not branch else f"{self.path}/{branch}.{name}"
        if len(path) > LONGEST_PATH:
            path = f"…{hashlib.sha256(path.encode()).hexdigest()[:32]}"
        agent = self.work.definition.agents[name]
        return Turn(
            work=self.work,
            name=name,
            agent=agent,
            path=path,
            parent_id=self.path,
            task=task,
            live=self.live if live is None else live,
            influenced=self.influenced,
            speaks=agent.speaks,
            handoffs=(*self.handoffs, name),
        )

    async def model(self, thinks: Thinks, *, calls: bool = False) -> JournaledModel:
        """The agent's model, within this turn; one that `calls` tools, if need be by what it writes."""
        model = await self.work.model_for(self.agent.model, self.agent.fallback_models)
        if calls and model.profile.tool_calls == "text":
            model = TextToolModel(model)
        return JournaledModel(
            model=model,
            journal=self.work.journal,
            meter=self.work.meter,
            next_key=lambda: self.key("model"),
            step_id=self.path,
            agent=self.name,
            thinks=thinks,
        )

    async def ask(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolDefinition] = (),
        options: ModelOptions | None = None,
        *,
        heard: Callable[[str], None] | None = None,
        thinks: Thinks = lambda _said: False,
    ) -> Said:
        """The model's whole answer; `heard` is given its text as it comes."""
        model = await self.model(thinks, calls=bool(tools))
        pieces: list[str] = []
        calls: list[ToolCall] = []
        said = Said(text="")
        async with aclosing(model.stream(messages, tools, options)) as events:
            async for event in events:
                if isinstance(event, TextPiece):
                    pieces.append(event.text)
                    if heard is not None:
                        await feed_in_turns(heard, event.text)
                elif isinstance(event, ToolCall):
                    calls.append(event)
                elif isinstance(event, ModelFinished):
                    said = Said(text="", reason=event.reason)
        return replace(said, text="".join(pieces), calls=tuple(calls))

    async def say(self, messages: Sequence[Message]) -> str:
        """The model's answer to these messages, said to the user if the agent speaks, else told as a thought."""
        if not (self.speaks and self.live):
            said = await self.ask(messages, thinks=lambda _said: not self.speaks)
            return said.text
        writer = self.work.answer.writer()
        try:
            await self.ask(messages, heard=writer.feed)
        finally:
            text = writer.finish()
        self.work.spoken_as("model")
        return text

    async def tell(self, text: str) -> str:
        """Say a text that is finished, made safe, if the agent speaks and nothing else is being said."""
        if not (self.speaks and self.live and text.strip()):
            return text
        writer = self.work.answer.writer()
        try:
            await feed_in_turns(writer.feed, text)
        finally:
            said = writer.finish()
        self.work.spoken_as("model")
        return said


async def take(turn: Turn) -> TurnResult:
    """Let an agent have its turn: told when it begins and when it ends, its result noted."""
    work, journal = turn.work, turn.work.journal
    act: Act = work.acts[turn.agent.kind]
    title = turn.agent.title
    journal.note(f"{turn.path}/begun", {}, AgentStarted(
        agent=turn.name,
        role=turn.agent.kind,
        step_id=turn.path,
        parent_id=turn.parent_id,
        title=("" if title is None else title.zh if work.language == "zh" else title.en),
    ))  # fmt: skip
    begun = time.perf_counter()
    result = await act(turn)
    result = replace(result, influenced=result.influenced or turn.influenced)
    work.board.results[turn.name] = result.result
    journal.note(f"{turn.path}/ended", {}, AgentFinished(
        agent=turn.name,
        step_id=turn.path,
        parent_id=turn.parent_id,
        result=result.result,
        detail=result.detail,
        duration_ms=round((time.perf_counter() - begun) * 1000, 3),
    ))  # fmt: skip
    if turn.agent.kind != "human":  # people may say the same as often as they like
        work.progress.note(turn.name, result.text)
    return result
