"""Limits that hold: budgets with a partial answer, circles that are noticed, and a stop that stops."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.app import create_app
from tests.agents_at_work import CountingTool, Workplace, at_work, of_kind, phase, results, system, workshop
from tests.api_client import URL
from tests.scripted_model import Script, ScriptedServer, call

WORKER = {"worker": {"kind": "react", "speaks": True, "max_steps": 50}}


def restless(script: Script) -> Any:
    """Never comes to an end; every call is another one."""
    return [call("look", what=f"{len(results(script))}")]


@pytest.mark.parametrize(
    ("budget", "limit"),
    [
        ({"steps": 3}, "steps"),
        ({"tool_calls": 2}, "tool_calls"),
        ({"tokens": 300}, "tokens"),
        ({"cost": 0.001}, "cost"),
    ],
)
def test_a_budget_ends_a_run_with_what_there_is(tmp_path: Path, budget: dict[str, Any], limit: str) -> None:
    look = CountingTool("look", says="{} found")
    with ScriptedServer(told=restless) as server:
        model = {"base_url": server.base_url, "name": "scripted:told", "input_price": 10.0}
        made = workshop(tmp_path, phase(WORKER, tools=["look"]), server, [look], model=model)
        with TestClient(create_app(made), base_url=f"{URL}/api/v1/") as client:
            work = Workplace(client=client, server=server)
            told = work.events(work.ask(budget=budget))
            answer = work.answer()
    assert of_kind(told, "budget_exceeded")[0]["limit"] == limit
    assert (answer["status"], answer["verdict"]) == ("finished", "nothing")
    assert answer["text"].startswith("This answer is not finished")
    assert len(look.made) <= 3


def test_arguments_that_are_nested_beyond_reading_are_refused_and_the_run_goes_on(tmp_path: Path) -> None:
    def told(script: Script) -> Any:
        if results(script):
            return "All the same."
        function = {"name": "look", "arguments": '{"what":' * 50_000}
        return [{"id": f"call_{number}", "type": "function", "function": function} for number in range(2)]

    look = CountingTool("look")
    with at_work(tmp_path, phase(WORKER, tools=["look"]), told, [look]) as work:
        heard = work.events(work.ask())
    assert look.made == []
    assert of_kind(heard, "run_finished")[0]["text"] == "All the same."


def test_a_partial_answer_holds_what_was_found_out_in_the_language_of_the_question(tmp_path: Path) -> None:
    agents = {"scout": {"kind": "single", "prompt": "SCOUT"}, **WORKER}

    def told(script: Script) -> Any:
        return "节点已满。" if "SCOUT" in system(script) else restless(script)

    with at_work(tmp_path, phase(agents, tools=["look"]), told, [CountingTool("look")]) as work:
        work.events(work.ask("为什么调度失败？", budget={"steps": 4}))
        answer = work.answer()
    assert answer["text"].startswith("这个回答没有完成")
    assert "节点已满。" in answer["text"]


def test_time_is_a_limit_also_within_a_silent_call(tmp_path: Path) -> None:
    look = CountingTool("look", hangs=True)
    with at_work(tmp_path, phase(WORKER, tools=["look"]), restless, [look]) as work:
        told = work.events(work.ask(budget={"seconds": 0.3}))
    assert of_kind(told, "budget_exceeded")[0]["limit"] == "seconds"


def test_the_same_call_with_the_same_result_is_not_made_for_ever(tmp_path: Path) -> None:
    look = CountingTool("look")
    same = lambda script: [call("look", what="same")]  # noqa: E731
    with at_work(tmp_path, phase(WORKER, tools=["look"]), same, [look]) as work:
        told = work.events(work.ask())
    assert len(look.made) == 2
    assert of_kind(told, "budget_exceeded")[0]["limit"] == "loop"
    assert "made 2 times before" in of_kind(told, "tool_finished")[2]["output"]


def test_agents_that_hand_on_to_each_other_without_end_are_stopped(tmp_path: Path) -> None:
    choices = {"one": "One.", "two": "Two."}
    definition = phase(
        {
            "start": {"kind": "selector", "choices": choices, "fallback": "one"},
            "one": {"kind": "selector", "prompt": "ONE", "choices": choices, "fallback": "two"},
            "two": {"kind": "selector", "prompt": "TWO", "choices": choices, "fallback": "one"},
        },
        {"name": "main", "agents": ["start"]},
    )
    told = lambda script: "two" if "ONE" in system(script) else "one"  # noqa: E731
    with at_work(tmp_path, definition, told) as work:
        heard = work.events(work.ask())
    assert of_kind(heard, "budget_exceeded")[0]["limit"] == "loop"


def test_an_agent_that_writes_the_same_again_and_again_is_stopped(tmp_path: Path) -> None:
    definition = phase({
        "writer": {"kind": "single", "prompt": "WRITER", "speaks": True},
        "checker": {"kind": "checker", "checks": "writer", "max_returns": 9},
    })  # fmt: skip
    told = lambda script: "Same." if "WRITER" in system(script) else '{"accepted": false, "reasons": "no"}'  # noqa: E731
    with at_work(tmp_path, definition, told) as work:
        heard = work.events(work.ask())
        answer = work.answer()
    assert of_kind(heard, "budget_exceeded")[0]["limit"] == "loop"
    assert "Same." in answer["text"]


def test_a_stop_stops_within_two_seconds_in_a_silent_call(tmp_path: Path) -> None:
    look = CountingTool("look", hangs=True)
    with at_work(tmp_path, phase(WORKER, tools=["look"]), restless, [look]) as work:
        run = work.ask()
        while not look.made:
            time.sleep(0.01)
        begun = time.monotonic()
        work.client.post(f"runs/{run}/cancel").raise_for_status()
        told = work.events(run)
        took = time.monotonic() - begun
    assert told[-1][1] == "run_cancelled"
    assert took < 10, "a run that hangs for ever has ended"
