"""Messages as JSON and on the wire, and tool calls put together from whatever endpoints send."""

from __future__ import annotations

import pytest

from agents.messages.parts import (
    ImagePart,
    Message,
    TextPart,
    ToolCall,
    ToolResult,
    decode_message,
    encode_message,
)
from agents.models.tool_call_deltas import ToolCallDeltas

CALL = ToolCall(id="c1", name="search", arguments='{"query": "扩容"}')


@pytest.mark.parametrize(
    "message",
    [
        Message.of("system", "Be brief: 简短。\u2028"),
        Message(role="user", parts=(TextPart(text="What is it?"), ImagePart(media_type="image/png", data="iVBO"))),
        Message(role="assistant", parts=(TextPart(text="Let me look."), CALL)),
        Message(role="tool", parts=(ToolResult(call_id="c1", content="{not json", is_error=True),)),
        Message(role="user", parts=()),
    ],
)
def test_a_message_comes_back_from_its_json(message: Message) -> None:
    assert decode_message(encode_message(message)) == message


@pytest.mark.parametrize("text", ["{}", "[]", '{"role": "user", "parts": [{"kind": "thought", "text": "x"}]}', "x"])
def test_what_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode_message(text)


def test_its_text_and_its_calls_are_read_off() -> None:
    message = Message(role="assistant", parts=(TextPart(text="a"), CALL, TextPart(text="b")))
    assert (message.text, message.tool_calls) == ("ab", (CALL,))


def gathered(*pieces: tuple[int | None, str | None, str | None, object]) -> list[tuple[str, str, str]]:
    deltas = ToolCallDeltas()
    for piece in pieces:
        deltas.add(*piece)
    return [(call.id, call.name, call.arguments) for call in deltas.calls]


def test_pieces_of_several_calls_are_put_together() -> None:
    pieces = (
        (0, "a", "f", ""),
        (1, "b", "g", ""),
        (0, None, None, '{"x":'),
        (1, None, None, "{}"),
        (0, None, None, "1}"),
    )
    assert gathered(*pieces) == [
        ("a", "f", '{"x":1}'),
        ("b", "g", "{}"),
    ]  # fmt: skip


def test_calls_without_an_index_or_with_the_same_are_told_apart_by_their_ids() -> None:
    assert gathered((None, "a", "f", "{}"), (None, "b", "g", "{}")) == [("a", "f", "{}"), ("b", "g", "{}")]
    assert gathered((0, "a", "f", "{}"), (0, "b", "g", "{}")) == [("a", "f", "{}"), ("b", "g", "{}")]
    assert gathered((0, "a", "f", "{"), (0, "a", None, "}")) == [("a", "f", "{}")]


def test_what_is_missing_is_made_up_for() -> None:
    assert gathered((0, None, "f", None)) == [("call_1", "f", "{}")]
    assert gathered((0, "a", "f", {"x": 1})) == [("a", "f", '{"x": 1}')]
