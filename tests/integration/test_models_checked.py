"""What a test of a model finds out, against the real protocol, and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from agents.models.checking import find_tool_calling
from agents.models.scripted import ScriptedChatModel
from agents.ports import ModelProfile
from tests.api_client import api_client
from tests.scripted_model import ScriptedServer


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with api_client(tmp_path) as opened:
        yield opened


def added(client: TestClient, server: ScriptedServer, model: str, **more: Any) -> str:
    body = {"name": "mine", "base_url": server.base_url, "model": model, **more}
    return str(client.post("models", json=body).raise_for_status().json()["id"])


@pytest.mark.parametrize(
    ("model", "tool_calls", "kept"),
    [
        ('scripted:call?tool=report_word&arguments={"word":"ready"}&text=One two three.', "native", "native"),
        ('scripted:say?text=Action: report_word\nAction Input: {"word": "ready"}', "text", "text"),
        ("scripted:say?text=I know no tools, so I say some words.", "none", None),
    ],
)
def test_a_model_is_tried_out(
    client: TestClient, server: ScriptedServer, model: str, tool_calls: str, kept: str | None
) -> None:
    model_id = added(client, server, model)
    found = client.post(f"models/{model_id}/check").json()
    assert found["ok"], found
    assert (found["streams"], found["tool_calls"]) == (True, tool_calls)
    assert found["latency_ms"] > 0
    assert found["message"].startswith("mine answers, streams, ")
    assert client.get(f"models/{model_id}").json()["tool_calls"] == kept


def test_what_somebody_said_of_a_model_is_not_changed_by_a_test(client: TestClient, server: ScriptedServer) -> None:
    text = 'scripted:say?text=Action: report_word\nAction Input: {"word": "ready"}'
    model_id = added(client, server, text, tool_calls="native")
    assert client.post(f"models/{model_id}/check").json()["tool_calls"] == "text"
    assert client.get(f"models/{model_id}").json()["tool_calls"] == "native"
    assert client.patch(f"models/{model_id}", json={"tool_calls": "text"}).json()["tool_calls"] == "text"


def test_a_model_that_cannot_be_reached_says_why(client: TestClient) -> None:
    body = {"name": "gone", "base_url": "http://127.0.0.1:9/v1", "model": "m"}
    model_id = client.post("models", json=body).json()["id"]
    found = client.post(f"models/{model_id}/check").json()
    assert (found["ok"], found["latency_ms"], found["tool_calls"]) == (False, None, None)
    assert "127.0.0.1:9" in found["message"]


async def test_a_model_that_refuses_tools_is_asked_in_words() -> None:
    refusing = ScriptedChatModel(
        'Action: report_word\nAction Input: {"word": "ready"}', profile=ModelProfile(tool_calls="text")
    )
    assert await find_tool_calling(refusing) == "text"
