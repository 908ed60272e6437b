"""Leaving out what a reasoning model thinks aloud before it answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Literal

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
        separator = AnswerSeparator()
        async with aclosing(self._model.stream(messages, tools, options)) as events:
            async for event in events:
                if isinstance(event, TextPiece):
                    if said := separator.feed(event.text):
                        yield TextPiece(text=said)
                    continue
                if not isinstance(event, TokenUsage) and (said := separator.rest()):  # the text is over
                    yield TextPiece(text=said)
                yield event


class AnswerSeparator:
    """Tells leading thoughts from the answer in text that comes in pieces; each character is looked at once."""

    def __init__(self) -> None:
        self._reading: Literal["opening", "thoughts", "gap", "answer"] = "opening"
        self._spaces: list[str] = []
        self._held = ""
        """What may be the beginning of a tag."""

    def feed(self, text: str) -> str:
        """Take in a piece; comes back with what is known to be of the answer."""
        if self._reading == "opening":
            text = self._begin(text)
        if self._reading == "thoughts":
            text = self._skip(text)
        if self._reading == "gap":
            text = text.lstrip()
            self._reading = "answer" if text else "gap"
        return text if self._reading == "answer" else ""

    def rest(self) -> str:
        """The end of the text: what was held back, unless it is thoughts."""
        held = "".join(self._spaces) + self._held if self._reading == "opening" else ""
        self._reading = "answer"
        return held

    def _begin(self, text: str) -> str:
        if not self._held:
            begun = text.lstrip()
            self._spaces.append(text[: len(text) - len(begun)])
            text = begun
        text = self._held + text
        self._held = ""
        if text.startswith(_OPENING):
            self._reading = "thoughts"
            return text.removeprefix(_OPENING)
        if _OPENING.startswith(text):
            self._held = text
            return ""
        self._reading = "answer"
        return "".join(self._spaces) + text

    def _skip(self, text: str) -> str:
        _, closed, after = (self._held + text).partition(_CLOSING)
        if closed:
            self._reading = "gap"
            return after
        self._held = (self._held + text)[1 - len(_CLOSING) :]
        return ""
