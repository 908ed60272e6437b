"""What every request meets first: the guard, the limits, and refusals that are always problems."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.exc import InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from backend.accounts.attempts import SECONDS_EACH, Attempts
from backend.accounts.authentication import Authentication
from backend.app import create_app
from backend.errors import SettingsInvalid
from backend.settings import Settings, load_settings, require_token
from tests.api_client import URL, api_client, container, new_thread
from tests.databases import sqlite_template
from tests.failing_database import FailingDatabase, Fatal

TOKEN = "a-long-enough-token"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with api_client(tmp_path) as opened:
        yield opened


@pytest.fixture
def public(tmp_path: Path) -> Iterator[TestClient]:
    with api_client(tmp_path, api={"host": "0.0.0.0"}, token=TOKEN) as opened:
        yield opened


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8000", "localhost:1234", "[::1]:80", "LOCALHOST"])
def test_loopback_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("threads", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:8000"},
        {"Host": "localhost@evil.example"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "https://localhost.evil.example"},
        {"Origin": "null"},
        {"Origin": "file://"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
@pytest.mark.parametrize("path", ["threads", f"{URL}/healthz", f"{URL}/v1/models", f"{URL}/nowhere"])
def test_foreign_pages_are_refused(client: TestClient, headers: dict[str, str], path: str) -> None:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 403
    assert "evil.example" not in answer.headers.get("access-control-allow-origin", "")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://127.0.0.1:80", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://localhost:8501", "Host": "localhost:8501"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_our_own_pages_may_call(client: TestClient, headers: dict[str, str]) -> None:
    assert client.post("threads", json={}, headers=headers).status_code == 201


def test_elsewhere_a_token_is_asked_for(public: TestClient) -> None:
    refused = public.get("threads")
    assert refused.status_code == 401
    assert refused.json()["code"] == "token_required"
    assert refused.headers["www-authenticate"] == "Bearer"
    assert public.get("threads", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert public.get("threads", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert public.get(f"{URL}/metrics").status_code == 401
    assert public.get("openapi.json").status_code == 401
    assert public.get(f"{URL}/healthz").status_code == 200
    assert public.get("readyz").status_code == 200


def test_a_browser_trades_the_token_for_a_cookie(public: TestClient) -> None:
    assert public.post("session", json={"token": "wrong"}).status_code == 401
    given = public.post("session", json={"token": TOKEN})
    assert given.status_code == 204
    assert "httponly" in given.headers["set-cookie"].lower()
    assert TOKEN not in given.headers["set-cookie"]
    assert public.get("threads").status_code == 200
    foreign = public.get("threads", headers={"Origin": "http://evil.example"})
    assert foreign.status_code == 403
    public.cookies.clear()
    assert public.get("threads").status_code == 401


def test_a_session_ends_for_everybody_who_has_its_cookie(public: TestClient) -> None:
    cookie = {"Cookie": public.post("session", json={"token": TOKEN}).headers["set-cookie"].partition(";")[0]}
    other = {"Cookie": public.post("session", json={"token": TOKEN}).headers["set-cookie"].partition(";")[0]}
    public.cookies.clear()
    assert public.get("threads", headers=cookie).status_code == 200
    assert public.delete("session", headers=cookie).status_code == 204
    assert public.get("threads", headers=cookie).status_code == 401
    assert public.get("threads", headers=other).status_code == 200
    forged = {"Cookie": other["Cookie"][:-1] + ("0" if other["Cookie"][-1] != "0" else "1")}
    assert public.get("threads", headers=forged).status_code == 401


def test_a_session_is_void_under_another_token(tmp_path: Path) -> None:
    with api_client(tmp_path, token=TOKEN) as client:
        given = client.post("session", json={"token": TOKEN}).headers["set-cookie"].partition(";")[0]
        client.cookies.clear()
        assert client.get("threads", headers={"Cookie": given}).status_code == 200
    with api_client(tmp_path, token="another-token-as-long") as client:
        assert client.get("threads", headers={"Cookie": given}).status_code == 401


@pytest.mark.parametrize(
    ("peer", "told", "secure"),
    [("127.0.0.1", "https", True), ("127.0.0.1", "http", False), ("192.0.2.9", "https", False)],
)
def test_the_cookie_is_secure_behind_tls(tmp_path: Path, peer: str, told: str, secure: bool) -> None:
    with api_client(tmp_path, peer=peer, api={"host": "0.0.0.0"}, token=TOKEN) as client:
        given = client.post("session", json={"token": TOKEN}, headers={"X-Forwarded-Proto": told})
        assert ("; secure" in given.headers["set-cookie"].lower()) is secure


def test_guessing_is_slowed_down_for_who_guesses(tmp_path: Path) -> None:
    now = 0.0
    made = container(tmp_path, api={"host": "0.0.0.0"}, token=TOKEN)
    attempts = Attempts(clock=lambda: now)
    app = create_app(replace(made, authentication=Authentication(TOKEN, made.database, attempts)))

    def guess(token: str, address: str, *, bearer: bool) -> int:
        headers = {"X-Forwarded-For": address}
        if bearer:
            return client.get("threads", headers={**headers, "Authorization": f"Bearer {token}"}).status_code
        return client.post("session", json={"token": token}, headers=headers).status_code

    with TestClient(app, base_url=f"{URL}/api/v1/", client=("127.0.0.1", 50_000)) as client:
        told = [guess(f"guess-{number}", "203.0.113.5", bearer=number % 2 == 0) for number in range(20)]
        assert told == [401] * 10 + [429] * 10
        assert guess(TOKEN, "203.0.113.5", bearer=True) == 429, "a guesser is not even told that it guessed right"
        for bearer in (True, False):
            assert guess(TOKEN, "203.0.113.6", bearer=bearer) < 300
        now = SECONDS_EACH
        assert guess("another", "203.0.113.5", bearer=True) == 401, "one more is looked at every few seconds"
        assert guess("another", "203.0.113.5", bearer=True) == 429


@pytest.mark.parametrize("api", [{"allowed_hosts": ("chat.example",)}, {"allowed_origins": ("https://chat.example",)}])
def test_whom_others_may_reach_needs_a_token(api: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(SettingsInvalid, match="CHATBOT_TOKEN"):
        require_token(load_settings({}, api=api), "127.0.0.1")
    require_token(load_settings({}, api=api, token=TOKEN), "127.0.0.1")
    require_token(load_settings({}, api={"allowed_hosts": ("dev.localhost",)}), "127.0.0.1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": "short"},
        {"api": {"allowed_hosts": ("*",)}},
        {"api": {"allowed_hosts": ("https://chat.example",)}},
        {"api": {"allowed_origins": ("chat.example",)}},
        {"api": {"allowed_origins": ("https://chat.example/path",)}},
        {"api": {"trusted_proxies": ("nginx",)}},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsInvalid):
        load_settings({}, **wrong)


def test_named_hosts_and_origins_are_let_in(tmp_path: Path) -> None:
    api = {"host": "0.0.0.0", "allowed_hosts": ("chat.example",), "allowed_origins": ("https://ui.example",)}
    with api_client(tmp_path, api=api, token=TOKEN) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        assert client.get("threads", headers={"Host": "chat.example"}).status_code == 200
        assert client.get("threads", headers={"Host": "other.example"}).status_code == 403
        assert client.get("threads", headers={"Origin": "https://ui.example"}).status_code == 200
        assert client.get("threads", headers={"Origin": "https://chat.example"}).status_code == 403


def test_without_a_token_only_loopback_is_served() -> None:
    for host in ("127.0.0.1", "localhost", "::1", "127.9.9.9"):
        require_token(Settings(), host)
    for host in ("0.0.0.0", "::", "192.168.1.2", "chat.example", ""):
        with pytest.raises(SettingsInvalid, match="CHATBOT_TOKEN"):
            require_token(Settings(), host)
    require_token(Settings(token=TOKEN), "0.0.0.0")


def test_a_mistyped_setting_is_named() -> None:
    with pytest.raises(SettingsInvalid, match="did you mean CHATBOT_API__PORT"):
        load_settings({"CHATBOT_API__PROT": "1"})
    with pytest.raises(SettingsInvalid, match="CHATBOT_API__PORT"):
        load_settings({}, api={"port": "many"})


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "nothing/here", 404, "not_found"),
        ("GET", f"{URL}/nothing", 404, "not_found"),
        ("GET", "threads/", 404, "not_found"),
        ("PUT", "threads", 405, "method_not_allowed"),
        ("GET", "threads/unknown", 404, "not_found"),
        ("GET", "threads?limit=0", 422, "invalid_input"),
        ("GET", "threads?limit=x", 422, "invalid_input"),
        ("GET", "threads?cursor=%21", 422, "invalid_input"),
        ("GET", "threads?q=%00", 422, "invalid_input"),
        ("GET", "threads/a%00b", 422, "invalid_input"),
        ("GET", "runs/unknown/events", 404, "not_found"),
        ("POST", "jobs/unknown/cancel", 404, "not_found"),
        ("GET", "knowledge-bases/unknown", 404, "not_found"),
    ],
)
def test_every_refusal_is_a_problem(client: TestClient, method: str, path: str, status: int, code: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["title"]
    assert problem["detail"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 5000 + b"]" * 5000, 400),
        (b"[]", 422),
        (b'{"title": 1}', 422),
        (b'{"titel": "x"}', 422),
        (b'{"title": "a\\u0000b"}', 422),
        (b'{"title": "\\ud800"}', 422),
        (b'{"title": "' + b"x" * 501 + b'"}', 422),
        (b'{"title": "' + b"x" * 9_000_000 + b'"}', 413),
    ],
)
def test_bad_bodies_get_a_sentence(client: TestClient, body: bytes, status: int) -> None:
    answer = client.post("threads", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert client.get(f"{URL}/healthz").status_code == 200


def test_a_body_that_says_nothing_of_its_length_is_limited_too(client: TestClient) -> None:
    def blocks() -> Iterator[bytes]:
        for _ in range(10):
            yield b"x" * 1_000_000

    answer = client.post("threads", content=blocks(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert answer.json()["code"] == "body_too_large"


def test_a_million_characters_are_no_question(client: TestClient) -> None:
    thread = client.post("threads", json={}).json()["id"]
    answer = client.post(f"threads/{thread}/runs", json={"input": "why " * 250_000})
    assert answer.status_code == 422
    assert "input" in answer.json()["detail"]
    assert "why why" not in answer.text


def test_every_answer_has_an_id_and_is_not_sniffed(client: TestClient) -> None:
    answer = client.get("version", headers={"X-Request-Id": "mine-1"})
    assert answer.headers["x-request-id"] == "mine-1"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert len(client.get("nothing", headers={"X-Request-Id": "bad id\t"}).headers["x-request-id"]) == 32


def test_figures_are_counted_by_route(client: TestClient) -> None:
    client.get("threads/unknown")
    for path in (f"{URL}/metrics", "metrics"):
        text = client.get(path).text
        assert 'chatbot_http_requests_total{method="GET",route="/api/v1/threads/{id}",status="404"}' in text


def test_a_sick_database_is_said_to_be(tmp_path: Path) -> None:
    with api_client(tmp_path) as client:
        assert client.get("readyz").json()["checks"] == {"database": "ok", "data_folder": "ok", "runs": "ok"}
        container = client.app.state.container  # type: ignore[attr-defined]
        with container.database.write() as connection:
            connection.exec_driver_sql("DROP TABLE marks")
        answer = client.get(f"{URL}/readyz")
        assert answer.status_code == 503
        assert answer.json()["status"] == "unavailable"


def test_a_process_whose_writer_of_events_ended_is_not_ready(tmp_path: Path) -> None:
    with failing_client(tmp_path, in_threads="run-events") as (client, failing):
        thread = new_thread(client)
        failing.errors = [Fatal()]
        run = client.post(f"threads/{thread}/runs", json={"input": "How?"}).json()["id"]
        runs = client.app.state.container.runs  # type: ignore[attr-defined]
        while runs.state == "ok":
            time.sleep(0.01)
        answer = client.get("readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
        assert "writer" in answer.json()["checks"]["runs"]
        refused = client.post(f"threads/{new_thread(client)}/runs", json={"input": "How?"})
        assert (refused.status_code, refused.json()["code"]) == (503, "not_ready")
        assert client.get(f"runs/{run}").json()["status"] == "running", "for another process to take over"


@pytest.mark.parametrize(
    "error", [PoolTimeout("QueuePool limit reached"), InterfaceError("SELECT", {}, Exception("closed"))]
)
def test_whatever_keeps_the_database_away_makes_a_process_unready(tmp_path: Path, error: Exception) -> None:
    with failing_client(tmp_path, in_threads="AnyIO") as (client, failing):
        failing.errors = [error]
        answer = client.get("readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
        assert client.get("readyz").status_code == 200


@contextmanager
def failing_client(folder: Path, *, in_threads: str) -> Iterator[tuple[TestClient, FailingDatabase]]:
    """A client of an application whose database fails in these threads once it has errors to raise."""
    file = shutil.copyfile(sqlite_template(), folder / "chatbot.db")
    failing = FailingDatabase(f"sqlite:///{file.as_posix()}", in_threads=in_threads)
    with api_client(folder, database=failing) as client:
        yield client, failing
        failing.errors = []


def test_creating_twice_with_one_key_creates_once(client: TestClient) -> None:
    key = {"Idempotency-Key": "k-1"}
    first = client.post("threads", json={"title": "a"}, headers=key)
    again = client.post("threads", json={"title": "a"}, headers=key)
    other = client.post("threads", json={"title": "b"}, headers=key)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert other.status_code == 422
    assert other.json()["code"] == "idempotency_key_reused"
    assert len(client.get("threads").json()["items"]) == 1
    assert client.post("threads", json={}, headers={"Idempotency-Key": "x" * 300}).status_code == 422
