"""Leaving out what a reasoning model thinks aloud before it answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from agents.ports import ChatModel, Message, ModelEvent, TextPiece

_OPENING = "<think>"
_CLOSING = "</think>"


class AnswerOnlyModel:
    """The same ChatModel without a leading `<think>…</think>`, which some servers leave in the answer."""

    def __init__(self, model: ChatModel) -> None:
        self._model = model

    @property
    def name(self) -> str:
        return self._model.name

    async def stream(self, messages: Sequence[Message]) -> AsyncGenerator[ModelEvent, None]:
        held: str | None = ""
        async with aclosing(self._model.stream(messages)) as events:
            async for event in events:
                if held is None or not isinstance(event, TextPiece):
                    yield event
                    continue
                held += event.text
                answer = _answer(held)
                if answer is not None:
                    held = None
                    if answer:
                        yield TextPiece(text=answer)
        if held and not held.lstrip().startswith(_OPENING):
            yield TextPiece(text=held)


def _answer(text: str) -> str | None:
    """What follows the thoughts in the beginning of an answer; None as long as that is not known."""
    head = text.lstrip()
    if head.startswith(_OPENING):
        _, closed, answer = head.partition(_CLOSING)
        return answer.lstrip() or None if closed else None
    return None if _OPENING.startswith(head) else text
