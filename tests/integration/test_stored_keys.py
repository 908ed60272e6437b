"""Keys of models that users have given: sealed in the database, of use to nobody who has only that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from backend.accounts.guard import LOCAL
from backend.accounts.sealing import Sealer
from backend.cli.opening import make_ready
from backend.connections.secrets import stored_secrets
from backend.db.tables import runs, secrets
from backend.operations.doctor import Finding, examine
from backend.settings import Settings
from knowledge.storage.database import Database
from tests.api_client import ScriptedPhase, api_client, ask, container, new_thread
from tests.databases import DIALECTS, database_url

ENDPOINT = {"name": "m", "base_url": "http://127.0.0.1:1/v1"}
MODEL = {**ENDPOINT, "model": "m", "api_key": "sk-first-secret", "is_default": True}


@pytest.fixture
def phase() -> ScriptedPhase:
    return ScriptedPhase()


@pytest.fixture(params=DIALECTS)
def settings(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")  # doctor looks for an engine
    with database_url(request.param, tmp_path) as url:
        yield Settings(data_dir=tmp_path, database_url=url)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    opened = Database(settings.effective_database_url)
    yield opened
    opened.close()


@pytest.fixture
def client(settings: Settings, phase: ScriptedPhase) -> Iterator[TestClient]:
    with api_client(settings.data_dir, phase, database_url=settings.database_url) as opened:
        yield opened


def of_doctor(settings: Settings) -> Finding:
    (finding,) = [each for each in examine(settings, quick=True) if each.name == "Stored keys"]
    return finding


def test_keys_stand_sealed_in_the_database(
    client: TestClient, phase: ScriptedPhase, database: Database, settings: Settings
) -> None:
    path = f"models/{client.post('models', json=MODEL).json()['id']}"
    client.patch(path, json={"api_key": "sk-second-secret"})
    phase.pause = 0.2
    thread = new_thread(client)
    asked = {"input": "How?", "model": {**ENDPOINT, "api_key": "sk-for-this-run"}}
    run = client.post(f"threads/{thread}/runs", json=asked).json()
    with database.read() as connection:
        stored = connection.execute(select(runs.c.request).where(runs.c.id == run["id"])).scalar_one()
        kept = [key.stored for _, key in stored_secrets(connection).values()]
    assert kept
    assert "sk-" not in f"{stored}{kept}"
    client.get(f"runs/{run['id']}/events")
    ask(client, new_thread(client))
    assert [each.model is not None for each in phase.asked] == [True, True], "both keys could be opened"
    assert of_doctor(settings).detail.startswith("1 sealed by")
    assert b"sk-" not in b"".join(file.read_bytes() for file in settings.data_dir.rglob("*") if file.is_file())


def test_a_key_that_somebody_sends_sealed_is_not_opened_for_him(tmp_path: Path, phase: ScriptedPhase) -> None:
    made = container(tmp_path, phase)
    stolen = made.sealer.seal("sk-secret").stored
    with made.database.read() as connection:
        found = made.models.find(connection, LOCAL, made.models.sealed({**ENDPOINT, "api_key": stolen}))
    made.close()
    assert found is not None
    assert made.sealer.open(found.credential.secret) == stolen


def test_without_the_secret_key_it_says_to_enter_the_key_again(
    client: TestClient, phase: ScriptedPhase, settings: Settings
) -> None:
    path = f"models/{client.post('models', json=MODEL).json()['id']}"
    (settings.data_dir / "secret.key").unlink()
    assert [model["has_api_key"] for model in client.get("models").json()["items"]] == [True]
    checked = client.post(f"{path}/check").json()
    assert checked["ok"] is False
    assert "Enter the key again" in checked["message"]

    thread = new_thread(client)
    ask(client, thread)
    answer = client.get(f"threads/{thread}/messages").json()["items"][-1]
    assert answer["status"] == "failed"
    assert "'m' cannot be used" in answer["error"]
    assert answer["error_code"] == client.get(f"runs/{answer['run_id']}").json()["error_code"] == "secret_unreadable"
    assert (of_doctor(settings).status, "m" in of_doctor(settings).detail) == ("warning", True)

    client.patch(path, json={"api_key": "sk-again"})
    ask(client, new_thread(client))
    assert phase.asked[-1].model is not None
    assert of_doctor(settings).status == "ok"


def test_keys_of_an_earlier_version_are_sealed_at_the_start(
    client: TestClient, database: Database, settings: Settings
) -> None:
    client.post("models", json=MODEL)
    with database.write() as connection:
        connection.execute(update(secrets).values(value="sk-plain"))
    make_ready(settings)
    with database.read() as connection:
        ((_, key),) = stored_secrets(connection).values()
    assert key.is_sealed
    assert Sealer.of(settings).open(key) == "sk-plain"
    make_ready(settings)
    with database.read() as connection:
        assert [each for _, each in stored_secrets(connection).values()] == [key], "sealed once"
