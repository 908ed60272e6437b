"""Agents with a model that only writes: tools, results, approvals and answers over the real protocol."""

from __future__ import annotations

from pathlib import Path

from tests.agents_at_work import CountingTool, at_work, of_kind, phase
from tests.scripted_model import Script

WORKER = {"worker": {"kind": "react", "speaks": True}}


def last(script: Script) -> str:
    return str(script.messages[-1]["content"])


def test_a_model_that_only_writes_looks_changes_and_answers(tmp_path: Path) -> None:
    look = CountingTool("look", says="3 pods of {}")
    change = CountingTool("change", "write", says="scaled {}")

    def told(script: Script) -> str:
        assert not script.tools, "the protocol's tools are not offered"
        if "scaled web" in last(script):
            return "Thought: all is done.\nFinal Answer: Web has 4 pods now."
        if "3 pods of web" in last(script):
            return "行动：change\n行动输入：{'what': 'web',}"
        return 'I look first.\n\n**Action:** `look`\n**Action Input:**\n```json\n{"what": "web"\n```'

    with at_work(tmp_path, phase(WORKER, tools=["look", "change"]), told, [look, change]) as work:
        made = {"name": "writer", "base_url": work.server.base_url, "model": "scripted:told", "tool_calls": "text"}
        work.client.post("models", json=made).raise_for_status()
        run = work.ask(model="writer")
        asked = work.until(run, "waiting")["waiting_for"]["approvals"][0]
        assert (asked["tool"], asked["arguments"], change.made) == ("change", {"what": "web"}, [])
        work.decide(run, asked["approval_id"]).raise_for_status()
        events = work.events(run)
        system = str(work.server.requests[0]["messages"][0]["content"])
    assert look.made == change.made == [{"what": "web"}]
    assert of_kind(events, "run_finished")[0]["text"] == "Web has 4 pods now."
    assert "Does look." in system
    assert not any("Action" in each["text"] for each in of_kind(events, "text_delta"))
