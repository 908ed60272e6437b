"""Conversations and runs over REST, as a client sees them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from agents.errors import ModelUnavailable
from knowledge.storage.paging import encode_cursor
from tests.api_client import ScriptedPhase, api_client, ask, events, new_thread
from tests.databases import DIALECTS, database_url


@pytest.fixture
def phase() -> ScriptedPhase:
    return ScriptedPhase()


@pytest.fixture(params=DIALECTS)
def client(request: pytest.FixtureRequest, tmp_path: Path, phase: ScriptedPhase) -> Iterator[TestClient]:
    with (
        database_url(request.param, tmp_path) as url,
        api_client(tmp_path / "data", phase, database_url=url) as opened,
    ):
        yield opened


def messages(client: TestClient, thread: str) -> list[dict[str, object]]:
    return list(client.get(f"threads/{thread}/messages").json()["items"])


def test_a_question_is_answered_with_citations(client: TestClient) -> None:
    thread = new_thread(client)
    begun = client.post(f"threads/{thread}/runs", json={"input": "How do I\n install it?"})
    assert begun.status_code == 202
    run = begun.json()
    told = events(client.get(f"runs/{run['id']}/events").text)
    assert [kind for _, kind, _ in told] == [
        "run_started",
        "text_delta",
        "text_delta",
        "cited",
        "usage_reported",
        "run_finished",
    ]
    assert [number for number, _, _ in told] == [1, 2, 3, 4, 5, 6]
    question, answer = messages(client, thread)
    assert question["text"] == "How do I\n install it?"
    assert answer["parent_id"] == question["id"]
    assert (answer["text"], answer["status"], answer["answered"]) == ("Run make up. [1]", "finished", True)
    assert answer["citations"][0]["path"] == "guide/install.md"  # type: ignore[index]
    seen = client.get(f"threads/{thread}").json()
    assert (seen["title"], seen["message_count"], seen["active_run_id"]) == ("How do I install it?", 2, None)
    ended = client.get(f"runs/{run['id']}").json()
    assert (ended["status"], ended["last_event_id"], ended["mode"]) == ("finished", 6, "extractive")


def test_a_stream_goes_on_after_the_last_event_seen(client: TestClient) -> None:
    run = ask(client, new_thread(client))
    rest = client.get(f"runs/{run['id']}/events", headers={"Last-Event-ID": "4"})
    assert [number for number, _, _ in events(rest.text)] == [5, 6]
    assert rest.headers["content-type"].startswith("text/event-stream")
    assert client.get(f"runs/{run['id']}/events", headers={"Last-Event-ID": "6"}).text == ""
    assert client.get(f"runs/{run['id']}/events", headers={"Last-Event-ID": "-1"}).status_code == 422


def test_follow_ups_bring_their_history(client: TestClient, phase: ScriptedPhase) -> None:
    thread = new_thread(client)
    ask(client, thread, input="First?")
    ask(client, thread, input="And then?")
    assert [(each.role, each.text) for each in phase.asked[1].history] == [
        ("user", "First?"),
        ("assistant", "Run make up. [1]"),
    ]
    assert phase.asked[1].question == "And then?"


def test_a_conversation_is_named_by_its_first_question_not_by_a_greeting(client: TestClient) -> None:
    thread = new_thread(client)
    for said, title in (
        ("Hello!", ""),
        ("How do I roll back?", "How do I roll back?"),
        ("And why?", "How do I roll back?"),
    ):
        ask(client, thread, input=said)
        assert client.get(f"threads/{thread}").json()["title"] == title


def test_edits_and_regenerations_are_siblings(client: TestClient, phase: ScriptedPhase) -> None:
    thread = new_thread(client)
    first = ask(client, thread, input="Frist?")
    ask(client, thread, regenerate=True, parent_id=first["user_message_id"], input="")
    ask(client, thread, edit_of=first["user_message_id"], input="First?")
    tree = messages(client, thread)
    assert [(each["role"], each["parent_id"]) for each in tree] == [
        ("user", None),
        ("assistant", tree[0]["id"]),
        ("assistant", tree[0]["id"]),
        ("user", None),
        ("assistant", tree[3]["id"]),
    ]
    assert [asked.question for asked in phase.asked] == ["Frist?", "Frist?", "First?"]
    branch = ask(client, thread, input="On the old branch", parent_id=tree[1]["id"])
    assert phase.asked[3].history[0].text == "Frist?"
    assert branch["status"] == "running"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"input": "  "}, 422, "invalid_input"),
        ({"input": "x", "phase": "nope"}, 422, "unknown_phase"),
        ({"input": "x", "knowledge_bases": ["nope"]}, 404, "not_found"),
        ({"input": "x", "model": "nope"}, 422, "invalid_input"),
        ({"input": "x", "model": {"name": ""}}, 422, "invalid_input"),
        ({"input": "x", "parent_id": "nope"}, 404, "not_found"),
        ({"regenerate": True}, 422, "invalid_input"),
        ({"input": "x", "edit_of": "nope"}, 404, "not_found"),
        ({"input": "x\u0000y"}, 422, "invalid_input"),
    ],
)
def test_what_cannot_be_asked_is_refused(client: TestClient, body: dict[str, object], status: int, code: str) -> None:
    thread = new_thread(client)
    answer = client.post(f"threads/{thread}/runs", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert messages(client, thread) == []


def test_a_failure_is_kept_with_its_reason(tmp_path: Path) -> None:
    phase = ScriptedPhase(words=("Half",), error=ModelUnavailable("The model is away."))
    with api_client(tmp_path, phase) as client:
        thread = new_thread(client)
        run = ask(client, thread)
        answer = messages(client, thread)[1]
        assert (answer["status"], answer["error"], answer["text"]) == ("failed", "The model is away.", "Half")
        assert client.get(f"runs/{run['id']}").json()["error"] == "The model is away."


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2026"])
def test_a_cursor_that_no_page_gave_is_refused(client: TestClient, moment: str) -> None:
    new_thread(client)
    for cursor in (encode_cursor("0", moment, "x"), encode_cursor("1", moment, "x")):
        refused = client.get("threads", params={"cursor": cursor})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_input")


def test_nothing_found_names_the_nearest_pages(tmp_path: Path) -> None:
    with api_client(tmp_path, ScriptedPhase(verdict="nothing")) as client:
        thread = new_thread(client)
        ask(client, thread)
        answer = messages(client, thread)[1]
        assert (answer["verdict"], answer["answered"]) == ("nothing", False)
        assert answer["nearest"][0]["title"] == "t"  # type: ignore[index]


def test_the_same_key_asks_once(client: TestClient, phase: ScriptedPhase) -> None:
    thread = new_thread(client)
    key = {"Idempotency-Key": "ask-1"}
    first = client.post(f"threads/{thread}/runs", json={"input": "Once?"}, headers=key).json()
    again = client.post(f"threads/{thread}/runs", json={"input": "Once?"}, headers=key).json()
    client.get(f"runs/{first['id']}/events")
    assert first == again
    assert len(phase.asked) == 1
    assert len(messages(client, thread)) == 2


def test_cancelling_what_is_over_changes_nothing(client: TestClient) -> None:
    run = ask(client, new_thread(client))
    assert client.post(f"runs/{run['id']}/cancel").status_code == 202
    assert client.get(f"runs/{run['id']}").json()["status"] == "finished"


def test_threads_are_listed_searched_renamed_and_deleted(client: TestClient) -> None:
    made = [new_thread(client, title=f"Thread {number}") for number in range(5)]
    ask(client, made[1], input="What is a 滚动更新 rollout?")
    listed: list[str] = []
    cursor = ""
    while True:
        page = client.get("threads", params={"limit": 2, "cursor": cursor}).json()
        listed += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert listed == [made[1], made[4], made[3], made[2], made[0]]
    assert [item["id"] for item in client.get("threads?q=滚动更新").json()["items"]] == [made[1]]
    assert [item["id"] for item in client.get("threads?q=thread 3").json()["items"]] == [made[3]]
    assert client.get("threads?q=100%25").json()["items"] == []
    renamed = client.patch(f"threads/{made[0]}", json={"title": "Renamed"}).json()
    assert renamed["title"] == "Renamed"
    assert client.delete(f"threads/{made[0]}").status_code == 204
    assert client.get(f"threads/{made[0]}").status_code == 404
    assert client.delete(f"threads/{made[0]}").status_code == 404


def test_a_conversation_is_exported(client: TestClient) -> None:
    thread = new_thread(client)
    ask(client, thread, input="How?")
    markdown = client.get(f"threads/{thread}/export")
    assert markdown.headers["content-type"].startswith("text/markdown")
    assert "attachment" in markdown.headers["content-disposition"]
    assert "## Question\n\nHow?" in markdown.text
    assert "- [1] Install, Install › Linux (`guide/install.md`)" in markdown.text
    exported = client.get(f"threads/{thread}/export?format=json").json()
    assert [message["role"] for message in exported["messages"]] == ["user", "assistant"]


def test_feedback_is_kept_changed_and_taken_back(client: TestClient) -> None:
    run = ask(client, new_thread(client))
    path = f"messages/{run['message_id']}/feedback"
    given = client.put(path, json={"rating": "down", "reasons": ["wrong"], "comment": "No."}).json()
    assert given["feedback"] == {"rating": "down", "reasons": ["wrong"], "comment": "No."}
    assert client.put(path, json={"rating": "up"}).json()["feedback"]["rating"] == "up"
    assert client.put(path, json={"rating": None}).json()["feedback"] is None
    assert client.put("messages/nope/feedback", json={"rating": "up"}).status_code == 404


def test_models_are_stored_and_their_keys_never_shown(tmp_path: Path, phase: ScriptedPhase) -> None:
    with api_client(tmp_path, phase, model={"base_url": "http://127.0.0.1:1/v1", "name": "own"}) as client:
        body = {"name": "big", "base_url": "http://127.0.0.1:1/v1", "api_key": "sk-very-secret", "model": "m-1"}
        made = client.post("models", json=body)
        assert made.status_code == 201
        assert made.json()["has_api_key"] is True
        assert "sk-very-secret" not in client.get("models").text + made.text
        assert [(model["name"], model["is_default"]) for model in client.get("models").json()["items"]] == [
            ("own", True),
            ("big", False),
        ]
        assert client.post("models", json=body).status_code == 409
        assert client.post("models", json={**body, "name": "own"}).status_code == 409
        path = f"models/{made.json()['id']}"
        assert client.patch(path, json={"is_default": True}).json()["is_default"] is True
        assert client.get("models/settings").json()["origin"] == "settings"
        assert client.patch("models/settings", json={"model": "x"}).status_code == 409
        checked = client.post(f"{path}/check").json()
        assert checked["ok"] is False
        assert checked["message"]
        ask(client, new_thread(client))
        ask(client, new_thread(client), model="none")
        ask(client, new_thread(client), model="own")
        assert [each.model and each.model.name for each in phase.asked] == ["big", None, "own"]
        assert client.delete(path).status_code == 204
        assert client.delete(path).status_code == 404


def test_what_there_is_to_choose_from(client: TestClient) -> None:
    assert [phase["name"] for phase in client.get("phases").json()["items"]] == ["answer"]
    embedders = client.get("embedders").json()["items"]
    assert [(each["name"], each["is_default"]) for each in embedders] == [("hashing", True)]
    assert client.get("version").json()["api"] == "v1"
