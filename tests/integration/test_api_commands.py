"""Commands over HTTP: a run like any other, whatever phase is chosen, and completed while they are typed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.app import create_app
from backend.bootstrap import build
from tests.api_client import URL, HashingEmbedder, Settings
from tests.tools import FakeSource, FakeTool, spec

WHAT = {"type": "object", "properties": {"what": {"type": "string"}}, "required": ["what"]}


@pytest.fixture
def write() -> FakeTool:
    return FakeTool(spec("restart", risk="write", parameters=WHAT))


@pytest.fixture
def client(tmp_path: Path, write: FakeTool) -> Iterator[TestClient]:
    settings = Settings(data_dir=tmp_path / "data", default_embedders=("hashing",), sample_guide=False)
    made = build(
        settings, embedders={"hashing": HashingEmbedder()}, prepare=lambda: None,
        tool_sources=(FakeSource("fake", [write]),),
    )  # fmt: skip
    with TestClient(create_app(made), base_url=URL, client=("127.0.0.1", 50_000)) as opened:
        opened.base_url = opened.base_url.join("/api/v1/")
        yield opened


def ask(client: TestClient, thread: str, text: str, phase: str = "answer") -> dict[str, Any]:
    run = client.post(f"threads/{thread}/runs", json={"input": text, "phase": phase}).json()
    return settled(client, run["id"])


def settled(client: TestClient, run_id: str) -> dict[str, Any]:
    """The run once it has ended or waits."""
    ends = {f"event: run_{name}" for name in ("waiting", "finished", "failed", "cancelled")}
    with client.stream("GET", f"runs/{run_id}/events") as events:
        next(line for line in events.iter_lines() if line in ends)
    return client.get(f"runs/{run_id}").json()  # type: ignore[no-any-return]


def text_of(client: TestClient, run: dict[str, Any]) -> str:
    messages = client.get(f"threads/{run['thread_id']}/messages").json()["items"]
    return str(next(each["text"] for each in messages if each["id"] == run["message_id"]))


def test_a_command_is_a_run_that_waits_for_leave_and_is_recorded(client: TestClient, write: FakeTool) -> None:
    thread = client.post("threads", json={}).json()["id"]
    run = ask(client, thread, "/restart web", phase="answer")
    assert (run["phase"], run["status"], run["question"]) == ("command", "waiting", "/restart web")
    assert client.get("threads").json()["items"][0]["waiting"]
    (asked,) = run["waiting_for"]["approvals"]
    decision = {"decision": "approve", "arguments": {"what": "api"}}
    assert client.post(f"runs/{run['id']}/approvals/{asked['approval_id']}", json=decision).is_success
    while run["status"] in ("waiting", "running"):
        run = client.get(f"runs/{run['id']}").json()
    assert write.calls == [{"what": "api"}]
    assert text_of(client, run) == "Done."
    (row,) = client.get("audit").json()["items"]
    assert (row["tool"], row["decision"], row["run_id"]) == ("restart", "approved", run["id"])
    assert [each["id"] for each in client.get("runs", params={"tool": "restart"}).json()["items"]] == [run["id"]]


def test_the_language_of_an_interface_reaches_the_run(client: TestClient) -> None:
    thread = client.post("threads", json={}).json()["id"]
    body = {"input": "/nothing", "language": "zh"}
    run = settled(client, client.post(f"threads/{thread}/runs", json=body).json()["id"])
    assert text_of(client, run).startswith("没有命令")
    assert client.get(f"runs/{run['id']}/export").json()["spec"]["language"] == "zh"
    assert client.post(f"threads/{thread}/runs", json={**body, "language": "fr"}).status_code == 422


def test_two_slashes_ask_the_chosen_phase(client: TestClient) -> None:
    thread = client.post("threads", json={}).json()["id"]
    run = ask(client, thread, "//restart web")
    assert (run["phase"], run["question"]) == ("answer", "//restart web")
    phases = [each["name"] for each in client.get("phases").json()["items"]]
    assert "command" not in phases


def test_what_is_typed_is_completed(client: TestClient) -> None:
    def texts(prefix: str) -> list[str]:
        return [each["text"] for each in client.get("commands", params={"prefix": prefix}).json()["items"]]

    assert texts("/re") == ["/restart "]
    assert texts("/restart ") == ["/restart what="]
    assert texts("plain") == []
