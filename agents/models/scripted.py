"""The fake beside the port: a chat model that says what a test told it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from agents.errors import AgentError
from agents.messages.parts import Message, ToolCall
from agents.models.capabilities import check_capabilities
from agents.ports import (
    ModelEvent,
    ModelFinished,
    ModelOptions,
    ModelProfile,
    TextPiece,
    TokenUsage,
    ToolDefinition,
)


class ScriptedChatModel:
    """Says `pieces`, texts and calls, then what they cost; raises `error` after them instead, or after that many.

    `asked` holds the messages of every call and `closed` counts the streams that ended, however they did.
    """

    def __init__(
        self,
        *pieces: str | ToolCall,
        name: str = "scripted",
        profile: ModelProfile | None = None,
        error: AgentError | None = None,
        failures: int | None = None,
        delay_s: float = 0.0,
        hangs: bool = False,
    ) -> None:
        self._pieces = pieces
        self._name = name
        self._profile = profile or ModelProfile()
        self._error = error
        self._failures = failures
        self._delay_s = delay_s
        self._hangs = hangs
        self.asked: list[tuple[Message, ...]] = []
        self.closed = 0

    @property
    def name(self) -> str:
        return self._name

    @property
    def profile(self) -> ModelProfile:
        return self._profile

    async def stream(
        self, messages: Sequence[Message], tools: Sequence[ToolDefinition] = (), options: ModelOptions | None = None
    ) -> AsyncGenerator[ModelEvent, None]:
        check_capabilities(self._name, self._profile, messages, tools, options)
        self.asked.append(tuple(messages))
        try:
            if self._failures is not None and len(self.asked) <= self._failures and self._error is not None:
                raise self._error
            for piece in self._pieces:
                await asyncio.sleep(self._delay_s)
                yield TextPiece(text=piece) if isinstance(piece, str) else piece
            if self._hangs:
                await asyncio.Event().wait()
            if self._error is not None and self._failures is None:
                raise self._error
            calls = any(isinstance(piece, ToolCall) for piece in self._pieces)
            yield ModelFinished(reason="tool_calls" if calls else "stop")
            size = sum(len(message.text) for message in messages) // 4
            yield TokenUsage(input_tokens=size, output_tokens=len(self._pieces))
        finally:
            self.closed += 1
