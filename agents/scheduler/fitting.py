"""Keeping a conversation with tools within what a model can read: old outputs go first, newest and task stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agents.answering.prompting import count_tokens
from agents.messages.parts import Message, ToolResult

ROOM_TOKENS = 32_000
"""What a model is taken to read when nothing is known of it."""
SHARE = 0.75
"""Of that, what a conversation may take; the rest is for tools and the answer."""
KEPT_CHARS = 300
_LEFT_OUT = " … (the rest of this output is left out; call the tool again for what you need of it)"


def fitted(messages: Sequence[Message], context_length: int | None) -> list[Message]:
    """The same conversation, with the outputs of tools cut short from the oldest on until it fits; the last message is
    never cut. The same messages always give the same."""
    room = SHARE * (context_length or ROOM_TOKENS)
    fitting = list(messages)
    # A letter is at most about one token, so most conversations need no counting.
    if sum(_letters(message) for message in fitting) <= room:
        return fitting
    over = sum(_tokens(message) for message in fitting) - room
    for at, message in enumerate(fitting[:-1]):
        if over <= 0:
            break
        if message.role == "tool":
            fitting[at] = _cut(message)
            over -= _tokens(message) - _tokens(fitting[at])
    return fitting


def _cut(message: Message) -> Message:
    return replace(
        message, parts=tuple(_short(part) if isinstance(part, ToolResult) else part for part in message.parts)
    )


def _short(result: ToolResult) -> ToolResult:
    if len(result.content) <= KEPT_CHARS + len(_LEFT_OUT):
        return result
    # The marker that ends what others wrote stays, or what follows would pass for theirs.
    end = result.content[result.content.rfind("\n</") :] if "\n</" in result.content else ""
    return replace(result, content=result.content[:KEPT_CHARS] + _LEFT_OUT + end)


def _texts(message: Message) -> list[str]:
    calls = [call.arguments for call in message.tool_calls]
    return [message.text, *calls, *(part.content for part in message.parts if isinstance(part, ToolResult))]


def _letters(message: Message) -> int:
    return sum(map(len, _texts(message)))


def _tokens(message: Message) -> float:
    return sum(map(count_tokens, _texts(message)))
