"""A new attempt after a crash at every point there is: what was finished is not done again, what may have been done is
asked about."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from agents.messages.parts import Message, ToolCall, ToolResult
from agents.phases.phase import Outcome, Waiting
from agents.phases.spec import Budget
from tests.agents_at_work import CountingTool, phase
from tests.performing import ToldModel, approve, attempt, phase_of

AGENTS = {
    "planner": {"kind": "planner"},
    "executor": {"kind": "executor", "planner": "planner"},
    "both": {"kind": "parallel", "branches": ["left", "right"]},
    "left": {"kind": "react", "prompt": "BRANCH left"},
    "right": {"kind": "single", "prompt": "BRANCH right"},
    "writer": {"kind": "single", "prompt": "WRITER", "speaks": True},
}
DEFINITION = phase(AGENTS, {"name": "main", "agents": ["planner", "executor", "both", "writer"]}, tools=["*"])


def replies(messages: Sequence[Message]) -> str | ToolCall:
    """Plans a step that writes and one that reads, then two branches, then the answer."""
    who, asked = messages[0].text, messages[-1].text
    done = any(isinstance(part, ToolResult) for message in messages for part in message.parts)
    if "You plan" in who:
        return json.dumps({"steps": ["write", "read"]})
    if "one step of a plan" in who:
        tool = "change" if "Your step now is 1" in asked else "look"
        return "Step done." if done else ToolCall(id="c1", name=tool, arguments='{"what": "x"}')
    if "BRANCH left" in who:
        return "Left done." if done else ToolCall(id="c2", name="look", arguments='{"what": "left"}')
    return "Right done." if "BRANCH right" in who else "The answer."


class Counted:
    """A model and tools, with what they have done."""

    def __init__(self) -> None:
        self.model = ToldModel(replies)
        self.change = CountingTool("change", "write")
        self.look = CountingTool("look")
        self.tools = (self.change, self.look)


async def test_from_every_prefix_of_the_journal_the_rest_is_done_once() -> None:
    performed, whole = phase_of(DEFINITION), Counted()
    first = await attempt(performed, whole.model, whole.tools)
    assert isinstance(first.end, Waiting)
    journal = approve(first.end, first.journal)
    second = await attempt(performed, whole.model, whole.tools, journal)
    assert isinstance(second.end, Outcome)
    assert (second.text, len(whole.change.made), len(whole.look.made)) == ("The answer.", 1, 2)
    order = [*journal, *second.recorded]
    assert whole.model.asked == sum("/model." in key for key in order)
    for crashed in range(len(order) + 1):
        prefix = {key: second.journal[key] for key in order[:crashed]}
        again = Counted()
        run = await attempt(performed, again.model, again.tools, prefix)
        while isinstance(run.end, Waiting):
            run = await attempt(performed, again.model, again.tools, approve(run.end, run.journal))
        recorded = sum("/model." in key for key in prefix)
        assert again.model.asked + recorded == whole.model.asked, f"after {crashed} entries"
        assert run.text == "The answer."
        results = [key for key in prefix if re.search(r"/tool\.\d+$", key)]
        calls = len(again.change.made) + len(again.look.made)
        assert calls + len(results) == 3, f"after {crashed} entries"


async def test_a_call_that_may_have_been_made_is_asked_about_and_not_made_when_rejected() -> None:
    performed, whole = phase_of(DEFINITION), Counted()
    first = await attempt(performed, whole.model, whole.tools)
    assert isinstance(first.end, Waiting)
    second = await attempt(performed, whole.model, whole.tools, approve(first.end, first.journal))
    intent = next(key for key in second.journal if "/intent." in key)
    order = list(second.journal)
    prefix = {key: second.journal[key] for key in order[: order.index(intent) + 1]}
    again = Counted()
    crashed = await attempt(performed, again.model, again.tools, prefix)
    assert isinstance(crashed.end, Waiting)
    assert "may already have been made" in crashed.end.asked["approvals"][0]["reason"]
    assert again.change.made == []
    rejected: dict[str, Any] = approve(crashed.end, crashed.journal)
    key = next(key for key in rejected if key not in crashed.journal)
    rejected[key] = {**rejected[key], "decision": "reject"}
    last = await attempt(performed, again.model, again.tools, rejected)
    assert isinstance(last.end, Outcome)
    assert again.change.made == []


async def test_a_budget_counts_over_all_attempts() -> None:
    performed, whole = phase_of(DEFINITION), Counted()
    first = await attempt(performed, whole.model, whole.tools)
    used = whole.model.asked
    assert isinstance(first.end, Waiting)
    journal = approve(first.end, first.journal)
    second = await attempt(performed, whole.model, whole.tools, journal, budget=Budget(steps=used))
    assert "budget_exceeded" in second.kinds()
    assert whole.model.asked == used
    assert len(whole.change.made) == 1, "what was approved is still done before the next call of the model"


async def test_nobody_can_be_asked_outside_a_conversation() -> None:
    performed, whole = phase_of(DEFINITION), Counted()
    done = await attempt(performed, whole.model, whole.tools, may_wait=False)
    assert isinstance(done.end, Outcome)
    assert whole.change.made == []
    refused = next(event for event in done.told if event.kind == "tool_finished")
    assert (refused.status, "nobody can be asked here" in refused.output) == ("denied", True)


async def test_usage_is_estimated_where_none_is_reported() -> None:
    model = ToldModel(lambda messages: "Words. " * 20, reports=False)
    done = await attempt(phase_of(phase({"writer": {"kind": "single", "speaks": True}})), model)
    spent = next(value["spent"] for key, value in done.journal.items() if "/model." in key)
    assert spent["tokens"] > 40
    assert "usage_reported" not in done.kinds()
