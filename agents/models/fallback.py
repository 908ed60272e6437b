"""Another model when the first cannot be had, as long as nothing of its answer has been shown."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from agents.errors import ModelRefused, ModelUnavailable
from agents.messages.parts import Message
from agents.ports import ChatModel, ModelEvent, ModelOptions, ModelProfile, ToolDefinition


class FallbackModel:
    """The first of these models that answers. Later ones are opened when they are needed.

    What it can do is what its first model can do.
    """

    def __init__(self, model: ChatModel, others: Sequence[Callable[[], ChatModel]]) -> None:
        self._model = model
        self._others = others

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def profile(self) -> ModelProfile:
        return self._model.profile

    async def stream(
        self, messages: Sequence[Message], tools: Sequence[ToolDefinition] = (), options: ModelOptions | None = None
    ) -> AsyncGenerator[ModelEvent, None]:
        others = iter(self._others)
        model: ChatModel | None = self._model
        while model is not None:
            begun = False
            try:
                async with aclosing(model.stream(messages, tools, options)) as events:
                    async for event in events:
                        begun = True
                        yield event
                return
            except (ModelUnavailable, ModelRefused):
                following = next(others, None)
                if begun or following is None:
                    raise
                model = following()
