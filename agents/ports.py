"""What the agents floor asks of language models."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from agents.messages.parts import Message, ToolCall

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "unknown"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TextPiece:
    """The next piece of the model's answer."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFinished:
    """Why the model stopped; comes once, after all text and calls."""

    reason: FinishReason


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenUsage:
    input_tokens: int
    output_tokens: int


ModelEvent = TextPiece | ToolCall | ModelFinished | TokenUsage


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolDefinition:
    """What a model is told of a tool; `parameters` is the JSON Schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelOptions:
    """How a model is to answer; None leaves it to the model. `tool_choice` is `auto`, `none`, `required` or a tool's
    name; with `json_mode` the answer is one JSON object."""

    temperature: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    tool_choice: str | None = None
    json_mode: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelProfile:
    """What a model can do. None: not known, so it is asked for and its endpoint may refuse.

    `tool_calls`: `native` in the protocol, or `text`: only by what it writes. `context_length` counts tokens.
    """

    tool_calls: Literal["native", "text"] = "native"
    vision: bool | None = None
    json_mode: bool | None = None
    context_length: int | None = None
    streams_usage: bool = True


class ChatModel(Protocol):
    """A language model. Closing what `stream` returns closes the connection."""

    @property
    def name(self) -> str: ...

    @property
    def profile(self) -> ModelProfile: ...

    def stream(
        self, messages: Sequence[Message], tools: Sequence[ToolDefinition] = (), options: ModelOptions | None = None
    ) -> AsyncGenerator[ModelEvent, None]:
        """The answer as it comes: text, then whole tool calls, then ModelFinished, then TokenUsage if it is counted.

        Raises ModelUnavailable, and ModelRefused, also for what the profile says the model cannot do (agents.errors).
        """
        ...
