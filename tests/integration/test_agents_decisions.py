"""Runs that wait for a person: approved, edited, rejected, expired, asked twice, stopped, and answered."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from backend.approvals.tables import approvals
from tests.agents_at_work import CountingTool, Workplace, at_work, kinds, of_kind, phase, results
from tests.scripted_model import Script, call

WORKER = {"worker": {"kind": "react", "speaks": True}}


def writing(script: Script) -> Any:
    """Calls `change` once, then says what came of it."""
    done = results(script)
    return "Changed." if done and "was not called" not in done[-1] else "Not done." if done else [
        call("change", what="web")
    ]  # fmt: skip


def waiting(work: Workplace, run: str, number: int = 0) -> dict[str, Any]:
    """What a run waits for."""
    asked: dict[str, Any] = work.until(run, "waiting")["waiting_for"]["approvals"][number]
    return asked


def test_a_write_waits_is_approved_and_made_once(tmp_path: Path) -> None:
    change = CountingTool("change", "write")
    with at_work(tmp_path, phase(WORKER, tools=["change"]), writing, [change]) as work:
        run = work.ask()
        asked = waiting(work, run)
        assert (asked["tool"], asked["arguments"], asked["round"], change.made) == ("change", {"what": "web"}, 1, [])
        assert work.decide(run, asked["approval_id"]).status_code == 202
        told = work.events(run)
        again = work.decide(run, asked["approval_id"])
        other = work.decide(run, asked["approval_id"], "reject")
        listed = work.client.get("runs", params={"tool": "change", "status": "finished"}).json()["items"]
        requests = len(work.server.requests)
    assert change.made == [{"what": "web"}]
    assert kinds(told) == [
        "run_started", "agent_started", "approval_requested", "run_waiting",
        "run_started", "approval_decided", "tool_called", "tool_finished", "agent_finished", "cited", "run_finished",
    ]  # fmt: skip
    assert of_kind(told, "run_finished")[0]["text"] == "Changed."
    assert (again.status_code, other.status_code, other.json()["code"]) == (202, 409, "already_decided")
    assert [each["id"] for each in listed] == [run]
    assert requests == 2, "the model was asked nothing twice"


def test_edited_arguments_are_checked_again_and_used(tmp_path: Path) -> None:
    change = CountingTool("change", "write")
    with at_work(tmp_path, phase(WORKER, tools=["change"]), writing, [change]) as work:
        run = work.ask()
        asked = waiting(work, run)
        wrong = work.decide(run, asked["approval_id"], arguments={"which": "db"})
        assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_input")
        assert "which" in wrong.json()["detail"]
        work.decide(run, asked["approval_id"], arguments={"what": "db"}).raise_for_status()
        told = work.events(run)
    assert change.made == [{"what": "db"}]
    assert of_kind(told, "approval_decided")[0]["arguments"] == {"what": "db"}
    assert of_kind(told, "tool_called")[0]["arguments"] == {"what": "db"}


def test_what_is_rejected_is_not_done_and_the_model_hears_why(tmp_path: Path) -> None:
    change = CountingTool("change", "write")
    with at_work(tmp_path, phase(WORKER, tools=["change"]), writing, [change]) as work:
        run = work.ask()
        work.decide(run, waiting(work, run)["approval_id"], "reject", comment="Not today.").raise_for_status()
        told = work.events(run)
        heard = work.server.requests[-1]["messages"][-1]["content"]
    assert change.made == []
    assert "Not today." in heard
    assert of_kind(told, "tool_finished")[0]["status"] == "denied"
    assert of_kind(told, "run_finished")[0]["text"] == "Not done."


def test_what_destroys_is_asked_for_twice(tmp_path: Path) -> None:
    change = CountingTool("change", "destructive")
    with at_work(tmp_path, phase(WORKER, tools=["change"]), writing, [change]) as work:
        run = work.ask()
        first = waiting(work, run)
        work.decide(run, first["approval_id"]).raise_for_status()
        for _ in range(500):
            second = work.run(run)
            if second["status"] == "waiting" and second["waiting_for"]["approvals"][0]["round"] == 2:
                break
            work.client.portal.call(asyncio.sleep, 0.01)  # type: ignore[union-attr]
        assert change.made == []
        work.decide(run, second["waiting_for"]["approvals"][0]["approval_id"]).raise_for_status()
        told = work.events(run)
    assert change.made == [{"what": "web"}]
    assert [each["round"] for each in of_kind(told, "approval_requested")] == [1, 2]


def test_what_nobody_decides_in_time_counts_as_rejected(tmp_path: Path) -> None:
    change = CountingTool("change", "write")
    with at_work(tmp_path, phase(WORKER, tools=["change"]), writing, [change]) as work:
        run = work.ask()
        asked = waiting(work, run)
        container = work.client.app.state.container  # type: ignore[attr-defined]
        with container.database.write() as connection:
            past = datetime.now(UTC) - timedelta(seconds=1)
            connection.execute(update(approvals).values(expires_at=past))
        late = work.decide(run, asked["approval_id"])
        told = work.events(run)
    assert (late.status_code, late.json()["code"]) == (409, "decision_expired")
    assert change.made == []
    assert of_kind(told, "approval_decided")[0]["decision"] == "expired"


def test_a_run_that_waits_can_be_stopped(tmp_path: Path) -> None:
    change = CountingTool("change", "write")
    with at_work(tmp_path, phase(WORKER, tools=["change"]), writing, [change]) as work:
        run = work.ask()
        asked = waiting(work, run)
        work.client.post(f"runs/{run}/cancel").raise_for_status()
        late = work.decide(run, asked["approval_id"])
    assert (late.status_code, late.json()["code"], change.made) == (409, "run_not_waiting", [])


def test_a_person_is_asked_and_answers(tmp_path: Path) -> None:
    definition = phase(
        {
            "person": {"kind": "human", "question": {"en": "Which cluster?", "zh": "哪个集群？"}},
            "writer": {"kind": "single", "prompt": "Write.", "speaks": True},
            "sorry": {"kind": "single", "prompt": "Write.", "speaks": True},
        },
        {"name": "ask", "agents": ["person"]},
        {"name": "blue", "agents": ["writer"], "when": {"agent": "person", "result": "blue"}},
        {"name": "none", "agents": ["sorry"], "when": {"agent": "person", "result": "blue", "negate": True}},
    )
    with at_work(tmp_path, definition, lambda script: "Blue it is.") as work:
        run = work.ask()
        asked = waiting(work, run)
        assert (asked["tool"], asked["reason"]) == ("", "Which cluster?")
        work.decide(run, asked["approval_id"], comment="blue").raise_for_status()
        told = work.events(run)
    assert [each["agent"] for each in of_kind(told, "agent_started")] == ["person", "writer"]
    assert of_kind(told, "run_finished")[0]["text"] == "Blue it is."


def test_one_branch_waits_while_the_other_finishes(tmp_path: Path) -> None:
    definition = phase(
        {
            "both": {"kind": "parallel", "branches": ["asks", "works"]},
            "asks": {"kind": "react", "prompt": "ASKS", "tools": ["change"]},
            "works": {"kind": "react", "prompt": "WORKS", "tools": ["look"]},
            "writer": {"kind": "single", "prompt": "WRITER", "speaks": True},
        },
        {"name": "main", "agents": ["both", "writer"]},
        tools=["*"],
    )

    def told(script: Script) -> Any:
        who = str(script.messages[0]["content"])
        if "WRITER" in who:
            return "All done."
        if results(script):
            return "Done."
        return [call("change" if "ASKS" in who else "look", what="x")]

    change, look = CountingTool("change", "write"), CountingTool("look")
    with at_work(tmp_path, definition, told, [change, look]) as work:
        run = work.ask()
        asked = waiting(work, run)
        assert look.made == [{"what": "x"}]
        work.decide(run, asked["approval_id"]).raise_for_status()
        heard = work.events(run)
        requests = len(work.server.requests)
    assert (len(look.made), len(change.made), requests) == (1, 1, 5)
    assert of_kind(heard, "run_finished")[0]["text"] == "All done."


@pytest.mark.parametrize("body", [{"decision": "maybe"}, {}, {"decision": "approve", "arguments": []}])
def test_decisions_that_are_none(tmp_path: Path, body: dict[str, Any]) -> None:
    with at_work(tmp_path, phase(WORKER), lambda script: "Fine.") as work:
        run = work.ask()
        assert work.client.post(f"runs/{run}/approvals/x", json=body).status_code == 422
        assert work.decide(run, "x").status_code == 404
