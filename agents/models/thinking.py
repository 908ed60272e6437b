"""Leaving out what a reasoning model thinks aloud before it answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from agents.messages.parts import Message
from agents.ports import ChatModel, ModelEvent, ModelOptions, ModelProfile, TextPiece, TokenUsage, ToolDefinition

_OPENING = "<think>"
_CLOSING = "</think>"


class AnswerOnlyModel:
    """The same ChatModel without a leading `<think>…</think>`, which some servers leave in the answer."""

    def __init__(self, model: ChatModel) -> None:
        self._model = model

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def profile(self) -> ModelProfile:
        return self._model.profile

    async def stream(
        self, messages: Sequence[Message], tools: Sequence[ToolDefinition] = (), options: ModelOptions | None = None
    ) -> AsyncGenerator[ModelEvent, None]:
        held: str | None = ""
        async with aclosing(self._model.stream(messages, tools, options)) as events:
            async for event in events:
                if held is None or isinstance(event, TokenUsage):
                    yield event
                elif isinstance(event, TextPiece):
                    held += event.text
                    answer = _answer(held)
                    if answer is not None:
                        held = None
                        if answer:
                            yield TextPiece(text=answer)
                else:  # the text is over, so what was held is all of it
                    if held and not held.lstrip().startswith(_OPENING):
                        yield TextPiece(text=held)
                    held = None
                    yield event


def _answer(text: str) -> str | None:
    """What follows the thoughts in the beginning of an answer; None as long as that is not known."""
    head = text.lstrip()
    if head.startswith(_OPENING):
        _, closed, answer = head.partition(_CLOSING)
        return answer.lstrip() or None if closed else None
    return None if _OPENING.startswith(head) else text
