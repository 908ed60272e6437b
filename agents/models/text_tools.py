"""Any chat model as one that calls tools: they are described in its prompt, and read from what it writes."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from agents.messages.parts import Message, ToolCall
from agents.models.text_calls import ParsedText, parse_calls
from agents.models.text_calls.found import FoundCall
from agents.models.text_calls.holding import HeldText
from agents.models.text_calls.labels import find_labels
from agents.models.text_calls.rendering import rendered_messages, repair_message
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

_LONGEST_HELD = 400_000
_LOOKED_AT_EVERY = 200


class TextToolModel:
    """A ChatModel that calls tools, over one that only writes. What is no call streams through as it comes; a call that
    cannot be read is asked for once more, and then handed on as it is for whoever makes calls to say what is wrong."""

    def __init__(self, model: ChatModel) -> None:
        self._model = model

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def profile(self) -> ModelProfile:
        return replace(self._model.profile, tool_calls="native")

    async def stream(
        self, messages: Sequence[Message], tools: Sequence[ToolDefinition] = (), options: ModelOptions | None = None
    ) -> AsyncGenerator[ModelEvent, None]:
        """See ChatModel."""
        if options is not None and options.tool_choice == "none":
            tools = ()
        told = rendered_messages(messages, tools, options)
        plain = None if options is None else replace(options, tool_choice=None)
        answer = _Answer(tools)
        async with aclosing(self._model.stream(told, (), plain)) as events:
            async for event in events:
                shown = answer.take(event)
                if shown:
                    yield TextPiece(text=shown)
                if answer.is_over:
                    break
        parsed = answer.parsed()
        if parsed.problem and not answer.is_cut:
            parsed = await self._repaired(answer, parsed, told, plain)
        rest = answer.unshown(parsed)
        if rest:
            yield TextPiece(text=rest)
        begun = sum(len(message.tool_calls) for message in messages)
        for number, call in enumerate(parsed.calls, start=begun + 1):
            yield _tool_call(call, number)
        yield ModelFinished(reason="tool_calls" if parsed.calls else answer.reason)
        if answer.usage is not None:
            yield answer.usage

    async def _repaired(
        self, answer: _Answer, parsed: ParsedText, told: Sequence[Message], options: ModelOptions | None
    ) -> ParsedText:
        """The calls as they are written the second time; those of the first where that is no better."""
        again = _Answer(answer.tools)
        asked = [*told, Message.of("assistant", answer.text), repair_message(parsed, answer.tools)]
        async with aclosing(self._model.stream(asked, (), options)) as events:
            async for event in events:
                again.take(event)
                if again.is_over:
                    break
        answer.count(again.usage)
        second = again.parsed()
        return replace(second, text=parsed.text) if second.calls and not second.problem else parsed


@dataclass(slots=True)
class _Answer:
    """What a model has written so far, and how much of it was shown."""

    tools: Sequence[ToolDefinition]
    reason: FinishReason = "stop"
    usage: TokenUsage | None = None
    is_over: bool = False
    _pieces: list[str] = field(default_factory=list)
    _shown: list[str] = field(default_factory=list)
    _holding: HeldText = field(init=False)
    _length: int = 0
    _looked: int = 0

    def __post_init__(self) -> None:
        self._holding = HeldText(self.tools)

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    @property
    def is_cut(self) -> bool:
        """Whether the model was stopped before its end."""
        return self.reason in ("length", "content_filter")

    def take(self, event: ModelEvent) -> str:
        """The text that may be shown now."""
        match event:
            case TextPiece():
                self._pieces.append(event.text)
                self._length += len(event.text)
                shown = self._holding.feed(event.text) if self.tools else event.text
                if shown:
                    self._shown.append(shown)
                self.is_over = self._makes_up_results()
                return shown
            case ModelFinished():
                self.reason = event.reason
            case TokenUsage():
                self.count(event)
            case ToolCall():
                pass
        return ""

    def count(self, usage: TokenUsage | None) -> None:
        """Add what was used."""
        if usage is not None:
            before = self.usage or TokenUsage(input_tokens=0, output_tokens=0)
            self.usage = TokenUsage(
                input_tokens=before.input_tokens + usage.input_tokens,
                output_tokens=before.output_tokens + usage.output_tokens,
            )

    def parsed(self) -> ParsedText:
        """What the whole text comes to."""
        if not self.tools or self._holding.is_final:
            return ParsedText(text=self.text, is_final=True)
        return parse_calls(self.text, self.tools, is_whole=not self.is_cut)

    def unshown(self, parsed: ParsedText) -> str:
        """What of the answer was not shown yet, and is to be."""
        if not self.tools:
            return ""
        shown = "".join(self._shown)
        if self._holding.is_final:
            return self._holding.held
        if not parsed.calls and not parsed.is_final:
            return self._without_label() if self._holding.held else ""
        if not shown.strip():
            return parsed.text
        # What was shown is a beginning of the text: of what is said beside calls the rest follows.
        said, seen = parsed.text, shown.lstrip()
        return said[len(seen) :] if said.startswith(seen) else ""

    def _without_label(self) -> str:
        held = self._holding.held
        if "".join(self._shown).strip():
            return held
        first = next((label for label in find_labels(held) if label.kind == "thought"), None)
        return held[first.end :] if first is not None and not held[: first.start].strip() else held

    def _makes_up_results(self) -> bool:
        """Whether the model goes on with a result that nobody gave it, after a call: nothing of that is wanted."""
        if not self._holding.is_holding or self._length - self._looked < _LOOKED_AT_EVERY:
            return False
        self._looked = self._length + self._length // 4
        if self._length > _LONGEST_HELD:
            return True
        labels = find_labels(self._holding.held)
        return any(label.kind == "observation" and label.is_line_start for label in labels) and bool(
            parse_calls(self.text, self.tools, is_whole=False).calls
        )


def _tool_call(call: FoundCall, number: int) -> ToolCall:
    written = call.raw if call.arguments is None else json.dumps(call.arguments, ensure_ascii=False)
    return ToolCall(id=f"call_{number}", name=call.name, arguments=written)
