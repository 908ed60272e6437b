"""What a hostile endpoint sends in place of an answer: wrong types, no end, no line ends, packed bodies."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.errors import AgentError, AnswerTooLong, ModelUnavailable
from agents.messages.parts import ToolCall
from agents.models import bounded
from agents.models.bounded import bound
from agents.models.failures import without_keys
from agents.models.openai_stream import LONGEST, LONGEST_LINE, MOST_CALLS, MOST_TOKENS, read_stream
from agents.ports import ModelEvent, ModelFinished, TextPiece, TokenUsage


def failure(said: object) -> AgentError:
    return ModelUnavailable(str(said)[:50])


async def read(*parts: bytes) -> list[ModelEvent]:
    async def sent() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    return [event async for event in read_stream(sent(), failure)]


def lines(*chunks: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)


def delta(**delta: Any) -> dict[str, Any]:
    return {"choices": [{"delta": delta}]}


def called(**call: Any) -> dict[str, Any]:
    return delta(tool_calls=[call])


NONSENSE: tuple[Any, ...] = (
    None, 5, "x", [], [5], {}, {"choices": {"a": 1}}, {"choices": 5}, {"choices": [5]}, {"choices": ["x"]},
    {"choices": [{"delta": 5}]}, {"choices": [{"delta": ["x"]}]}, {"choices": [{"finish_reason": {"a": 1}}]},
    delta(content=5), delta(content={"a": 1}), delta(content=[5, None, {"text": 7}]), delta(tool_calls=5),
    delta(tool_calls=[5, "x", None]), {"usage": 5}, {"usage": "x"},
    {"usage": {"prompt_tokens": "x", "completion_tokens": -5}},
)  # fmt: skip


def said(events: Iterable[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextPiece))


async def test_what_has_the_wrong_type_is_left_out_and_what_is_an_answer_is_read() -> None:
    events = await read(lines(*NONSENSE, delta(content="fine"), delta(content=[{"type": "text", "text": " too"}])))
    assert said(events) == "fine too"
    assert ModelFinished(reason="unknown") in events


@given(st.text(), st.data())
@settings(deadline=None)
async def test_a_text_that_is_cut_inside_characters_is_whole_again(text: str, data: st.DataObject) -> None:
    raw = text.encode("utf-16-le")
    at = sorted(data.draw(st.lists(st.integers(0, len(raw) // 2), max_size=4)))
    cuts = itertools.pairwise([0, *at, len(raw) // 2])
    pieces = [raw[2 * first : 2 * last].decode("utf-16-le", "surrogatepass") for first, last in cuts]
    assert said(await read(lines(*(delta(content=piece) for piece in pieces)))) == text


async def test_half_a_character_that_stays_alone_is_told_as_unreadable() -> None:
    pieces = ("a \udc00", " b \ud83d", " c", " d \ud83d")
    events = await read(lines(*(delta(content=piece) for piece in pieces)))
    assert said(events) == "a \ufffd b \ufffd c d \ufffd"
    assert isinstance(events[-1], ModelFinished)
    cut = called(id="\ud800", function={"name": "find\udc00", "arguments": '{"text": "\ud83d'})
    (call, *_) = await read(lines(cut, called(function={"arguments": '\ude00 \udc00"}'})))
    assert call == ToolCall(id="\ufffd", name="find\ufffd", arguments='{"text": "\U0001f600 \ufffd"}')
    assert without_keys("no \udc00 room") == "no \ufffd room"


async def test_calls_of_the_wrong_type_are_calls_that_the_tools_refuse() -> None:
    odd: tuple[dict[str, Any], ...] = (
        {"index": {"a": 1}, "id": 5, "function": {"name": ["x"], "arguments": [1, {"a": 2}]}},
        {"index": -(10**30), "id": "b", "function": "x"},
        {"index": "0", "id": "c", "function": {"name": "scale", "arguments": 7}},
    )
    calls = [event for event in await read(lines(*(called(**call) for call in odd))) if isinstance(event, ToolCall)]
    assert ("scale", "7") in [(call.name, call.arguments) for call in calls]
    assert all(isinstance(call.name, str) and isinstance(call.arguments, str) for call in calls)


async def test_counts_of_tokens_are_numbers_that_can_be_kept() -> None:
    events = await read(lines({"usage": {"prompt_tokens": 10**40, "completion_tokens": 3.5}}))
    assert events[-1] == TokenUsage(input_tokens=MOST_TOKENS, output_tokens=0)


@pytest.mark.parametrize(
    "noise",
    [
        b"data: {\n",
        b"data: " + b"[" * 100_000 + b"\n",
        b"data: \xff\xfe\n",
        b"event: x\r\nid\n:\n\x00\n",
        b"data:data:\n",
    ],
    ids=["open", "deep", "no text", "fields", "twice"],
)
async def test_noise_between_lines_is_left_out(noise: bytes) -> None:
    events = await read(noise, lines(delta(content="a")), noise)
    assert events[0] == TextPiece(text="a")


def too_long() -> Iterable[tuple[str, bytes, int]]:
    yield "a line", b"data: " + b"x" * 50_000, LONGEST_LINE // 50_000 + 2
    yield "text", lines(delta(content=" " * 50_000)), LONGEST // 50_000 + 2
    yield "arguments", lines(called(index=0, function={"name": "a", "arguments": "x" * 50_000})), LONGEST // 50_000 + 2
    yield "calls", lines(delta(tool_calls=[{"id": "a"}, {"id": "b"}])), MOST_CALLS


@pytest.mark.parametrize(("part", "times"), [each[1:] for each in too_long()], ids=[each[0] for each in too_long()])
async def test_what_has_no_end_is_stopped(part: bytes, times: int) -> None:
    with pytest.raises(AnswerTooLong, match="was stopped"):
        await read(*[part] * times)


async def test_a_response_without_an_end_or_packed_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "LONGEST_BODY", 1000)
    monkeypatch.setattr(bounded, "LONGEST_STREAM", 2000)

    async def answered(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/packed":
            return httpx2.Response(200, headers={"content-encoding": "gzip"}, content=gzip.compress(b"x"))
        size = int(request.url.path[1:])

        async def body() -> AsyncIterator[bytes]:
            for _ in range(size // 100):
                yield b"x" * 100

        return httpx2.Response(500 if request.url.query else 200, content=body())

    transport = httpx2.MockTransport(answered)
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://model.example", event_hooks={"response": [bound]}
    ) as client:
        assert len((await client.get("/1000")).content) == 1000
        assert len((await client.post("/2000")).content) == 2000
        for method, path in (("GET", "/1100"), ("POST", "/2100"), ("POST", "/1100?failed")):
            with pytest.raises(httpx2.ReadError):
                await client.request(method, path)
        with pytest.raises(httpx2.DecodingError):
            await client.get("/packed")
