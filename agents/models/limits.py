"""So many questions to a model at once and in a minute, and no more: further ones wait their turn."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from agents.messages.parts import Message
from agents.ports import ChatModel, ModelEvent, ModelOptions, ModelProfile, ToolDefinition

MINUTE_S = 60.0


@dataclass(kw_only=True, slots=True)
class ModelLimits:
    """What one model may be asked; shared by everybody in this process who asks it. 0 is no limit.

    Belongs to the event loop that first uses it.
    """

    at_once: int = 0
    per_minute: int = 0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    _places: asyncio.Semaphore | None = None
    _begun: deque[float] = field(default_factory=deque)

    async def enter(self) -> None:
        """Wait for a place, then for the minute."""
        if self.at_once:
            if self._places is None:
                self._places = asyncio.Semaphore(self.at_once)
            await self._places.acquire()
        try:
            await self._in_time()
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        """Give the place back."""
        if self._places is not None:
            self._places.release()

    async def _in_time(self) -> None:
        while self.per_minute:
            now = self.clock()
            while self._begun and self._begun[0] <= now - MINUTE_S:
                self._begun.popleft()
            if len(self._begun) < self.per_minute:
                self._begun.append(now)
                return
            await self.sleep(self._begun[0] + MINUTE_S - now)


class LimitedModel:
    """The same ChatModel, asked within limits."""

    def __init__(self, model: ChatModel, limits: ModelLimits) -> None:
        self._model = model
        self._limits = limits

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def profile(self) -> ModelProfile:
        return self._model.profile

    async def stream(
        self, messages: Sequence[Message], tools: Sequence[ToolDefinition] = (), options: ModelOptions | None = None
    ) -> AsyncGenerator[ModelEvent, None]:
        await self._limits.enter()
        try:
            async with aclosing(self._model.stream(messages, tools, options)) as events:
                async for event in events:
                    yield event
        finally:
            self._limits.leave()
