"""The sandbox over REST, on real engines; and what it says where there is none."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from backend.accounts.guard import LOCAL
from backend.bootstrap import Container
from backend.errors import SettingsInvalid
from backend.sandboxes.records import end_of_the_dead
from backend.sandboxes.tables import sandbox_sessions
from sandbox.images.recipe import image_name
from sandbox.sessions.session import Owner
from tests.api_client import api_client
from tests.sandboxes import ADAPTERS, engine_of


@pytest.fixture(params=ADAPTERS)
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TestClient]:
    engine_of(request.param)  # skips where there is none
    sandbox: dict[str, Any] = {
        "adapter": request.param,
        "limits": {"max_sessions_each": 2, "work_bytes": 8 << 20, "max_file_bytes": 4 << 20, "pool": 0},
        "network": {"hosts": ["api.example.org", "*.example.net:8443"]},
    }
    if request.param == "docker":
        sandbox |= {"docker_host": os.environ["CHATBOT_TEST_DOCKER_HOST"]}
        sandbox |= {"image": os.environ.get("CHATBOT_TEST_SANDBOX_IMAGE") or image_name()}
    elif root := os.environ.get("CHATBOT_TEST_SANDBOX_ROOT"):
        sandbox |= {"root": root}
    with api_client(tmp_path, sandbox=sandbox) as opened:
        yield opened


def container_of(client: TestClient) -> Container:
    made: Container = client.app.state.container  # type: ignore[attr-defined]
    return made


def opened(client: TestClient, **body: Any) -> str:
    answer = client.post("sandbox/sessions", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def ran(client: TestClient, session: str, code: str, **body: Any) -> dict[str, Any]:
    answer = client.post(f"sandbox/sessions/{session}/runs", json={"code": code, **body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_without_an_engine_it_says_so(tmp_path: Path) -> None:
    with api_client(tmp_path) as client:
        status = client.get("sandbox/status").json()
        assert (status["adapter"], status["available"]) == ("off", False)
        assert "CHATBOT_SANDBOX__ADAPTER" in status["reason"]
        refused = client.post("sandbox/sessions", json={})
        assert (refused.status_code, refused.json()["code"]) == (503, "sandbox_unavailable")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    sandbox = {"adapter": "docker", "docker_host": f"unix://{tmp_path}/nowhere.sock"}
    with api_client(tmp_path / "data", sandbox=sandbox) as client:
        assert "CHATBOT_SANDBOX__DOCKER_HOST" in client.get("sandbox/status").json()["reason"]


def test_a_session_from_the_first_run_to_the_end(client: TestClient) -> None:
    session = opened(client, language="python", lifetime_s=600)
    found = ran(client, session, "open('out.csv', 'w').write('a,b\\n')\nprint('hello')\n40 + 2")
    assert (found["status"], found["stdout"], found["result"], found["exit_code"]) == ("finished", "hello\n", "42", 0)
    assert found["artifacts"] == [{"path": "out.csv", "media_type": "text/csv", "size": 4}]
    assert ran(client, session, "echo $((6 * 7))", language="bash")["stdout"] == "42\n"
    assert ran(client, session, "while True: pass", timeout_s=1)["status"] == "timeout"
    log = client.get(f"sandbox/sessions/{session}/runs").json()
    assert [each["reason"] for each in log] == ["finished", "finished", "timeout"]
    assert client.delete(f"sandbox/sessions/{session}").status_code == 204
    assert client.get(f"sandbox/sessions/{session}").status_code == 404
    with container_of(client).database.read() as connection:
        row = connection.execute(select(sandbox_sessions).where(sandbox_sessions.c.id == session)).one()
    assert (row.run_count, row.end_reason, row.owner_id) == (3, "closed", LOCAL.user_id)


def test_a_run_as_events(client: TestClient) -> None:
    session = opened(client)
    body = {"code": "import sys\nprint('out'); print('err', file=sys.stderr)\nopen('a.txt', 'w').write('x')\n7"}
    headers = {"accept": "text/event-stream"}
    with client.stream("POST", f"sandbox/sessions/{session}/runs", json=body, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        blocks = [block.splitlines() for block in answer.read().decode().strip().split("\n\n")]
    events = [(lines[0].removeprefix("event: "), json.loads(lines[2].removeprefix("data: "))) for lines in blocks]
    kinds = [kind for kind, _ in events]
    assert set(kinds[:-2]) == {"stdout", "stderr", "result"}
    assert kinds[-2:] == ["artifact", "finished"]
    assert events[-1][1]["status"] == "finished"
    assert [lines[1] for lines in blocks] == [f"id: {number}" for number in range(1, len(blocks) + 1)]


def test_files_and_their_refusals(client: TestClient) -> None:
    session = opened(client)
    files = f"sandbox/sessions/{session}/files"
    assert client.put(f"{files}/data/in put.txt", content=b"hello").status_code == 204
    assert [each["path"] for each in client.get(files).json()["items"]] == ["data/in put.txt"]
    assert client.get(f"{files}/data/in put.txt").content == b"hello"
    for path in ("%2e%2e/x", "a/%2e%2e/%2e%2e/x", "%2fetc%2fpasswd", "a%5cb", "a%1bb", "a//b"):
        assert client.put(f"{files}/{path}", content=b"x").json()["code"] == "unsafe_path", path
        assert client.get(f"{files}/{path}").status_code in (404, 422), path
    assert client.put(f"{files}/big", content=bytes(5 << 20)).status_code == 413
    assert client.put(f"{files}/one", content=bytes(4 << 20)).status_code == 204
    assert client.put(f"{files}/two", content=bytes(4 << 20)).json()["code"] == "quota_exceeded"
    assert client.delete(f"{files}/data").status_code == 204
    assert client.get(f"{files}/data/in put.txt").status_code == 404


@pytest.mark.parametrize(("name", "sent_as"), [("page.html", "application/octet-stream"), ("p.png", "image/png")])
def test_nothing_that_is_handed_out_runs_in_our_origin(client: TestClient, name: str, sent_as: str) -> None:
    session = opened(client)
    page = b"<script>alert(document.domain)</script>"
    client.put(f"sandbox/sessions/{session}/files/{name}", content=page)
    answer = client.get(f"sandbox/sessions/{session}/files/{name}")
    assert answer.content == page
    assert answer.headers["content-type"] == sent_as
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_what_is_refused_is_named(client: TestClient) -> None:
    assert client.post("sandbox/sessions", json={"network": "on"}).json()["code"] == "network_refused"
    assert client.post("sandbox/sessions", json={"language": "cobol"}).json()["code"] == "unknown_language"
    for lifetime in (-1, 0, 10**9):
        assert client.post("sandbox/sessions", json={"lifetime_s": lifetime}).status_code == 422
    session = opened(client)
    for timeout in (-1, 0, 10**6, "nan"):
        answer = client.post(f"sandbox/sessions/{session}/runs", json={"code": "1", "timeout_s": timeout})
        assert answer.status_code == 422
    opened(client)
    full = client.post("sandbox/sessions", json={})
    assert (full.status_code, full.json()["code"]) == (429, "sandbox_busy")


def test_agents_are_given_no_more_than_the_list(tmp_path: Path) -> None:
    sandbox = {"adapter": "off", "network": {"hosts": ["a.test"], "agent_hosts": ["b.test"]}}
    with pytest.raises(SettingsInvalid, match="AGENT_HOSTS"), api_client(tmp_path, sandbox=sandbox):
        pass


def test_a_network_is_given_when_it_is_asked_for_and_told_of(client: TestClient) -> None:
    assert client.get("sandbox/status").json()["network"] == {
        "hosts": ["api.example.org", "*.example.net:8443"], "packages": False,
    }  # fmt: skip
    for more in ("packages", "evil.test", ["api.example.org", "*.example.org"], ["a.example.net"], "http://x/", "on"):
        refused = client.post("sandbox/sessions", json={"network": more})
        assert (refused.status_code, refused.json()["code"]) == (422, "network_refused"), more
    session = opened(client, network=["API.example.org.", "a.example.net:8443"])
    assert client.get(f"sandbox/sessions/{session}").json()["network"] == ["api.example.org", "a.example.net:8443"]
    code = "import urllib.request as u\nu.urlopen('https://b.example.net:8443/')"
    assert "403" in ran(client, session, code)["stderr"]
    found = client.get(f"sandbox/sessions/{session}/network").json()
    assert (found["total"], found["refused"]) == (1, 1)
    (request,) = found["items"]
    assert (request["host"], request["port"], request["reason"]) == ("b.example.net", 8443, "not_allowed")
    plain = opened(client)
    assert client.get(f"sandbox/sessions/{plain}/network").json()["hosts"] == []


def test_a_session_is_its_owners_alone(client: TestClient) -> None:
    session = opened(client)
    service = container_of(client).sandbox
    service._sessions[session].owner = Owner(workspace_id="local", user_id="stranger")
    for method, path in (
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "/files"),
        ("POST", "/interrupt"),
        ("GET", "/runs"),
        ("GET", "/network"),
    ):
        assert client.request(method, f"sandbox/sessions/{session}{path}").status_code == 404
    assert client.post(f"sandbox/sessions/{session}/runs", json={"code": "1"}).status_code == 404
    assert client.get("sandbox/sessions").json() == []


def test_sessions_of_the_dead_are_ended(client: TestClient) -> None:
    session = opened(client)
    container = container_of(client)
    with container.database.write() as connection:
        assert end_of_the_dead(connection, {container.processes.me.id}) == 0
        assert end_of_the_dead(connection, {"another"}) == 1
        row = connection.execute(select(sandbox_sessions).where(sandbox_sessions.c.id == session)).one()
    assert row.end_reason == "lost"
