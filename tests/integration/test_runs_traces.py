"""Runs looked through, exported, seen again from the command line, and old traces that go while answers stay."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from typer.testing import CliRunner

from backend.cli import app as command_line
from backend.db.tables import run_events, run_journal, runs
from backend.runs.retention import KEPT_KINDS, prune_traces
from tests.agents_at_work import CountingTool, at_work, phase, results
from tests.scripted_model import Script, call

WORKER = phase({"worker": {"kind": "react", "speaks": True}}, tools=["look"])


def told(script: Script) -> Any:
    return "It is up." if results(script) else [call("look", what="web")]


def test_runs_are_listed_page_by_page_and_filtered(tmp_path: Path) -> None:
    with at_work(tmp_path, WORKER, told, [CountingTool("look")]) as work:
        ids = []
        for question in ("Is the web up?", "Is the database up?", "And the queue?"):
            ids.append(work.ask(question))
            work.events(ids[-1])

        def listed(**params: object) -> list[str]:
            return [each["id"] for each in work.client.get("runs", params=params).raise_for_status().json()["items"]]

        assert listed() == list(reversed(ids))
        first = work.client.get("runs", params={"limit": 2}).json()
        assert listed(limit=2, cursor=first["next_cursor"]) == [ids[0]]
        assert listed(query="DATABASE") == [ids[1]]
        assert listed(query="It is up") == list(reversed(ids))
        assert (listed(phase="other"), listed(status="failed"), listed(tool="other")) == ([], [], [])
        assert listed(tool="look", phase="work", status="finished") == list(reversed(ids))
        assert work.client.get("runs", params={"status": "gone"}).status_code == 422
        assert work.client.get("runs", params={"cursor": "x"}).status_code == 422


def test_a_trace_is_exported_without_secrets_and_unknown_tools_are_refused(tmp_path: Path) -> None:
    with at_work(tmp_path, WORKER, told, [CountingTool("look")]) as work:
        model = {"name": "scripted:told", "base_url": work.server.base_url, "api_key": "sk-very-secret"}
        run = work.ask(model=model, tools=["look"], budget={"steps": 5})
        heard = work.events(run)
        exported = work.client.get(f"runs/{run}/export").raise_for_status()
        wrong = work.client.post(f"threads/{work.thread}/runs", json={"input": "?", "phase": "work", "tools": ["rm"]})
        container = work.client.app.state.container  # type: ignore[attr-defined]
        with container.database.read() as connection:
            assert connection.execute(select(run_journal)).first() is None, "the journal is empty at the end"
    trace = exported.json()
    assert [(each["id"], each["kind"], each["data"]) for each in trace["events"]] == heard
    assert trace["spec"]["question"] == "How?"
    assert trace["spec"]["tools"] == ["look"]
    assert "secret" not in exported.text
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_input")


def test_tools_that_a_run_does_not_name_are_not_offered(tmp_path: Path) -> None:
    with at_work(tmp_path, WORKER, told, [CountingTool("look")]) as work:
        work.events(work.ask(tools=[]))
        assert "tools" not in work.server.requests[0]


def test_the_command_line_lists_shows_and_replays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with at_work(tmp_path, WORKER, told, [CountingTool("look")]) as work:
        run = work.ask()
        work.events(run)
    monkeypatch.setenv("CHATBOT_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("CHATBOT_DEFAULT_EMBEDDERS", "")
    runner = CliRunner()
    listed = runner.invoke(command_line, ["runs", "list", "--tool", "look"])
    assert run in listed.output
    shown = runner.invoke(command_line, ["runs", "show", run])
    assert 'look {"what": "web"}' in shown.output
    replayed = runner.invoke(command_line, ["runs", "replay", run, "--delay-ms", "0"])
    assert "It is up." in replayed.output
    asked = json.loads(runner.invoke(command_line, ["runs", "show", run, "--json"]).output)
    assert asked["run"]["status"] == "finished"


def test_old_traces_go_and_answers_stay(tmp_path: Path) -> None:
    with at_work(tmp_path, WORKER, told, [CountingTool("look")]) as work:
        old, new = work.ask(), ""
        work.events(old)
        new = work.ask("Again?")
        work.events(new)
        database = work.client.app.state.container.database  # type: ignore[attr-defined]
        now = datetime.now(UTC)
        with database.write() as connection:
            connection.execute(update(runs).where(runs.c.id == old).values(finished_at=now - timedelta(days=100)))
        assert prune_traces(database, now - timedelta(days=90)) == 1
        assert prune_traces(database, now - timedelta(days=90)) == 0
        with database.read() as connection:
            left = set(connection.execute(select(run_events.c.kind).where(run_events.c.run_id == old)).scalars())
        assert left <= set(KEPT_KINDS)
        assert work.events(old)[-1][1] == "run_finished"
        assert len(work.events(new)) > len(KEPT_KINDS)
        texts = [each["text"] for each in work.client.get(f"threads/{work.thread}/messages").json()["items"]]
    assert texts == ["How?", "It is up.", "Again?", "It is up."]
