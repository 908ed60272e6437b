"""Phases over REST: written, checked, versioned, compared, rolled back, run; the product's own stay as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from agents.phases.builtin import BUILT_IN, built_in_text
from agents.phases.catalogue import PhaseCatalogue
from agents.phases.definition import PhaseDefinition
from agents.runner import Runner
from backend.accounts.guard import LOCAL
from backend.app import create_app
from backend.bootstrap import Container, build
from backend.errors import Missing, NameTaken, Refused, VersionConflict
from backend.phases.schema import phase_schema
from backend.phases.store import PhaseStore, StoredPhases
from backend.settings import Settings
from knowledge.embedding.hashing import HashingEmbedder
from knowledge.storage.database import Database
from knowledge.types import Scope
from tests.api_client import URL, ScriptedPhase, ask, events, new_thread

TEXT = """\
name: mine
title: {en: Mine, zh: 我的}
description: {en: Does it., zh: 做事。}
requires: [model]
agents:
  say: {kind: single, speaks: true}
chains:
  - {name: talk, agents: [say]}
"""
FREE = TEXT.replace("requires: [model]\n", "")
SCHEMA = Path(__file__).parents[2] / "docs" / "schemas" / "phase.schema.json"


class Compiled:
    """Stands for what performs definitions: says which version of which it was made of."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def __call__(self, definition: PhaseDefinition) -> ScriptedPhase:
        self.made.append(definition.name)
        return ScriptedPhase(name=definition.name, words=(definition.description.en,))


def container(folder: Path, compiled: Compiled) -> Container:
    off = {"adapter": "off"}
    settings = Settings(data_dir=folder, default_embedders=("hashing",), sample_guide=False, sandbox=off)  # type: ignore[arg-type]
    database = Database(settings.effective_database_url)
    own = StoredPhases(database=database)
    runner = Runner(PhaseCatalogue(built_in=BUILT_IN, own=own, compiled=compiled))
    return build(
        settings, database=database, runner=runner, embedders={"hashing": HashingEmbedder()}, prepare=lambda: None
    )


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    return Compiled()


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, compiled: Compiled) -> Iterator[TestClient]:
    with TestClient(create_app(container(tmp_path_factory.mktemp("phases"), compiled)), base_url=URL) as client:
        client.base_url = client.base_url.join("/api/v1/")
        yield client


@pytest.fixture
def client(opened: TestClient, compiled: Compiled) -> TestClient:
    """A server that nobody has written a phase on."""
    for each in opened.get("phases").json()["items"]:
        if not each["built_in"]:
            opened.delete(f"phases/{each['name']}").raise_for_status()
    for each in opened.get("models").json()["items"]:
        opened.delete(f"models/{each['id']}").raise_for_status()
    compiled.made.clear()
    return opened


def codes(response: Response) -> list[tuple[int, str]]:
    assert response.status_code == 422, response.text
    assert response.json()["code"] == "phase_invalid"
    return [(each["line"], each["code"]) for each in response.json()["errors"]]


def test_the_products_phases_come_first_with_what_is_missing(client: TestClient) -> None:
    client.post("phases", json={"text": TEXT}).raise_for_status()
    items = client.get("phases").raise_for_status().json()["items"]
    assert [each["name"] for each in items] == [*BUILT_IN, "mine"]
    listed = {each["name"]: each for each in items}
    assert [name for name, each in listed.items() if each["is_default"]] == ["answer"]
    answer, mine = listed["answer"], listed["mine"]
    assert (answer["built_in"], answer["version"], answer["available"], answer["reason"]) == (True, None, True, "")
    assert (answer["title"], answer["titles"]["zh"]) == ("Document Q&A", "文档问答")
    assert (mine["built_in"], mine["version"], mine["requires"]) == (False, 1, ["model"])
    assert (mine["available"], mine["missing"]) == (False, ["model"])
    assert "Models" in mine["reason"]
    client.post("models", json={"name": "m", "base_url": "http://127.0.0.1:9/v1", "model": "x"}).raise_for_status()
    mine = client.get("phases/mine").json()
    assert (mine["available"], mine["missing"], mine["reason"]) == (True, [], "")


