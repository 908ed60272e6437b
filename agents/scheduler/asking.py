"""A model whose finished answers are recorded: asked again by a later attempt, it repeats them for nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from typing import Any

from agents.answering.prompting import count_tokens
from agents.events import RunEvent, Thought, UsageReported
from agents.messages.parts import Message, ToolCall, ToolResult
from agents.ports import (
    ChatModel,
    FinishReason,
    ModelEvent,
    ModelFinished,
    ModelOptions,
    ModelProfile,
    TextPiece,
    TokenUsage,
    ToolDefinition,
)
from agents.scheduler.budget import Meter, Spent
from agents.scheduler.journal import Journal

Thinks = Callable[["Said"], bool]
"""Whether what a model wrote is told as a thought."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A model's whole answer."""

    text: str
    calls: tuple[ToolCall, ...] = ()
    reason: FinishReason = "unknown"


@dataclass(kw_only=True, slots=True)
class _Gathered:
    pieces: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    reason: FinishReason = "unknown"
    usage: TokenUsage | None = None

    def note(self, event: ModelEvent) -> None:
        if isinstance(event, TextPiece):
            self.pieces.append(event.text)
        elif isinstance(event, ToolCall):
            self.calls.append(event)
        elif isinstance(event, ModelFinished):
            self.reason = event.reason
        else:
            self.usage = event

    @property
    def said(self) -> Said:
        return Said(text="".join(self.pieces), calls=tuple(self.calls), reason=self.reason)


@dataclass(kw_only=True, slots=True)
class JournaledModel:
    """A ChatModel within one turn of an agent. Each of its answers is a step of the run: counted, and recorded before
    anybody acts on it."""

    model: ChatModel
    journal: Journal
    meter: Meter
    next_key: Callable[[], str]
    step_id: str = ""
    agent: str = ""
    thinks: Thinks = lambda _said: False

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def profile(self) -> ModelProfile:
        return self.model.profile

    async def stream(
        self, messages: Sequence[Message], tools: Sequence[ToolDefinition] = (), options: ModelOptions | None = None
    ) -> AsyncGenerator[ModelEvent, None]:
        key = self.next_key()
        recorded = self.journal.find(key)
        if recorded is not None:
            for event in _events_of(recorded):
                yield event
            return
        self.meter.begin_step()
        gathered = _Gathered()
        async with aclosing(self.model.stream(messages, tools, options)) as events:
            async for event in events:
                gathered.note(event)
                # Calls are acted on, so they go on when they are recorded; text is only read.
                if not isinstance(event, ToolCall):
                    yield event
        spent = _spent(gathered, messages, self.profile)
        self.meter.spend(spent)
        await self.journal.record(key, _entry(gathered, spent), *self._told(gathered))
        for call in gathered.calls:
            yield call

    def _told(self, gathered: _Gathered) -> list[RunEvent]:
        told: list[RunEvent] = []
        said, usage = gathered.said, gathered.usage
        if said.text.strip() and self.thinks(said):
            told.append(Thought(text=said.text.strip(), agent=self.agent, step_id=self.step_id))
        if usage is not None:
            told.append(UsageReported(
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens,
                step_id=self.step_id,
                cost=_cost(self.profile, usage),
            ))  # fmt: skip
        return told


def _spent(gathered: _Gathered, messages: Sequence[Message], profile: ModelProfile) -> Spent:
    """What the endpoint counted, or where it counts nothing about as much as was read and written."""
    usage = gathered.usage
    if usage is None:
        read = sum(count_tokens(_read(message)) for message in messages)
        written = count_tokens("".join(gathered.pieces)) + sum(count_tokens(call.arguments) for call in gathered.calls)
        usage = TokenUsage(input_tokens=round(read), output_tokens=round(written))
    return Spent(steps=1, tokens=usage.input_tokens + usage.output_tokens, cost=_cost(profile, usage))


def _cost(profile: ModelProfile, usage: TokenUsage) -> float:
    return (usage.input_tokens * profile.input_price + usage.output_tokens * profile.output_price) / 1_000_000


def _read(message: Message) -> str:
    results = "".join(part.content for part in message.parts if isinstance(part, ToolResult))
    return message.text + results


def _entry(gathered: _Gathered, spent: Spent) -> dict[str, Any]:
    calls = [{"id": call.id, "name": call.name, "arguments": call.arguments} for call in gathered.calls]
    used = {name: count for name, count in asdict(spent).items() if count}
    return {"text": "".join(gathered.pieces), "calls": calls, "reason": gathered.reason, "spent": used}


def _events_of(entry: dict[str, Any]) -> list[ModelEvent]:
    events: list[ModelEvent] = [TextPiece(text=entry["text"])] if entry["text"] else []
    events += [ToolCall(id=call["id"], name=call["name"], arguments=call["arguments"]) for call in entry["calls"]]
    return [*events, ModelFinished(reason=entry["reason"])]
