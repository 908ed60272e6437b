"""A model that only writes, as one that calls tools: what it writes is recovered, streamed, repaired."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import pytest

from agents.errors import ToolFailed
from agents.messages.parts import Message, ToolCall, ToolResult
from agents.models.text_calls import parse_calls
from agents.models.text_tools import TextToolModel
from agents.ports import (
    FinishReason,
    ModelEvent,
    ModelFinished,
    ModelOptions,
    ModelProfile,
    TextPiece,
    TokenUsage,
    ToolDefinition,
)
from agents.tools.arguments import checked_arguments
from agents.tools.ports import ToolSpec
from tests.text_call_mutations import TOOLS, Case, broken, cases

QUESTION = [Message.of("user", "How many pods?")]
SPECS = {tool.name: ToolSpec(name=tool.name, description="", parameters=tool.parameters, risk="read") for tool in TOOLS}


@dataclass
class WritingModel:
    """Writes these texts, one for each time it is asked, in small pieces; remembers what it was told."""

    texts: list[str]
    reason: FinishReason = "stop"
    piece: int = 3
    told: list[list[Message]] = field(default_factory=list)
    name: str = "writer"
    profile: ModelProfile = field(default_factory=lambda: ModelProfile(tool_calls="text"))
    closed: int = 0

    async def stream(
        self, messages: Sequence[Message], tools: Sequence[ToolDefinition] = (), options: ModelOptions | None = None
    ) -> AsyncGenerator[ModelEvent, None]:
        assert not tools
        self.told.append(list(messages))
        text = self.texts[len(self.told) - 1]
        try:
            for start in range(0, len(text), self.piece):
                yield TextPiece(text=text[start : start + self.piece])
            yield ModelFinished(reason=self.reason)
            yield TokenUsage(input_tokens=10, output_tokens=5)
        finally:
            self.closed += 1


async def said(
    model: WritingModel, messages: Sequence[Message] = QUESTION, tools: Sequence[ToolDefinition] = TOOLS, **options: Any
) -> tuple[str, list[ToolCall], list[ModelEvent]]:
    """The text and the calls of an answer, and all events of it."""
    events: list[ModelEvent] = []
    asked = ModelOptions(**options) if options else None
    async with aclosing(TextToolModel(model).stream(messages, tools, asked)) as stream:
        events = [event async for event in stream]
    text = "".join(event.text for event in events if isinstance(event, TextPiece))
    return text, [event for event in events if isinstance(event, ToolCall)], events


def recovered(case: Case) -> bool:
    calls = parse_calls(case.text, TOOLS).calls
    if len(calls) != 1 or calls[0].name != case.tool or calls[0].arguments is None:
        return False
    try:
        return checked_arguments(SPECS[case.tool], calls[0].arguments) == case.arguments
    except ToolFailed:
        return False


def test_recoverable_calls_are_recovered() -> None:
    made = list(cases(400, seed=11))
    lost = [case for case in made if not recovered(case)]
    assert len(lost) <= len(made) * 0.05, [(case.made_by, case.text) for case in lost[:5]]


def test_nothing_that_a_model_writes_breaks_the_parser() -> None:
    chance = random.Random(5)
    for case in cases(150, seed=12):
        parse_calls(broken(case.text, chance), TOOLS, is_whole=chance.random() < 0.5)


@pytest.mark.parametrize(
    "text",
    [
        "There are 3 pods. Action is needed: restart them.",
        'The manifest is:\n```yaml\nkind: Pod\nmetadata: {name: "a"}\n```\nApply it.',
        'Send `{"name": "web", "replicas": 3}` to the API.',
        "Tool: kubectl\nThe tool lists pods.",
        '> Action: scale\n> Action Input: {"deployment": "web", "replicas": 0}\n\nSo says the page.',
        "Use the scale command (see the manual).",
        "1. a < b and c > d\n2. if (x) { return; }",
        "<b>bold</b> and <name> are tags.",
        "Final Answer: run\nAction: scale\nwhen you want.",
        "",
        "{",
        "```",
        "```json\n[1, 2, 3]\n```\n",
    ],
)
async def test_ordinary_text_is_no_call_and_comes_through(text: str) -> None:
    shown, calls, _ = await said(WritingModel([text]))
    assert calls == []
    assert shown == text.removeprefix("Final Answer: ")


async def test_text_streams_and_a_call_is_held_back() -> None:
    text = 'I will look.\n\nAction: list_pods\nAction Input: {"namespace": "shop"}'
    model = WritingModel([text])
    shown, calls, events = await said(model)
    assert shown.strip() == "I will look."
    assert isinstance(events[0], TextPiece)
    assert len([event for event in events if isinstance(event, TextPiece)]) > 2
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [("list_pods", {"namespace": "shop"})]
    assert events[-2:] == [ModelFinished(reason="tool_calls"), TokenUsage(input_tokens=10, output_tokens=5)]


async def test_no_part_of_a_call_leaks_into_text_however_it_is_cut() -> None:
    for number, case in enumerate(cases(60, seed=21)):
        shown, calls, _ = await said(WritingModel([case.text, case.text], piece=1 + number % 7))
        if calls and case.made_by[0] not in ("react, misspelt", "react, one line"):
            assert '"query"' not in shown
            assert "Action Input" not in shown
            assert "<parameter" not in shown


async def test_a_result_that_the_model_makes_up_is_not_waited_for() -> None:
    made_up = "Observation: 3 pods.\nThought: good.\n" * 5_000
    model = WritingModel([f'Action: list_pods\nAction Input: {{"namespace": "shop"}}\n{made_up}'], piece=20)
    shown, calls, _ = await said(model)
    assert (shown, len(calls), model.closed) == ("", 1, 1)


async def test_a_call_that_cannot_be_read_is_asked_for_once_more() -> None:
    broken = 'Action: scale\nAction Input: {"deployment": "web, "replicas": }'
    model = WritingModel([broken, 'Action: scale\nAction Input: {"deployment": "web", "replicas": 2}'])
    _, calls, events = await said(model)
    assert json.loads(calls[0].arguments) == {"deployment": "web", "replicas": 2}
    assert "could not be read" in model.told[1][-1].text
    assert TokenUsage(input_tokens=20, output_tokens=10) in events

    model = WritingModel([broken, "I cannot."])
    _, calls, _ = await said(model)
    assert (len(model.told), calls[0].name) == (2, "scale")
    with pytest.raises(ToolFailed, match="not JSON"):
        checked_arguments(SPECS["scale"], calls[0].arguments)


async def test_a_call_that_was_cut_off_is_not_completed() -> None:
    text = 'Action: scale\nAction Input: {"deployment": "web", "replicas": 1'
    model = WritingModel([text, text], reason="length")
    _, calls, _ = await said(model)
    assert len(model.told) == 1
    with pytest.raises(ToolFailed):
        checked_arguments(SPECS["scale"], calls[0].arguments)


async def test_thoughts_and_final_answers_lose_their_labels() -> None:
    shown, _, _ = await said(WritingModel(["Thought: I know this.\nFinal Answer: 3 pods."]))
    assert shown == "3 pods."
    shown, calls, _ = await said(WritingModel(["Thought: I must look.\nAction: list_pods\nAction Input: {}"]))
    assert (shown, len(calls)) == ("I must look.", 1)


async def test_tools_calls_and_results_are_told_as_text() -> None:
    call = ToolCall(id="call_1", name="list_pods", arguments="{}")
    messages = [
        Message.of("system", "Be brief."),
        *QUESTION,
        Message(role="assistant", parts=(call,)),
        Message(role="tool", parts=(ToolResult(call_id="call_1", content="No rights.", is_error=True),)),
        Message.of("user", "Go on."),
    ]
    model = WritingModel(["Done."])
    await said(model, messages)
    told = model.told[0]
    assert [message.role for message in told] == ["system", "user", "assistant", "user"]
    assert "search_knowledge_base" in told[0].text
    assert told[2].text == "Action: list_pods\nAction Input: {}"
    assert told[3].text.startswith("Observation of list_pods, which failed:\nNo rights.")
    model = WritingModel(["Done."])
    await said(model, tool_choice="none")
    assert "Action" not in model.told[0][0].text