def test_every_save_is_a_version_that_can_be_compared_and_gone_back_to(client: TestClient) -> None:
    made = client.post("phases", json={"text": TEXT, "comment": "first"}).raise_for_status().json()
    assert (made["name"], made["version"], made["editable"], made["text"]) == ("mine", 1, True, TEXT)
    changed = TEXT.replace("Does it.", "Does more.")
    assert client.put("phases/mine", json={"text": changed, "version": 1}).json()["version"] == 2
    versions = client.get("phases/mine/versions").json()["items"]
    assert [(each["version"], each["comment"]) for each in versions] == [(2, ""), (1, "first")]
    page = client.get("phases/mine/versions", params={"limit": 1}).json()
    rest = client.get("phases/mine/versions", params={"cursor": page["next_cursor"]}).json()
    assert [each["version"] for each in (*page["items"], *rest["items"])] == [2, 1]
    assert client.get("phases/mine/versions/1").json() == {"version": 1, "text": TEXT}
    diff = client.get("phases/mine/diff", params={"from": 1, "to": 2}).json()["diff"].splitlines()
    assert "-description: {en: Does it., zh: 做事。}" in diff
    assert "+description: {en: Does more., zh: 做事。}" in diff
    assert client.get("phases/mine/diff", params={"from": 1, "to": 1}).json()["diff"] == ""
    back = client.post("phases/mine/versions/1/rollback", json={}).json()
    assert (back["version"], back["text"]) == (3, TEXT)
    assert client.get("phases/mine/versions").json()["items"][0]["comment"] == "Back to version 1."
    for path in ("phases/mine/versions/9", "phases/mine/versions/0", "phases/mine/diff?from=1&to=9", "phases/none"):
        assert client.get(path).status_code == 404
    assert client.post("phases/mine/versions/9/rollback", json={}).status_code == 404


def test_a_save_that_would_undo_another_is_refused(client: TestClient) -> None:
    client.post("phases", json={"text": TEXT})
    client.put("phases/mine", json={"text": TEXT, "version": 1}).raise_for_status()
    for given in ({"json": {"text": TEXT, "version": 1}}, {"json": {"text": TEXT}, "headers": {"If-Match": '"1"'}}):
        refused = client.put("phases/mine", **given)  # type: ignore[arg-type]
        assert (refused.status_code, refused.json()["code"]) == (409, "version_conflict")
        assert "version 2" in refused.json()["detail"]
    rolled = client.post("phases/mine/versions/1/rollback", json={}, headers={"If-Match": "1"})
    assert rolled.status_code == 409
    assert client.put("phases/mine", json={"text": TEXT}, headers={"If-Match": "x"}).status_code == 422
    assert client.put("phases/mine", json={"text": TEXT}, headers={"If-Match": '"2"'}).json()["version"] == 3
    assert client.put("phases/mine", json={"text": TEXT}).json()["version"] == 4


def test_a_bad_text_is_refused_with_all_its_errors(client: TestClient) -> None:
    bad = TEXT.replace("kind: single", "kind: singel").replace("name: talk", "name: Talk")
    assert codes(client.post("phases", json={"text": bad})) == [(6, "unknown_kind"), (8, "bad_name")]
    for name in ("answer", "check"):
        taken = client.post("phases", json={"text": TEXT.replace("name: mine", f"name: {name}")})
        assert codes(taken) == [(1, "name_reserved")]
    client.post("phases", json={"text": TEXT}).raise_for_status()
    renamed = client.put("phases/mine", json={"text": TEXT.replace("name: mine", "name: other")})
    assert codes(renamed) == [(1, "name_changed")]
    again = client.post("phases", json={"text": TEXT})
    assert (again.status_code, again.json()["code"]) == (409, "name_taken")
    assert client.get("phases/mine").json()["version"] == 1


def test_a_text_can_be_checked_without_keeping_it(client: TestClient) -> None:
    good = client.post("phases/check", json={"text": FREE}).json()
    assert (good["ok"], good["name"], good["errors"]) == (True, "mine", [])
    (warning,) = good["warnings"]
    assert (warning["code"], warning["severity"]) == ("unstated_requirement", "warning")
    bad = client.post("phases/check", json={"text": "name: [a"}).json()
    assert (bad["ok"], bad["name"], bad["errors"][0]["code"]) == (False, None, "yaml_syntax")
    other = client.post("phases/check", json={"text": TEXT, "name": "yours"}).json()
    assert [each["code"] for each in other["errors"]] == ["name_changed"]
    assert client.get("phases/mine").status_code == 404


def test_the_products_phases_are_read_and_not_written(client: TestClient) -> None:
    answer = client.get("phases/answer").json()
    assert (answer["text"], answer["editable"], answer["built_in"]) == (built_in_text("answer"), False, True)
    assert client.get("phases/answer/versions").json()["items"] == []
    for response in (
        client.put("phases/answer", json={"text": TEXT}),
        client.delete("phases/answer"),
        client.post("phases/answer/versions/1/rollback", json={}),
    ):
        assert (response.status_code, response.json()["code"]) == (409, "read_only")
    copy = answer["text"].replace("name: answer", "name: my_answer", 1)
    assert client.post("phases", json={"text": copy}).status_code == 201


def test_pictures_and_the_schema(client: TestClient) -> None:
    client.post("phases", json={"text": TEXT})
    for name in ("answer", "mine"):
        graph = client.get(f"phases/{name}/graph", params={"language": "zh"}).json()
        assert graph["mermaid"].startswith("flowchart TD")
        assert "问题" in graph["dot"]
    assert client.get("phases/none/graph").status_code == 404
    assert client.get("phases/schema").json() == json.loads(SCHEMA.read_text(encoding="utf-8"))


def test_the_published_schema_is_that_of_the_code() -> None:
    text = json.dumps(phase_schema(), indent=2, ensure_ascii=False) + "\n"
    assert SCHEMA.read_text(encoding="utf-8") == text, "write it anew: devops-chatbot phases schema"


