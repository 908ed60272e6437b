"""Trying a model again, as long as nothing of its answer has been shown."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing

from agents.errors import ModelUnavailable
from agents.messages.parts import Message
from agents.ports import ChatModel, ModelEvent, ModelOptions, ModelProfile, ToolDefinition


class RetryingModel:
    """The same ChatModel, asked up to `attempts` times when it is unavailable before its first event.

    Waits double from `wait_s`, with some chance in them. After `give_up_after_s` it is not asked again: a model that
    took so long to fail will not be better now.
    """

    def __init__(
        self,
        model: ChatModel,
        *,
        attempts: int = 3,
        wait_s: float = 0.4,
        give_up_after_s: float = 30.0,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._model = model
        self._attempts = attempts
        self._wait_s = wait_s
        self._give_up_after_s = give_up_after_s
        self._sleep = sleep

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def profile(self) -> ModelProfile:
        return self._model.profile

    async def stream(
        self, messages: Sequence[Message], tools: Sequence[ToolDefinition] = (), options: ModelOptions | None = None
    ) -> AsyncGenerator[ModelEvent, None]:
        begun_at = time.monotonic()
        for attempt in range(1, self._attempts + 1):
            begun = False
            try:
                async with aclosing(self._model.stream(messages, tools, options)) as events:
                    async for event in events:
                        begun = True
                        yield event
                return
            except ModelUnavailable:
                late = time.monotonic() - begun_at > self._give_up_after_s
                if begun or late or attempt == self._attempts:
                    raise
            await self._sleep(self._wait_s * 2 ** (attempt - 1) * random.uniform(0.75, 1.25))
