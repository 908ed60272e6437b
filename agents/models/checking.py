"""Trying a model out: whether it answers, streams and calls tools, and how fast."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal

from agents.errors import ModelRefused, ModelUnavailable
from agents.messages.parts import Message, ToolCall
from agents.models.text_calls import parse_calls
from agents.models.text_tools import TextToolModel
from agents.ports import ChatModel, ModelOptions, TextPiece, TokenUsage, ToolDefinition

_COUNT = "Write the numbers from 1 to 20, separated by spaces, and nothing else."
_CALL = "Call the tool report_word with the word ready. Do nothing else."
_TOOL = ToolDefinition(
    name="report_word",
    description="Takes a word.",
    parameters={"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
)

ToolCalling = Literal["native", "text", "none"]
"""How a model calls tools: by the protocol, by what it writes when it is told how, not at all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """Seconds until the first piece of an answer, whether it came in several, and tokens a second after the first; None
    where there was too little to measure."""

    first_s: float
    streams: bool
    tokens_per_second: float | None


async def measure_speed(model: ChatModel) -> Speed:
    """Ask for a short answer and time it. Raises ModelUnavailable, ModelRefused."""
    begun = time.perf_counter()
    moments: list[float] = []
    tokens = 0
    async with aclosing(model.stream([Message.of("user", _COUNT)], options=ModelOptions(max_tokens=200))) as events:
        async for event in events:
            if isinstance(event, TextPiece):
                moments.append(time.perf_counter())
            elif isinstance(event, TokenUsage):
                tokens = event.output_tokens
    if not moments:
        raise ModelUnavailable(f"{model.name} answered with nothing: check that it is a chat model.")
    lasted = moments[-1] - moments[0]
    made = (tokens or len(moments)) - 1
    rate = round(made / lasted, 1) if len(moments) > 2 and made > 0 and lasted > 0 else None
    return Speed(first_s=moments[0] - begun, streams=len(moments) > 1, tokens_per_second=rate)


async def find_tool_calling(model: ChatModel) -> ToolCalling:
    """Offer a tool and see what comes. Raises ModelUnavailable."""
    try:
        calls, text = await _asked(model)
    except ModelRefused:  # many servers refuse tools for models whose template has none
        calls, text = [], ""
    if calls:
        return "native"
    if parse_calls(text, [_TOOL]).calls:
        return "text"
    try:
        calls, _ = await _asked(TextToolModel(model))
    except ModelRefused:
        return "none"
    return "text" if calls else "none"


async def _asked(model: ChatModel) -> tuple[Sequence[ToolCall], str]:
    calls: list[ToolCall] = []
    text: list[str] = []
    asked = [Message.of("user", _CALL)]
    async with aclosing(model.stream(asked, [_TOOL], ModelOptions(max_tokens=300))) as events:
        async for event in events:
            if isinstance(event, ToolCall) and event.name == _TOOL.name:
                calls.append(event)
            elif isinstance(event, TextPiece):
                text.append(event.text)
    return calls, "".join(text)
