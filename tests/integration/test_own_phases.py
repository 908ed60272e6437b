"""A user's phase, performed for real: it asks a person, waits, and goes on as it was when it began."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from backend.app import create_app
from backend.bootstrap import build
from backend.settings import Settings
from knowledge.embedding.hashing import HashingEmbedder
from tests.api_client import URL, events, new_thread

TEXT = """\
name: asked_first
title: {en: Asked first, zh: 先询问}
description: {en: Asks whether to answer., zh: 先询问是否回答。}
agents:
  person:
    kind: human
    question: {en: Shall I answer?, zh: 要回答吗？}
    options: ["yes", "no"]
  answer: {kind: answer}
chains:
  - {name: ask, agents: [person]}
  - {name: tell, agents: [answer], when: {agent: person, result: "yes"}}
"""


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    settings = Settings(data_dir=tmp_path, default_embedders=("hashing",), sample_guide=False)
    container = build(settings, embedders={"hashing": HashingEmbedder()}, prepare=lambda: None)
    with TestClient(create_app(container), base_url=f"{URL}/api/v1/") as client:
        client.post("phases", json={"text": TEXT}).raise_for_status()
        yield client


def test_a_run_that_waits_goes_on_with_the_version_that_it_began_with(client: TestClient) -> None:
    thread = new_thread(client)
    run = client.post(f"threads/{thread}/runs", json={"input": "How?", "phase": "asked_first"}).json()
    client.put("phases/asked_first", json={"text": TEXT.replace('result: "yes"', 'result: "no"')}).raise_for_status()
    while (run := client.get(f"runs/{run['id']}").json())["status"] == "running":
        pass
    (asked,) = run["waiting_for"]["approvals"]
    assert asked["reason"] == "Shall I answer?"
    decision = {"decision": "approve", "comment": "yes"}
    client.post(f"runs/{run['id']}/approvals/{asked['approval_id']}", json=decision).raise_for_status()
    told = events(client.get(f"runs/{run['id']}/events").text)
    assert told[-1][1] == "run_finished"
    assert [data["agent"] for _, kind, data in told if kind == "agent_finished"][-1] == "answer"


def test_where_nobody_can_be_asked_it_is_refused_by_name(client: TestClient) -> None:
    body = {"model": "asked_first", "messages": [{"role": "user", "content": "How?"}]}
    refused = client.post(f"{URL}/v1/chat/completions", json=body)
    assert refused.status_code >= 400
    assert refused.json()["error"]["code"] == "cannot_wait"
    assert "'asked_first'" in refused.json()["error"]["message"]
