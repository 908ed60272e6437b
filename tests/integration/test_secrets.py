"""Secrets go where they were given for: not to an address that was changed later, not along a redirect, not to a
reader."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from fastapi.testclient import TestClient
from sqlalchemy import select, text, update
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from backend.accounts.guard import LOCAL
from backend.accounts.sealing import Sealer, Secret
from backend.connections.secrets import Credential, SecretStore, seal_again
from backend.db.tables import models, runs, secrets
from backend.errors import KeyNeeded, Missing
from backend.migrations import configuration, upgrade_database
from backend.models.store import Models
from backend.operations.doctor import examine
from backend.settings import Settings
from knowledge.storage.database import Database
from knowledge.types import Scope
from tests.api_client import api_client, new_thread
from tests.databases import DIALECTS, blank_database_url
from tests.serving import serving

KEY = "sk-first-secret"


class Endpoint:
    """A model's endpoint that notes who authenticates how; with `leads_to` it redirects."""

    def __init__(self, leads_to: str = "") -> None:
        self.given: list[str] = []
        self.app = Starlette(routes=[Route("/{path:path}", self.answer, methods=["GET", "POST"])])
        self._leads_to = leads_to

    async def answer(self, request: Request) -> Response:
        self.given.append(request.headers.get("authorization", ""))
        if self._leads_to:
            return RedirectResponse(f"{self._leads_to}/chat/completions", status_code=307)
        chunk = json.dumps({"choices": [{"index": 0, "delta": {"content": "ready"}}]})
        return Response(f"data: {chunk}\n\ndata: [DONE]\n\n", media_type="text/event-stream")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with api_client(tmp_path) as opened:
        yield opened


@pytest.fixture
def old() -> Iterator[tuple[Endpoint, str]]:
    endpoint = Endpoint()
    with serving(endpoint.app) as url:
        yield endpoint, url


@pytest.fixture
def new() -> Iterator[tuple[Endpoint, str]]:
    endpoint = Endpoint()
    with serving(endpoint.app) as url:
        yield endpoint, url


def add(client: TestClient, base_url: str, **more: object) -> str:
    body = {"name": "m", "base_url": base_url, "model": "m", "api_key": KEY, **more}
    return f"models/{client.post('models', json=body).raise_for_status().json()['id']}"


def test_another_address_wants_the_key_again(
    client: TestClient, old: tuple[Endpoint, str], new: tuple[Endpoint, str]
) -> None:
    path = add(client, f"{old[1]}/v1")
    assert client.post(f"{path}/check").json()["ok"]
    refused = client.patch(path, json={"base_url": f"{new[1]}/v1"})
    assert (refused.status_code, refused.json()["code"]) == (422, "key_needed")
    assert client.get(path).json()["base_url"] == f"{old[1]}/v1"
    client.post(f"{path}/check")
    assert new[0].given == []

    changed = client.patch(path, json={"base_url": f"{new[1]}/v1", "api_key": "sk-second"})
    assert changed.status_code == 200
    assert client.post(f"{path}/check").json()["ok"]
    assert (set(old[0].given), set(new[0].given)) == ({f"Bearer {KEY}"}, {"Bearer sk-second"})

    without = client.patch(path, json={"base_url": f"{old[1]}/v1", "api_key": ""})
    assert without.json()["has_api_key"] is False
    client.post(f"{path}/check")
    assert old[0].given[-1] == "Bearer none"


@pytest.mark.parametrize(
    ("before", "change", "fits"),
    [
        ("https://a.example/v1", {"base_url": "https://a.example:443/v2"}, True),
        ("https://a.example/v1", {"base_url": "https://A.example/v1"}, True),
        ("https://a.example/v1", {"model": "other"}, True),
        ("https://a.example/v1", {"base_url": "http://a.example/v1"}, False),
        ("https://a.example/v1", {"base_url": "https://a.example:8443/v1"}, False),
        ("https://a.example/v1", {"base_url": "https://a.example.evil.example/v1"}, False),
        ("https://a.example/v1", {"base_url": "https://a.example@evil.example/v1"}, True),
        ("https://a.example/v1", {"base_url": ""}, False),
        ("", {"base_url": "https://evil.example/v1"}, False),
        ("", {"model": "other:m"}, False),
        ("", {"model": "openai:m2"}, True),
    ],
)
def test_a_key_stays_with_its_origin(client: TestClient, before: str, change: dict[str, str], fits: bool) -> None:
    path = add(client, before, model="openai:m")
    answer = client.patch(path, json=change)
    assert (answer.status_code == 200) is fits
    if change.get("base_url", "").count("@"):  # what stands in the address is the new credential, for the new place
        database: Database = client.app.state.container.database  # type: ignore[attr-defined]
        with database.read() as connection:
            assert connection.scalar(select(secrets.c.origin)) == "https://evil.example:443"
            sealed = Secret(connection.scalar(select(secrets.c.value)))
        assert client.app.state.container.sealer.open(sealed) == "a.example"  # type: ignore[attr-defined]


def test_an_address_changed_behind_our_back_gets_nothing(client: TestClient, new: tuple[Endpoint, str]) -> None:
    path = add(client, "https://a.example/v1")
    database: Database = client.app.state.container.database  # type: ignore[attr-defined]
    with database.write() as connection:
        connection.execute(update(models).values(base_url=f"{new[1]}/v1"))
    checked = client.post(f"{path}/check").json()
    assert checked["ok"] is False
    assert "enter it again" in checked["message"]
    assert new[0].given == []


