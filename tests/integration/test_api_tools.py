"""Tools over HTTP: listed, decided on, called, approved, recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from agents.tools.ports import ToolOutput
from backend.app import create_app
from tests.api_client import URL, container
from tests.databases import DIALECTS, database_url
from tests.tools import FakeSource, FakeTool, spec

SECRET = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "password": {"type": "string", "writeOnly": True}},
    "required": ["name"],
}


@pytest.fixture
def tools() -> dict[str, FakeTool]:
    made = [
        FakeTool(spec("look_at_pods", description="List the pods of a cluster.")),
        FakeTool(spec("set_value", risk="write", parameters=SECRET)),
        FakeTool(spec("drop_table", risk="destructive")),
        FakeTool(spec("long", max_output_chars=1000), output=ToolOutput(text="line\n" * 1000)),
        FakeTool(spec("unready", reason="The platform is not connected.")),
    ]
    return {tool.spec.name: tool for tool in made}


@pytest.fixture
def client(request: pytest.FixtureRequest, tmp_path: Path, tools: dict[str, FakeTool]) -> Iterator[TestClient]:
    from backend.bootstrap import build
    from tests.api_client import HashingEmbedder, Runner, ScriptedPhase, Settings

    with database_url(getattr(request, "param", "sqlite"), tmp_path) as url:
        settings = Settings(
            data_dir=tmp_path / "data", default_embedders=("hashing",), sample_guide=False, database_url=url
        )
        made = build(
            settings,
            runner=Runner([ScriptedPhase()]),
            embedders={"hashing": HashingEmbedder()},
            prepare=lambda: None,
            tool_sources=(FakeSource("fake", list(tools.values())), FakeSource("broken", error=OSError("x"))),
        )
        with TestClient(create_app(made), base_url=URL, client=("127.0.0.1", 50_000)) as opened:
            opened.base_url = opened.base_url.join("/api/v1/")
            yield opened


def call(client: TestClient, tool: str, /, **arguments: Any) -> Any:
    return client.post(f"tools/{tool}/calls", json={"arguments": arguments})


def decide(client: TestClient, approval_id: str, decision: str = "approve", **more: Any) -> Any:
    return client.post(f"tools/approvals/{approval_id}", json={"decision": decision, **more})


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
@pytest.mark.parametrize("name", ["since", "until"])
def test_a_moment_that_utc_does_not_have_is_refused(client: TestClient, moment: str, name: str) -> None:
    for path in ("audit", "audit/export"):
        refused = client.get(path, params={name: moment})
        assert refused.status_code == 422, path
        assert "years 1 to 9999" in refused.text
    assert client.get("audit", params={name: "9999-12-31T23:59:59"}).status_code == 200


def test_tools_are_listed_with_what_holds_for_them(client: TestClient) -> None:
    listed = client.get("tools").json()
    by_name = {each["name"]: each for each in listed["items"]}
    assert {name: each["policy"] for name, each in by_name.items()} == {
        "look_at_pods": "allow",
        "set_value": "ask",
        "drop_table": "ask_twice",
        "long": "allow",
        "unready": "allow",
    }
    assert not by_name["unready"]["available"]
    assert by_name["unready"]["reason"] == "The platform is not connected."
    assert "OSError" in listed["problems"]["broken"]
    assert client.get("tools", params={"query": "pods of the cluster"}).json()["items"][0]["name"] == "look_at_pods"
    assert client.get("tools", params={"source": "nowhere"}).json()["items"] == []


def test_a_read_runs_and_is_recorded(client: TestClient, tools: dict[str, FakeTool]) -> None:
    called = call(client, "look_at_pods", what="all").json()
    assert (called["status"], called["output"]) == ("succeeded", "Done.")
    (entry,) = client.get("audit").json()["items"]
    assert entry["id"] == called["audit_id"]
    assert (entry["tool"], entry["status"], entry["origin"], entry["decision"]) == (
        "look_at_pods",
        "succeeded",
        "rest",
        "allowed",
    )
    assert entry["output_size"] == 5


@pytest.mark.parametrize("client", DIALECTS, indirect=True)
def test_a_write_runs_once_after_one_approval(client: TestClient, tools: dict[str, FakeTool]) -> None:
    asked = call(client, "set_value", name="a", password="hunter2")
    assert asked.status_code == 409
    problem = asked.json()
    assert problem["code"] == "approval_required"
    assert problem["arguments"] == {"name": "a", "password": "•••"}
    assert tools["set_value"].calls == []

    assert decide(client, problem["approval_id"]).json()["status"] == "succeeded"
    assert tools["set_value"].calls == [{"name": "a", "password": "hunter2"}]
    again = decide(client, problem["approval_id"])
    assert (again.status_code, again.json()["code"]) == (409, "approval_gone")
    assert len(tools["set_value"].calls) == 1
    recorded = client.get("audit").text
    assert "hunter2" not in recorded
    assert client.get("audit").json()["items"][0]["decided_by"] == "local"


def test_what_destroys_is_asked_twice(client: TestClient, tools: dict[str, FakeTool]) -> None:
    first = call(client, "drop_table", what="a").json()
    second = decide(client, first["approval_id"]).json()
    assert (second["code"], second["round"]) == ("approval_required", 2)
    assert tools["drop_table"].calls == []
    assert decide(client, second["approval_id"]).json()["status"] == "succeeded"
    assert len(tools["drop_table"].calls) == 1


def test_an_edit_in_the_second_round_is_asked_again(client: TestClient, tools: dict[str, FakeTool]) -> None:
    first = call(client, "drop_table", what="a").json()
    second = decide(client, first["approval_id"]).json()
    third = decide(client, second["approval_id"], arguments={"what": "b"}).json()
    assert (third["code"], third["arguments"]) == ("approval_required", {"what": "b"})
    assert tools["drop_table"].calls == []
    assert decide(client, third["approval_id"]).json()["status"] == "succeeded"
    assert tools["drop_table"].calls == [{"what": "b"}]


def test_edited_arguments_are_checked_and_a_rejection_is_recorded(
    client: TestClient, tools: dict[str, FakeTool]
) -> None:
    waiting = call(client, "set_value", name="a").json()["approval_id"]
    wrong = decide(client, waiting, arguments={"name": 7})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "tool_failed")
    assert decide(client, waiting, "reject", comment="Not today.").json()["status"] == "denied"
    assert tools["set_value"].calls == []
    (entry,) = client.get("audit", params={"status": "denied"}).json()["items"]
    assert entry["decided_by"] == "local"


@pytest.mark.parametrize("client", DIALECTS, indirect=True)
def test_an_operator_decides(client: TestClient, tools: dict[str, FakeTool]) -> None:
    assert client.patch("tools/set_value", json={"policy": "allow"}).json()["policy"] == "allow"
    assert call(client, "set_value", name="a").json()["status"] == "succeeded"
    assert client.patch("tools/drop_table", json={"policy": "allow"}).json()["policy"] == "ask"
    assert call(client, "drop_table").status_code == 409
    off = client.patch("tools/look_at_pods", json={"policy": "off"}).json()
    assert (off["policy"], off["available"]) == ("deny", False)
    refused = call(client, "look_at_pods")
    assert (refused.status_code, refused.json()["code"]) == (403, "tool_denied")
    assert tools["look_at_pods"].calls == []
    assert client.patch("tools/look_at_pods", json={"policy": None}).json()["available"]


def test_wrong_arguments_teach_and_a_dry_run_calls_nothing(client: TestClient, tools: dict[str, FakeTool]) -> None:
    wrong = call(client, "set_value", nme="a").json()
    assert "no argument 'nme'" in wrong["detail"]
    assert "name (string, required)" in wrong["detail"]
    dry = client.post("tools/set_value/calls", json={"arguments": {"name": "a", "password": "x"}, "dry_run": True})
    assert dry.json()["preview"]["arguments"] == {"name": "a", "password": "•••"}
    assert dry.json()["verdict"] == "ask"
    assert tools["set_value"].calls == []
    assert call(client, "nothing_such").status_code == 404
    assert "not connected" in call(client, "unready").json()["detail"]


def test_a_long_output_is_kept_whole(client: TestClient) -> None:
    called = call(client, "long").json()
    assert called["status"] == "cut"
    assert len(called["output"]) <= 1000
    (artifact,) = called["artifacts"]
    assert client.get(f"artifacts/{artifact}").text == "line\n" * 1000


@pytest.mark.parametrize("client", DIALECTS, indirect=True)
def test_the_record_is_exported(client: TestClient) -> None:
    call(client, "look_at_pods", what="=1+1")
    call(client, "long")
    lines = [json.loads(line) for line in client.get("audit/export").text.splitlines()]
    assert [line["tool"] for line in lines] == ["long", "look_at_pods"]
    table = client.get("audit/export", params={"format": "csv", "tool": "long"}).text.splitlines()
    assert len(table) == 2
    assert table[0].startswith("id,user_id,origin")


def test_built_in_tools_work_on_a_knowledge_base(tmp_path: Path) -> None:
    made = container(tmp_path)
    with TestClient(create_app(made), base_url=URL, client=("127.0.0.1", 50_000)) as client:
        client.base_url = client.base_url.join("/api/v1/")
        client.post("knowledge-bases", json={"name": "docs"}).raise_for_status()
        waiting = call(client, "add_document", path="notes/a.md", text="# Fuses\n\nA fuse blows at 10 A.").json()
        added = decide(client, waiting["approval_id"]).json()
        assert added["status"] == "succeeded", added
        assert "already" in decide_again(client, "notes/a.md")["output"]
        listed = call(client, "list_documents").json()
        (row,) = listed["data"]["rows"]
        assert row[0] == "notes/a.md"
        assert call(client, "current_time", time_zone="Nowhere/City").json()["status"] == "failed"
        first = call(client, "delete_document", document_id=row[5]).json()
        second = decide(client, first["approval_id"]).json()
        assert decide(client, second["approval_id"]).json()["output"] == "notes/a.md was deleted."
        assert call(client, "list_documents").json()["data"]["rows"] == []


def decide_again(client: TestClient, path: str) -> Any:
    """The same document added once more."""
    waiting = call(client, "add_document", path=path, text="Other.").json()
    return decide(client, waiting["approval_id"]).json()
