"""What the agents floor asks of language models."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TextPiece:
    """The next piece of the model's answer."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenUsage:
    input_tokens: int
    output_tokens: int


ModelEvent = TextPiece | TokenUsage


class ChatModel(Protocol):
    """A language model. Closing what `stream` returns closes the connection."""

    @property
    def name(self) -> str: ...

    def stream(self, messages: Sequence[Message]) -> AsyncGenerator[ModelEvent, None]:
        """The answer as it comes. Raises ModelUnavailable, ModelRefused (see agents.errors)."""
        ...
