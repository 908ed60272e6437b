"""The lines of an answer in the OpenAI protocol, as a stranger sends them: of any type and length, cut anywhere."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

from agents.errors import AgentError, AnswerTooLong
from agents.models.characters import Characters
from agents.models.openai_messages import finish_reason
from agents.models.tool_call_deltas import ToolCallDeltas
from agents.ports import ModelEvent, ModelFinished, TextPiece, TokenUsage

LONGEST = 2_000_000
"""Characters of text and of calls that are taken of one answer."""
LONGEST_LINE = 4_000_000
"""Bytes; a line that is longer is no piece of an answer."""
MOST_CALLS = 128
"""Calls of tools in one answer."""
MOST_TOKENS = 10**9

_DATA = b"data:"
_DONE = b"[DONE]"
_END: dict[str, Any] = {}


async def read_stream(
    parts: AsyncIterator[bytes], failure: Callable[[object], AgentError]
) -> AsyncGenerator[ModelEvent, None]:
    """The events in a body of server-sent events, cut anywhere. What is none is left out. Raises what `failure` makes
    of an error in the stream, and AnswerTooLong."""
    answer = _Answer()
    async for line in _lines(parts):
        chunk = _chunk(line)
        if chunk is None:
            continue
        if chunk.get("error"):
            raise failure(chunk["error"])
        if text := answer.take(chunk):
            yield TextPiece(text=text)
        if answer.done:
            break
    for event in answer.end():
        yield event


async def _lines(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Cut at line feeds alone: a JSON string may hold U+2028 and other signs that text readers take for line ends."""
    begun: list[bytes] = []
    length = 0
    async for part in parts:
        *lines, rest = part.split(b"\n")
        for line in lines:
            yield b"".join((*begun, line))
            begun.clear()
            length = 0
        begun.append(rest)
        length += len(rest)
        if length > LONGEST_LINE:
            raise _too_long()
    yield b"".join(begun)


def _chunk(line: bytes) -> dict[str, Any] | None:
    """What a line holds, if it holds anything: `_END` at the end of all."""
    if not line.startswith(_DATA):
        return None
    data = line[5:].strip()
    if data == _DONE:
        return _END
    try:
        chunk = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return chunk if isinstance(chunk, dict) else None


class _Answer:
    """What the chunks of an answer have said beside its text."""

    def __init__(self) -> None:
        self._characters = Characters()
        self._calls = ToolCallDeltas()
        self._reason = ""
        self._usage: dict[str, Any] = {}
        self._length = 0
        self.done = False

    def take(self, chunk: dict[str, Any]) -> str:
        """The text in a chunk; the rest of it is kept. Raises AnswerTooLong."""
        self.done = chunk is _END
        # Some endpoints count in every chunk, always from the beginning: the last count is the right one.
        self._usage = _object(chunk.get("usage")) or self._usage
        choices = _list(chunk.get("choices"))
        if not choices:
            return ""
        choice = _object(choices[0])
        self._reason = _string(choice.get("finish_reason")) or self._reason
        delta = _object(choice.get("delta"))
        for call in _list(delta.get("tool_calls")):
            if isinstance(call, dict):
                self._take_call(call)
        text = _text(delta.get("content"))
        self._count(len(text))
        return self._characters.take(text)

    def end(self) -> list[ModelEvent]:
        """The end of the text, and what follows it."""
        calls = self._calls.calls
        reason = finish_reason(self._reason)
        events: list[ModelEvent] = [TextPiece(text=rest)] if (rest := self._characters.end()) else []
        # Several servers say `stop` where a call was made.
        events += [*calls, ModelFinished(reason="tool_calls" if calls else reason)]
        if self._usage:
            used, made = (_tokens(self._usage.get(name)) for name in ("prompt_tokens", "completion_tokens"))
            events.append(TokenUsage(input_tokens=used, output_tokens=made))
        return events

    def _take_call(self, call: dict[str, Any]) -> None:
        function = _object(call.get("function"))
        index, arguments = call.get("index"), function.get("arguments")
        number = index if isinstance(index, int) else None
        name, call_id = _string(function.get("name")), _string(call.get("id"))
        if arguments is not None and not isinstance(arguments, str):
            arguments = json.dumps(arguments, ensure_ascii=False)
        self._count(len(name) + len(call_id) + len(arguments or ""))
        self._calls.add(number, call_id, name, arguments)
        if self._calls.count > MOST_CALLS:
            raise AnswerTooLong(
                f"The model made more than {MOST_CALLS} calls of tools at once and was stopped; "
                "ask for less at once, or choose another model."
            )

    def _count(self, characters: int) -> None:
        self._length += characters
        if self._length > LONGEST:
            raise _too_long()


def _too_long() -> AnswerTooLong:
    return AnswerTooLong(
        f"The model wrote more than {LONGEST:,} characters without an end and was stopped; "
        "ask for less at once, or choose another model."
    )


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _text(content: object) -> str:
    """Text as such, or in parts, which some endpoints send."""
    parts = _list(content)
    return "".join(_string(_object(part).get("text")) for part in parts) if parts else _string(content)


def _tokens(count: object) -> int:
    return min(count, MOST_TOKENS) if isinstance(count, int) and count > 0 else 0
