"""Connections over the API: kept on either database, secrets sealed and never shown, and what is wrong is said."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient
from sqlalchemy import text

from backend.connections.kubeconfig import read_kubeconfig
from backend.errors import Invalid
from knowledge.storage.database import Database
from tests.api_client import api_client
from tests.certificates import issue, server_context
from tests.databases import DIALECTS, database_url
from tests.platform_server import Platform, Reply, platform_server

CANARY = "canary-4fb1-value"


@pytest.fixture(params=DIALECTS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database_url(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def client(url: str, tmp_path: Path) -> Iterator[TestClient]:
    with api_client(tmp_path, database_url=url) as opened:
        yield opened


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def opened(folder: Path) -> Iterator[TestClient]:
    with api_client(folder) as client:
        yield client


@pytest.fixture
def local(opened: TestClient) -> Iterator[TestClient]:
    """One installation for all tests that need no other; each finds it without connections."""
    yield opened
    for each in opened.get("connections").json()["items"]:
        opened.delete(f"connections/{each['id']}")


@pytest.fixture
def platform() -> Iterator[Platform]:
    with platform_server() as opened:
        yield opened


def made(client: TestClient, base_url: str, **values: Any) -> dict[str, Any]:
    body = {"kind": "prometheus", "name": "metrics", "base_url": base_url, "allow_private": True, **values}
    answer = client.post("connections", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


def test_a_connection_is_made_changed_and_forgotten(client: TestClient, url: str, platform: Platform) -> None:
    auth = {"kind": "basic", "user": "reader", "password": CANARY}
    connection = made(client, platform.url, auth=auth, secrets={"org": f"{CANARY}-2"})
    path = f"connections/{connection['id']}"
    assert connection["auth"] == {"kind": "basic", "user": "reader", "secrets": ["org"]}
    assert connection["has_secrets"]
    assert client.get(path).json() == connection
    assert [each["id"] for each in client.get("connections").json()["items"]] == [connection["id"]]
    assert (
        client.post("connections", json={"kind": "http", "name": "metrics", "base_url": "http://a"}).status_code == 409
    )
    changed = client.patch(path, json={"name": "m2", "timeout_s": 5}).json()
    assert (changed["name"], changed["timeout_s"], changed["has_secrets"]) == ("m2", 5, True)
    elsewhere = client.patch(path, json={"base_url": "http://elsewhere.example"})
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (422, "key_needed")
    assert client.patch(path, json={"base_url": platform.url + "/below"}).status_code == 200
    assert not client.patch(path, json={"base_url": "http://x.example", "auth": {"kind": "none"}}).json()["has_secrets"]
    opened = Database(url)
    with opened.read() as found:
        kept = found.execute(text("SELECT count(*) FROM secrets")).scalar()
    opened.close()
    assert kept == 0
    made(client, platform.url, name="third", auth=auth)
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"base_url": "gopher://x"}, "URL"),
        ({"base_url": "file:///etc/passwd"}, "URL"),
        ({"base_url": ""}, "URL"),
        ({"base_url": "http://user:canary-4fb1@host"}, "auth"),
        ({"kind": "no-such-platform"}, "connection-kinds"),
        ({"auth": {"kind": "bearer"}}, "token"),
        ({"auth": {"kind": "bearer", "token": "canary-4fb1\r\nX-Other: 1"}}, "ASCII"),
        ({"auth": {"kind": "bearer", "token": "a", "password": "canary-4fb1"}}, "no field"),
        ({"auth": {"kind": "magic"}}, "auth.kind"),
        ({"auth": {"kind": "api_key", "name": "Host", "value": "canary-4fb1"}}, "header"),
        ({"auth": {"kind": "api_key", "name": "a b", "value": "canary-4fb1"}}, "header"),
        ({"auth": {"kind": "oauth2", "token_url": "ftp://x", "client_id": "a", "client_secret": "b"}}, "URL"),
        ({"tls": {"certificate": "x"}}, "together"),
        ({"tls": {"ca": "no certificate"}}, "PEM"),
        ({"tls": {"certificate": "x", "key": "canary-4fb1"}}, "PEM"),
        ({"kubeconfig": "- canary-4fb1"}, "kubeconfig"),
        ({"secrets": {"bad name": "canary-4fb1"}}, ""),
        ({"per_minute": 0, "auth": {"token": ["canary-4fb1"]}}, ""),
    ],
    ids=str,
)
def test_what_cannot_be_a_connection_is_refused_without_repeating_secrets(
    local: TestClient, body: dict[str, Any], said: str
) -> None:
    answer = local.post("connections", json={"kind": "http", "name": "c", "base_url": "http://host", **body})
    assert answer.status_code == 422
    assert "canary" not in answer.text
    assert said in answer.text


def test_a_refusal_names_its_reason_and_a_database_may_ask_for_no_password(local: TestClient) -> None:
    body = {"kind": "postgresql", "name": "db", "base_url": "postgresql://127.0.0.1:1/x", "auth": {"kind": "basic"}}
    refused = local.post("connections", json=body).json()
    assert (refused["reason"], refused["fields"]) == ("auth_field_needed", {"field": "user"})
    refused = local.post("connections", json={**body, "base_url": "postgresql://a@b/x", "auth": {}}).json()
    assert (refused["code"], refused["reason"]) == ("invalid_input", "address_credentials")
    for tls, reason in (
        ({"ca": "x"}, "ca_unreadable"),
        ({"certificate": "x", "key": "y"}, "certificate_unreadable"),
    ):
        refused = local.post("connections", json={"kind": "http", "name": "h", "base_url": "http://h", "tls": tls})
        assert refused.json()["reason"] == reason
    made = local.post("connections", json={**body, "auth": {"kind": "basic", "user": "reader"}}).json()
    assert (made["auth"], made["has_secrets"]) == ({"kind": "basic", "user": "reader"}, False)
    tried = local.post(f"connections/{made['id']}/test").json()
    assert (tried["cause"], tried["place"]) == ("address", "127.0.0.1:1")
    assert "allow_private" in tried["message"]


def test_the_test_says_what_is_wrong(local: TestClient, platform: Platform) -> None:
    connection = made(local, platform.url)
    path = f"connections/{connection['id']}"

    def tried() -> tuple[bool, str]:
        found = local.post(f"{path}/test").json()
        assert found["message"]
        return found["ok"], found["cause"]

    for status, cause in ((200, "ok"), (401, "unauthorized"), (403, "forbidden"), (404, "not_found"), (503, "error")):
        platform.answers["*"] = Reply(status=status, body={})
        assert tried() == (status == 200, cause)
    assert platform.last.target == "/api/v1/query?query=1"
    platform.answers["*"] = Reply(wait=3)
    local.patch(path, json={"timeout_s": 0.2})
    assert tried() == (False, "timeout")
    local.patch(path, json={"allow_private": False})
    assert tried() == (False, "address")
    local.patch(path, json={"base_url": "http://127.0.0.1:1", "allow_private": True})
    assert tried() == (False, "refused")
    local.patch(path, json={"base_url": "http://no-such-host.invalid"})
    assert tried() == (False, "dns")
    local.patch(path, json={"base_url": f"https://127.0.0.1:{platform.port}"})
    assert tried() == (False, "tls")


AUTHS: list[dict[str, Any]] = [
    {"auth": {"kind": "bearer", "token": CANARY}},
    {"auth": {"kind": "basic", "user": "u", "password": CANARY}},
    {"auth": {"kind": "api_key", "name": "X-Key", "place": "header", "value": CANARY}},
    {"auth": {"kind": "api_key", "name": "key", "place": "query", "value": CANARY}},
    {"auth": {"kind": "oauth2", "token_url": "/token", "client_id": "c", "client_secret": CANARY}},
    {"secrets": {"extra": CANARY}},
]


@pytest.mark.parametrize("given", AUTHS, ids=lambda given: str(given)[:60])
def test_a_secret_is_seen_nowhere_but_in_its_request(
    local: TestClient, platform: Platform, given: dict[str, Any], folder: Path, caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    given = {name: dict(value) for name, value in given.items()}
    if given.get("auth", {}).get("kind") == "oauth2":
        given["auth"]["token_url"] = platform.url + "/token"
    platform.answers["/token"] = Reply(body={"access_token": CANARY + "-granted"})
    platform.answers["*"] = lambda asked: Reply(status=500, body=repr(asked).encode())
    connection = made(local, platform.url, **given)
    path = f"connections/{connection['id']}"
    seen = [local.post(f"{path}/test").text, local.get(path).text, local.get("connections").text]
    seen += [local.patch(path, json={"base_url": "http://other.example"}).text, local.get("version").text]
    assert (
        "secrets" in given
        or CANARY in repr(platform.asked)
        or base64.b64encode(b"u:canary")[:8].decode() in repr(platform.asked)
    )
    files = [each.read_bytes() for each in folder.rglob("*") if each.is_file()]
    everything = "".join(seen) + caplog.text + "".join(capfd.readouterr())
    assert "canary" not in everything
    assert base64.b64encode(b"u:canary-4fb1")[:12].decode() not in everything
    assert not any(b"canary" in each for each in files)


def test_a_kubeconfig_is_parted_into_address_certificates_and_keys(local: TestClient, tmp_path: Path) -> None:
    authority = issue("authority")
    own, server = issue("client", authority), issue("server", authority)
    with platform_server(server_context(server, tmp_path, clients_of=authority)) as cluster:
        cluster.answers["*"] = Reply(body={})

        def data(pem: str) -> str:
            return base64.b64encode(pem.encode()).decode()

        config = kubeconfig(
            {"server": cluster.url, "certificate-authority-data": data(authority.certificate)},
            {"client-certificate-data": data(own.certificate), "client-key-data": data(own.key)},
        )
        answer = local.post(
            "connections", json={"kind": "http", "name": "k", "kubeconfig": config, "allow_private": True}
        )
        connection = answer.json()
        assert connection["base_url"] == cluster.url
        assert connection["tls"]["certificate"] == own.certificate
        assert "PRIVATE KEY" not in answer.text
        assert local.post(f"connections/{connection['id']}/test").json()["ok"]


def kubeconfig(cluster: dict[str, Any], user: dict[str, Any]) -> str:
    return yaml.safe_dump(
        {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "shop"}}],
            "clusters": [{"name": "k", "cluster": cluster}],
            "users": [{"name": "u", "user": user}],
        }
    )


@pytest.mark.parametrize(
    ("cluster", "user", "said", "reason"),
    [
        ({"server": "https://k"}, {"exec": {"command": "touch /tmp/x"}}, "running a program", "kubeconfig_executes"),
        ({"server": "https://k"}, {"auth-provider": {"name": "gcp"}}, "running a program", "kubeconfig_executes"),
        ({"server": "https://k"}, {"tokenFile": "/etc/passwd"}, "file", "kubeconfig_token_file"),
        ({"server": "https://k", "certificate-authority": "/etc/ca"}, {}, "flatten", "kubeconfig_file"),
        ({"server": "https://k", "certificate-authority-data": "%"}, {}, "base64", "kubeconfig_not_pem"),
        ({"server": "https://k", "proxy-url": "http://p"}, {}, "proxy", "kubeconfig_proxy"),
        ({}, {}, "server", "kubeconfig_no_server"),
    ],
    ids=str,
)
def test_kubeconfigs_that_are_not_taken(cluster: dict[str, Any], user: dict[str, Any], said: str, reason: str) -> None:
    with pytest.raises(Invalid, match=said) as refused:
        read_kubeconfig(kubeconfig(cluster, user))
    assert refused.value.details["reason"] == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no_contexts"),
        ("a", "no_contexts"),
        ("contexts: 1", "lacks"),
        ("contexts: [{name: &a x}, *a]", "unreadable"),
        ("[" * 5000, "unreadable"),
        ("\x00", "unreadable"),
        ("a: b: c", "unreadable"),
    ],
)
def test_texts_that_are_no_kubeconfig(text: str, reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_kubeconfig(text)
    assert refused.value.details["reason"] == f"kubeconfig_{reason}"


def test_a_token_in_a_kubeconfig() -> None:
    found = read_kubeconfig(kubeconfig({"server": "https://k"}, {"token": "abc"}))
    assert (found.base_url, found.namespace, found.auth) == ("https://k", "shop", {"kind": "bearer", "token": "abc"})


def test_the_kinds_say_what_a_form_needs(local: TestClient) -> None:
    found = {each["kind"]: each for each in local.get("connection-kinds").json()["items"]}
    assert {"prometheus", "http"} <= set(found)
    for kind in found.values():
        assert all(kind[name]["en"] and kind[name]["zh"] for name in ("title", "description", "permissions")), kind
        assert kind["tools"] > 0 or kind["kind"] == "mcp"


def test_what_a_kubeconfig_holds_is_seen_nowhere(
    local: TestClient, platform: Platform, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    own = issue("client", issue("authority"))
    key_lines = [line for line in own.key.splitlines() if "-----" not in line]

    def data(pem: str) -> str:
        return base64.b64encode(pem.encode()).decode()

    user = {"token": CANARY, "client-certificate-data": data(own.certificate), "client-key-data": data(own.key)}
    config = kubeconfig({"server": platform.url}, user)
    body = {"kind": "kubernetes", "name": "cluster", "kubeconfig": config, "allow_private": True}
    made_answer = local.post("connections", json=body)
    assert made_answer.status_code == 201, made_answer.text
    platform.answers["*"] = lambda asked: Reply(status=403, body={"message": f"{asked.headers} {own.key}"})
    seen = [made_answer.text, local.post(f"connections/{made_answer.json()['id']}/test").text]
    seen.append(local.post("tools/kubernetes_pods/calls", json={"arguments": {}}).text)
    seen += [local.get("audit").text, local.get("connections").text, caplog.text]
    assert f"Bearer {CANARY}" in platform.last.headers["authorization"]
    assert all(CANARY not in text and key_lines[0] not in text for text in seen)
    files = [each.read_bytes() for each in folder.rglob("*") if each.is_file()]
    assert not any(CANARY.encode() in each or key_lines[0].encode() in each for each in files)