def test_a_redirect_takes_nothing_along(client: TestClient, new: tuple[Endpoint, str]) -> None:
    sly = Endpoint(leads_to=new[1])
    with serving(sly.app) as url:
        checked = client.post(f"{add(client, f'{url}/v1')}/check").json()
    assert checked["ok"] is False
    assert "another address" in checked["message"]
    assert (sly.given, new[0].given) == ([f"Bearer {KEY}"], [])


def test_credentials_in_an_address_are_never_shown(client: TestClient, old: tuple[Endpoint, str]) -> None:
    address = f"{old[1]}/v1".replace("http://", "http://user:p%40ss@")
    path = add(client, address, api_key="")
    for shown in (client.get(path).text, client.get("models").text):
        assert "p@ss" not in shown
        assert "p%40ss" not in shown
        assert "user" not in shown
    assert client.get(path).json() | {"has_api_key": True, "base_url": f"{old[1]}/v1"} == client.get(path).json()
    client.patch(path, json={"base_url": client.get(path).json()["base_url"], "model": "m2"}).raise_for_status()
    assert client.post(f"{path}/check").json()["ok"]
    assert set(old[0].given) == {f"Basic {base64.b64encode(b'user:p@ss').decode()}"}
    twice = client.post("models", json={"name": "n", "base_url": address, "model": "m", "api_key": "sk-1"})
    assert twice.status_code == 422
    thread = new_thread(client)
    endpoint = {"name": "m", "base_url": address}
    client.post(f"threads/{thread}/runs", json={"input": "How?", "model": endpoint}).raise_for_status()
    database: Database = client.app.state.container.database  # type: ignore[attr-defined]
    with database.read() as connection:
        assert "ss@" not in str(connection.scalar(select(runs.c.request)))


@pytest.mark.parametrize("address", ["nonsense", "ftp://a.example", "http://", "http://a b/v1", "http://a:99999/v1"])
def test_what_is_no_address_is_refused(client: TestClient, address: str) -> None:
    body = {"name": "m", "base_url": address, "model": "m"}
    assert client.post("models", json=body).status_code == 422


@pytest.mark.parametrize("key", ["密钥", "sk 1", "sk\n1", "\x80"])
def test_what_cannot_be_sent_as_a_key_is_refused(client: TestClient, key: str) -> None:
    body = {"name": "m", "base_url": "http://127.0.0.1:9/v1", "model": "m", "api_key": key}
    assert client.post("models", json=body).status_code == 422


def test_the_settings_address_is_shown_without_credentials(tmp_path: Path) -> None:
    model = {"base_url": "http://user:secret@127.0.0.1:9/v1", "name": "m"}
    with api_client(tmp_path, model=model) as client:
        assert "secret" not in client.get("models").text
    found = examine(Settings(data_dir=tmp_path, model=model), quick=True)  # type: ignore[arg-type]
    assert not any("secret" in f"{each.detail}{each.advice}".replace("secret.key", "") for each in found)


@pytest.fixture(params=DIALECTS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with blank_database_url(request.param, tmp_path) as url:
        opened = Database(url)
        yield opened
        opened.close()


def test_secrets_belong_to_their_workspace_and_place(database: Database, tmp_path: Path) -> None:
    upgrade_database(database)
    sealer = Sealer(tmp_path / "secret.key")
    given = Credential(secret=sealer.seal("sk-1"), origin="https://a.example:443")
    with database.write() as connection:
        secret_id = SecretStore(connection, LOCAL).add(given, purpose="platform", label="Jenkins")
        assert SecretStore(connection, LOCAL).get(secret_id) == given
        others = SecretStore(connection, Scope(workspace_id="other", user_id="other"))
        with pytest.raises(Missing):
            others.get(secret_id)
        others.delete(secret_id)
        kept = SecretStore(connection, LOCAL).get(secret_id)
    assert kept.opened_for("https://a.example:443", sealer) == "sk-1"
    with pytest.raises(KeyNeeded, match=r"b\.example"):
        kept.opened_for("https://b.example:443", sealer)


def test_the_migration_moves_keys_with_their_origins(database: Database, tmp_path: Path) -> None:
    with database.write() as connection:
        command.upgrade(configuration(connection), "0004")
        row = "('{0}', 'local', 'local', 'm{0}', '{1}', '{2}', '{3}', false, '2026-01-01 00:00:00')"
        values = [
            row.format(1, "https://a.example/v1", "sk-1", "m"),
            row.format(2, "", "sk-2", "openai:m"),
            row.format(3, "http://user:pass@b.example:8080/v1", "", "m"),
            row.format(4, "http://c.example/v1", "", "m"),
            row.format(5, "nonsense", "sk-5", "m"),
        ]
        names = "id, workspace_id, owner_id, name, base_url, api_key, model, is_default, created_at"
        connection.execute(text(f"INSERT INTO models ({names}) VALUES {', '.join(values)}"))
    assert upgrade_database(database)
    sealer = Sealer(tmp_path / "secret.key")
    assert seal_again(database, sealer) == 4
    with database.read() as connection:
        found, _ = Models(connection, LOCAL).page(10)
    told = [(each.base_url, each.credential.origin, sealer.open(each.credential.secret)) for each in found]
    assert told == [
        ("https://a.example/v1", "https://a.example:443", "sk-1"),
        ("", "provider:openai", "sk-2"),
        ("http://b.example:8080/v1", "http://b.example:8080", "user:pass"),
        ("http://c.example/v1", "", ""),
        ("nonsense", "nowhere:", "sk-5"),
    ]
