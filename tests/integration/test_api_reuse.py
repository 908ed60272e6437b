"""What there is to ask, bases as files, several documents at once, conversations in order: over REST."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.api_client import api_client, ask, new_thread
from tests.databases import DIALECTS, database_url
from tests.integration.test_api_knowledge_bases import build, upload

LONG = "Then look whether all of it is as it should be, and write down what was done and why. " * 15
RUNBOOK = f"""# Runbook

## How do I roll back?

Run kubectl rollout undo. {LONG}

## Overview

{LONG}

## Rotate the certificates

Run cmctl renew. {LONG}
""".encode()
CHINESE = "# 手册\n\n## 配置告警规则\n\n编写规则文件。\n".encode()


@pytest.fixture(params=DIALECTS)
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TestClient]:
    with (
        database_url(request.param, tmp_path) as url,
        api_client(tmp_path / "data", database_url=url) as opened,
    ):
        opened.post("knowledge-bases", json={"name": "docs"})
        upload(opened, ("runbook.md", RUNBOOK), ("zh.md", CHINESE))
        build(opened)
        yield opened


def questions(client: TestClient, path: str, **query: object) -> list[str]:
    return [each["question"] for each in client.get(path, params=query).json()["items"]]  # type: ignore[arg-type]


def test_questions_are_made_of_headings_in_the_language_asked_for(client: TestClient) -> None:
    assert questions(client, "suggestions") == [
        "How do I roll back?",
        "How do I rotate the certificates?",
        "如何配置告警规则？",
    ]
    assert questions(client, "suggestions", language="zh", limit=1) == ["如何配置告警规则？"]
    assert client.get("suggestions", params={"knowledge_base": "none"}).status_code == 404


def test_a_base_goes_out_as_a_file_and_comes_back_under_another_name(client: TestClient) -> None:
    out = client.get("knowledge-bases/docs/export")
    assert out.headers["content-disposition"].endswith("docs.zip")
    assert int(out.headers["content-length"]) == len(out.content)
    taken = client.post("knowledge-bases/import", files={"file": ("docs.zip", out.content)})
    assert (taken.status_code, taken.json()["code"]) == (409, "name_taken")
    accepted = client.post(
        "knowledge-bases/import", params={"name": "again"}, files={"file": ("docs.zip", out.content)}
    )
    assert accepted.status_code == 202
    again = client.get("knowledge-bases/again").json()
    assert (again["id"], again["document_count"], again["waiting_count"]) == (
        accepted.json()["job"]["knowledge_base_id"], 2, 2,
    )  # fmt: skip
    broken = client.post("knowledge-bases/import", params={"name": "x"}, files={"file": ("x.zip", b"no zip")})
    assert (broken.status_code, "x.zip" in broken.json()["detail"]) == (422, True)
    assert client.get("knowledge-bases/x").status_code == 404


def test_several_documents_are_read_again_and_deleted_at_once(client: TestClient) -> None:
    before = client.get("knowledge-bases/docs").json()
    ids = [each["id"] for each in client.get("knowledge-bases/docs/documents").json()["items"]]
    assert client.post("knowledge-bases/docs/documents/reread", json={"ids": ids}).status_code == 202
    waiting = client.get("knowledge-bases/docs").json()
    assert (waiting["waiting_count"], waiting["chunk_count"]) == (2, before["chunk_count"])
    build(client)
    assert client.get("knowledge-bases/docs").json()["waiting_count"] == 0
    deleted = client.post("knowledge-bases/docs/documents/delete", json={"ids": [*ids[:1], "gone"]})
    assert deleted.json() == {"deleted": 1}
    after = client.get("knowledge-bases/docs").json()
    assert after["document_count"] == 1
    assert after["changed_at"] > before["changed_at"]


def test_a_source_is_checked_before_anything_is_made(client: TestClient, tmp_path: Path) -> None:
    def check(kind: str, location: str) -> int:
        return client.post("sources/check", json={"kind": kind, "location": location}).status_code

    assert check("folder", str(tmp_path)) == 403  # the data folder lies in it
    (tmp_path / "aside").mkdir()
    assert check("folder", str(tmp_path / "aside")) == 200
    assert [check("folder", "/not/there"), check("web", "no address"), check("nonsense", "/")] == [422, 422, 422]


def test_conversations_are_pinned_tagged_and_found(client: TestClient) -> None:
    first, second, third = (new_thread(client, title=title) for title in ("One", "Two", "Three"))
    before = client.get(f"threads/{first}").json()
    changed = client.patch(f"threads/{first}", json={"pinned": True, "tags": ["  incident  7 ", "ops"]}).json()
    assert (changed["pinned"], changed["tags"], changed["updated_at"]) == (
        True,
        ["incident 7", "ops"],
        before["updated_at"],
    )
    client.patch(f"threads/{second}", json={"tags": ["ops"]})
    assert client.get("thread-tags").json()["items"] == [{"tag": "incident 7", "count": 1}, {"tag": "ops", "count": 2}]

    def listed(**query: object) -> list[str]:
        found, cursor = [], ""
        while cursor is not None:
            page = client.get("threads", params={"limit": 1, "cursor": cursor, **query}).json()  # type: ignore[dict-item]
            found += [each["id"] for each in page["items"]]
            cursor = page["next_cursor"]
        return found

    assert listed() == [first, third, second]
    assert listed(tag="ops") == [first, second]
    assert listed(q="incident") == [first]
    assert client.patch(f"threads/{first}", json={"tags": [], "pinned": False}).json()["tags"] == []
    assert listed() == [third, second, first]
    client.delete(f"threads/{second}")
    assert client.get("thread-tags").json()["items"] == []


def test_a_hit_names_its_message_and_an_answer_when_it_ended(client: TestClient) -> None:
    thread = new_thread(client)
    ask(client, thread, input="How do I install it?")
    question, answer = client.get(f"threads/{thread}/messages").json()["items"]
    found = client.get("threads", params={"q": "install"}).json()["items"][0]
    assert found["hit_message_id"] == question["id"]
    assert answer["finished_at"] >= answer["created_at"]
    assert question["finished_at"] is None
    assert questions(client, f"messages/{answer['id']}/suggestions") == []  # what it cites is not there
