"""The fake beside the port: a chat model that says what a test told it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from agents.errors import AgentError
from agents.ports import Message, ModelEvent, TextPiece, TokenUsage


class ScriptedChatModel:
    """Says `pieces`, then what they cost; raises `error` after them instead, or after that many of them.

    `asked` holds the messages of every call and `closed` counts the streams that ended, however they did.
    """

    def __init__(
        self,
        *pieces: str,
        name: str = "scripted",
        error: AgentError | None = None,
        failures: int | None = None,
        delay_s: float = 0.0,
        hangs: bool = False,
    ) -> None:
        self._pieces = pieces
        self._name = name
        self._error = error
        self._failures = failures
        self._delay_s = delay_s
        self._hangs = hangs
        self.asked: list[tuple[Message, ...]] = []
        self.closed = 0

    @property
    def name(self) -> str:
        return self._name

    async def stream(self, messages: Sequence[Message]) -> AsyncGenerator[ModelEvent, None]:
        self.asked.append(tuple(messages))
        try:
            if self._failures is not None and len(self.asked) <= self._failures and self._error is not None:
                raise self._error
            for piece in self._pieces:
                await asyncio.sleep(self._delay_s)
                yield TextPiece(text=piece)
            if self._hangs:
                await asyncio.Event().wait()
            if self._error is not None and self._failures is None:
                raise self._error
            size = sum(len(message.content) for message in messages) // 4
            yield TokenUsage(input_tokens=size, output_tokens=len(self._pieces))
        finally:
            self.closed += 1