def test_users_phases_run_as_they_were_when_the_run_began(client: TestClient, compiled: Compiled) -> None:
    client.post("phases", json={"text": FREE}).raise_for_status()
    thread = new_thread(client)
    run = ask(client, thread, phase="mine")
    told = events(client.get(f"runs/{run['id']}/events").text)
    assert told[-1][2]["text"] == "Does it."
    client.put("phases/mine", json={"text": FREE.replace("Does it.", "Does more.")})
    for _ in range(2):
        run = ask(client, thread, phase="mine")
    assert events(client.get(f"runs/{run['id']}/events").text)[-1][2]["text"] == "Does more."
    assert compiled.made == ["mine", "mine"], "each version is compiled once"
    catalogue = client.app.state.container.phases  # type: ignore[attr-defined]
    assert catalogue.get("mine", LOCAL, 1).words == ("Does it.",), "a run that waited goes on with what it began"
    client.delete("phases/mine").raise_for_status()
    refused = client.post(f"threads/{thread}/runs", json={"input": "?", "phase": "mine"})
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_phase")
    client.post("phases", json={"text": FREE.replace("Does it.", "Is new.")})
    assert catalogue.get("mine", LOCAL).words == ("Is new.",), "a name that is used again is another phase"


def test_they_are_models_of_the_openai_endpoint(client: TestClient) -> None:
    client.post("phases", json={"text": FREE}).raise_for_status()
    assert [each["id"] for each in client.get(f"{URL}/v1/models").json()["data"]] == [*BUILT_IN, "mine"]
    assert client.get(f"{URL}/v1/models/mine").status_code == 200
    body = {"model": "mine", "messages": [{"role": "user", "content": "?"}]}
    answer = client.post(f"{URL}/v1/chat/completions", json=body).json()
    assert answer["choices"][0]["message"]["content"] == "Does it."
    assert client.post(f"{URL}/v1/chat/completions", json={**body, "model": "none"}).status_code == 404


def test_a_text_that_a_later_version_refuses_is_shown_with_the_reason(client: TestClient) -> None:
    database = client.app.state.container.database  # type: ignore[attr-defined]
    with database.write() as connection:
        PhaseStore(connection, LOCAL).create("old", "name: old\nkinds: {}\n")
    old = next(each for each in client.get("phases").json()["items"] if each["name"] == "old")
    assert (old["available"], old["missing"]) == (False, [])
    assert "no 'title'" in old["reason"]
    assert client.get("phases/old").json()["text"].startswith("name: old")
    assert client.get("phases/old/graph").status_code == 409
    run = ask(client, new_thread(client), phase="old")
    assert events(client.get(f"runs/{run['id']}/events").text)[-1][2]["code"] == "phase_invalid"
    assert client.delete("phases/old").status_code == 204


def test_the_store_on_each_database(database: Database, scope: Scope) -> None:
    colleague, stranger = replace(scope, user_id="other"), replace(scope, workspace_id="elsewhere")
    with database.write() as connection:
        mine, theirs = PhaseStore(connection, scope), PhaseStore(connection, colleague)
        mine.create("a", "one", "begun")
        with pytest.raises(NameTaken):
            theirs.create("a", "other")
        assert mine.change("a", "two", expected=1).version == 2
        with pytest.raises(VersionConflict):
            mine.change("a", "three", expected=1)
        assert [each.text for each in theirs.all()] == ["two"]
        assert theirs.get("a", 1).text == "one"
        with pytest.raises(Refused):
            theirs.change("a", "mine now")
        with pytest.raises(Refused):
            theirs.delete("a")
        assert PhaseStore(connection, stranger).find("a") is None
        with pytest.raises(Missing):
            PhaseStore(connection, stranger).delete("a")
        PhaseStore(connection, stranger).create("a", "elsewhere")
        mine.delete("a")
        assert mine.find("a", 1) is None
        assert mine.create("a", "again").version == 1
    assert [each.text for each in StoredPhases(database=database).all(scope)] == ["again"]


def test_what_cannot_be_run_here_is_refused_by_name(client: TestClient) -> None:
    listed = {each["name"]: each for each in client.get("phases").json()["items"]}
    assert listed["code_react"]["missing"] == ["model", "sandbox"]
    assert listed["web_answer"]["missing"] == ["model", "web_search"]
    assert listed["code_answer"]["missing"] == ["model", "repositories"]
    assert not any(listed[name]["available"] for name in ("code_react", "web_answer", "code_answer"))
    refused = client.post(f"threads/{new_thread(client)}/runs", json={"input": "?", "phase": "code_react"})
    assert (refused.status_code, refused.json()["code"]) == (422, "requirement_missing")
    assert "no sandbox" in refused.json()["detail"]
    body = {"model": "code_react", "messages": [{"role": "user", "content": "?"}]}
    refused = client.post(f"{URL}/v1/chat/completions", json=body)
    assert refused.json()["error"]["code"] == "requirement_missing"
