"""Connected platforms and sources of operators become tools that are judged, called and recorded like all others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from backend.connections.tables import connections
from tests.api_client import api_client
from tests.databases import DIALECTS, database_url
from tests.platform_server import Asked, Platform, Reply, platform_server

CANARY = "canary-4fb1-value"
TOOLSET = """
name: shop
tools:
  - name: shop_order
    description: Show an order.
    request:
      path: /orders/{{ id }}
      headers: {X-Tenant: "${tenant}"}
    result: {select: "lines[*]", view: table, columns: {article: name, count: n}}
  - name: shop_cancel
    description: Cancel an order.
    request: {method: DELETE, path: "/orders/{{ id }}"}
"""
DOCUMENT = {
    "openapi": "3.0.3",
    "info": {"title": "Shop", "version": "1"},
    "servers": [{"url": "http://169.254.169.254/v1"}],
    "paths": {
        "/orders/{order-id}": {
            "parameters": [{"name": "order-id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "get": {"operationId": "getOrder", "summary": "One order"},
            "delete": {"operationId": "deleteOrder", "summary": "Delete it"},
            "post": {"requestBody": {"content": {"application/x-tar": {}}}},
        },
        "/logout": {"get": {"operationId": "logout"}},
    },
}


@pytest.fixture(params=DIALECTS)
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TestClient]:
    with database_url(request.param, tmp_path) as url, api_client(tmp_path, database_url=url) as opened:
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


def connect(client: TestClient, platform: Platform, kind: str = "http", **values: Any) -> str:
    body = {"kind": kind, "name": kind, "base_url": platform.url, "allow_private": True, **values}
    answer = client.post("connections", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def names(client: TestClient, source: str) -> set[str]:
    return {each["name"] for each in client.get("tools", params={"source": source, "limit": 1000}).json()["items"]}


def call(client: TestClient, name: str, **arguments: Any) -> Any:
    return client.post(f"tools/{name}/calls", json={"arguments": arguments})


def test_a_connection_switches_a_platform_on(client: TestClient, platform: Platform) -> None:
    assert names(client, "prometheus") == set()
    connect(client, platform, "prometheus", auth={"kind": "bearer", "token": CANARY})
    assert "prometheus_query" in names(client, "prometheus")
    vector = [{"metric": {"__name__": "up", "job": "api"}, "value": [1, "0"]}]
    platform.answers["/api/v1/query"] = Reply(body={"status": "success", "data": {"result": vector}})
    found = call(client, "prometheus_query", query='up{job="a&b"}#').json()
    assert found["status"] == "succeeded"
    assert found["view"] == "table"
    assert found["data"]["rows"] == [["__name__=up, job=api", "0"]]
    assert platform.last.query == {"query": 'up{job="a&b"}#', "limit": "200"}
    assert platform.last.headers["authorization"] == f"Bearer {CANARY}"
    audit = client.get("audit", params={"tool": "prometheus_query"}).text
    assert found["audit_id"] in audit
    assert "canary" not in audit


def document_of(**operation: Any) -> str:
    paths = {"/orders": {"get": {"operationId": "orders", "summary": "Orders", **operation}}}
    return json.dumps({"openapi": "3.0.3", "info": {"title": "Shop", "version": "1"}, "paths": paths})


def sourced(client: TestClient, connection_id: str, name: str, definition: str) -> Any:
    body = {"kind": "openapi", "name": name, "connection_id": connection_id, "definition": definition}
    return client.post("tool-sources", json=body)


def test_a_document_may_hold_what_no_answer_can(client: TestClient, platform: Platform) -> None:
    parameter = {"name": "of\udfff", "in": "query", "schema": {"type": "string", "enum": ["\ud800", "a"]}}
    text = document_of(summary="Orders \ud800 \x00", parameters=[parameter]).replace('"Shop"', '"Shop \\ud83d"')
    made = sourced(client, connect(client, platform), "odd", text)
    assert made.status_code == 201, made.text
    assert made.json()["title"] == "Shop \ufffd"
    [tool] = client.get(f"tool-sources/{made.json()['id']}/tools").json()["items"]
    assert tool["title"] == "Orders \ufffd \ufffd"
    arguments = client.get(f"tools/{tool['name']}").json()["parameters"]["properties"].values()
    assert ["\ufffd", "a"] in [each.get("enum") for each in arguments]
    assert client.get("tool-sources").json()["items"] == [made.json()]


def test_a_document_that_is_nested_too_deeply_is_refused(local: TestClient, platform: Platform) -> None:
    connection_id = connect(local, platform)
    for depth in (150, 900, 100_000):
        text = document_of().replace('"Orders"', "[" * depth + "]" * depth)
        refused = sourced(local, connection_id, "deep", text)
        assert (refused.status_code, refused.json()["code"]) == (422, "toolset_invalid")
    assert local.get("tool-sources").json()["items"] == []


@pytest.mark.parametrize("depth", [150, 900, 100_000])
def test_an_answer_that_is_nested_deeply_is_text(local: TestClient, platform: Platform, depth: int) -> None:
    sourced(local, connect(local, platform), "deep", document_of()).raise_for_status()
    platform.answers["/orders"] = Reply(body=b'{"a":' * depth + b"1" + b"}" * depth)
    found = call(local, "deep_orders").json()
    assert found["status"] in ("succeeded", "cut"), found
    assert '{"a":{"a":' in found["output"]
    [source] = local.get("tool-sources").json()["items"]
    local.delete(f"tool-sources/{source['id']}")


def test_a_query_that_no_address_holds_is_told(local: TestClient, platform: Platform) -> None:
    text = document_of(parameters=[{"name": "q", "in": "query", "schema": {"type": "string"}}])
    source = sourced(local, connect(local, platform), "long", text).raise_for_status().json()
    found = call(local, "long_orders", q="x" * 100_000).json()
    assert found["status"] == "failed"
    assert "more than an address can" in found["output"]
    assert platform.asked == []
    local.delete(f"tool-sources/{source['id']}")


def test_several_connections_of_a_kind_are_chosen_by_name(local: TestClient, platform: Platform) -> None:
    with platform_server() as other:
        connect(local, platform, "prometheus", name="live")
        connect(local, other, "prometheus", name="staging")
        other.answers["*"] = Reply(body={"data": {"alerts": []}})
        tool = local.get("tools/prometheus_alerts").json()
        assert tool["parameters"]["properties"]["connection"]["enum"] == ["live", "staging"]
        assert call(local, "prometheus_alerts").status_code != 200
        assert call(local, "prometheus_alerts", connection="staging").json()["status"] == "succeeded"
        assert len(other.asked) == 1
        assert platform.asked == []


def test_a_range_of_metrics_is_a_chart_and_numbers(local: TestClient, platform: Platform) -> None:
    connect(local, platform, "prometheus")
    values = [[float(second), str(second % 7)] for second in range(0, 6000, 60)] + [[6000, "NaN"]]
    result = [{"metric": {"__name__": "load", "job": "api"}, "values": values}]
    platform.answers["*"] = Reply(body={"data": {"result": result}})
    found = call(local, "prometheus_query_range", query="load", start="2h ago", end="now", step="1m").json()
    assert found["view"] == "chart"
    [series] = found["data"]["series"]
    assert series["name"] == 'load{job="api"}'
    assert series["points"][0] == [0.0, 0.0]
    assert series["points"][-1] == [6000.0, None]
    assert "101 points" not in found["output"]
    assert "100 points, first 0, last" in found["output"]
    asked = platform.last.query
    assert 7190 < float(asked["end"]) - float(asked["start"]) < 7210


def test_what_a_platform_says_of_an_error_is_told_without_secrets(local: TestClient, platform: Platform) -> None:
    connect(local, platform, "prometheus", auth={"kind": "api_key", "name": "key", "place": "query", "value": CANARY})
    platform.answers["*"] = lambda asked: Reply(status=400, body={"error": f"parse error in {asked.target}"})
    answer = call(local, "prometheus_query", query="up{").text
    assert "parse error" in answer
    assert "400" in answer
    assert "canary" in platform.last.target
    assert "canary" not in answer + local.get("audit").text
    platform.answers["*"] = Reply(body=b"<html>not JSON")
    assert "not JSON" in call(local, "prometheus_query", query="up").text


def test_a_toolset_of_an_operator(client: TestClient, platform: Platform) -> None:
    connection = connect(client, platform, secrets={"tenant": CANARY})
    body = {"kind": "yaml", "name": "shop", "connection_id": connection, "definition": TOOLSET}
    source = client.post("tool-sources", json=body).json()
    assert (source["tools"], source["on"], source["problem"]) == (2, 2, "")
    platform.answers["*"] = Reply(body={"lines": [{"name": "tea", "n": 2}, {"name": CANARY}]})
    found = call(client, "shop_order", id="../a/b?c=d#e").json()
    assert platform.last.target == "/orders/..%2Fa%2Fb%3Fc%3Dd%23e"
    assert platform.last.headers["x-tenant"] == CANARY
    assert found["data"]["rows"] == [["tea", "2"], ["•••", ""]]
    for wrong in ("..", ".", ""):
        assert "must not be empty" in call(client, "shop_order", id=wrong).text
    dry = client.post("tools/shop_order/calls", json={"arguments": {"id": "7"}, "dry_run": True}).json()
    assert "/orders/7" in dry["preview"]["request"]
    assert "canary" not in str(dry)
    # What destroys waits for a person, twice.
    asked = call(client, "shop_cancel", id="7")
    assert (asked.status_code, asked.json()["code"]) == (409, "approval_required")
    assert all(each.method == "GET" for each in platform.asked)
    path = f"tool-sources/{source['id']}"
    client.patch(path, json={"tools": {"shop_cancel": {"on": False}}})
    assert names(client, "shop") == {"shop_order"}
    client.patch(path, json={"enabled": False})
    assert names(client, "shop") == set()
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404


def test_a_document_brings_its_reads_and_waits_with_the_rest(client: TestClient, platform: Platform) -> None:
    platform.answers["/openapi.json"] = Reply(body=DOCUMENT)
    connection = connect(client, platform, auth={"kind": "bearer", "token": CANARY})
    body = {"kind": "openapi", "name": "Shop", "connection_id": connection, "url": f"{platform.url}/openapi.json"}
    source = client.post("tool-sources", json=body).json()
    assert platform.last.headers["authorization"] == f"Bearer {CANARY}"
    assert {name: source[name] for name in ("title", "base_path", "tools", "on", "refused")} == {
        "title": "Shop",
        "base_path": "/v1",
        "tools": 3,
        "on": 1,
        "refused": 1,
    }
    path = f"tool-sources/{source['id']}"
    listed = client.get(f"{path}/tools").json()
    assert {each["name"]: (each["risk"], each["state"]) for each in listed["items"]} == {
        "shop_get_order": ("read", "on"),
        "shop_delete_order": ("destructive", "off"),
        "shop_logout": ("unknown", "off"),
    }
    assert "neither JSON nor a form" in listed["refusals"][0]["reason"]
    assert names(client, "Shop") == {"shop_get_order"}
    platform.answers["*"] = Reply(body={"id": 1, "lines": [{"n": 2}, {"n": 3}]})
    found = call(client, "shop_get_order", order_id="a/b", select="lines[*].n").json()
    assert platform.last.target == "/orders/a%2Fb"
    assert found["output"].endswith("\n[2, 3]")
    changed = client.patch(path, json={"tools": {"shop_delete_order": {"on": True}}}).json()
    assert changed["on"] == 2
    assert call(client, "shop_delete_order", order_id="1").status_code == 409
    # Another read of the document: what was switched on is off when it is no longer what it was.
    paths = DOCUMENT["paths"]
    assert isinstance(paths, dict)
    same = {"url": f"{platform.url}/openapi.json"}
    assert client.patch(path, json=same).json()["on"] == 2
    altered = json.loads(json.dumps(DOCUMENT).replace("Delete it", "Harmless"))
    platform.answers["/openapi.json"] = Reply(body=altered)
    changed = client.patch(path, json=same).json()
    assert (changed["on"], changed["changed"]) == (1, 1)
    assert names(client, "Shop") == {"shop_get_order"}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"definition": "tools: ["}, "YAML"),
        ({"definition": "name: a\ntools: [{name: b, description: c, request: {path: '/${x}'}}]"}, "secret"),
        ({"definition": "name: a\ntools: [{name: b, description: c, request: {path: '/{{ x'}}]"}, "braces"),
        ({"definition": "name: a\ntools: &a [*a]"}, "aliases"),
        (
            {"definition": "name: a\ntools: [{name: b, description: c, request: {path: /, headers: {Host: x}}}]"},
            "header",
        ),
        ({"definition": ""}, "definition"),
        ({"kind": "openapi", "definition": "{}"}, "OpenAPI"),
        ({"kind": "openapi", "definition": '{"openapi": "3.0", "paths": {}}'}, "no paths"),
        ({"kind": "openapi", "definition": "[" * 100_000}, "nested"),
        ({"kind": "openapi", "url": "http://169.254.169.254/x"}, "private"),
        ({"kind": "openapi", "url": "file:///etc/passwd"}, "http"),
        ({"connection_id": "x", "definition": TOOLSET}, "connection"),
        ({"kind": "mcp"}, ""),
    ],
    ids=str,
)
def test_what_no_tools_can_be_made_of(local: TestClient, platform: Platform, values: dict[str, Any], said: str) -> None:
    body = {"kind": "yaml", "name": "s", "connection_id": connect(local, platform), **values}
    answer = local.post("tool-sources", json=body)
    assert answer.status_code == 422
    assert said in answer.text


def test_without_its_connection_a_source_is_gone(local: TestClient, platform: Platform) -> None:
    connection = connect(local, platform)
    body = {"kind": "yaml", "name": "shop", "connection_id": connection, "definition": TOOLSET}
    local.post("tool-sources", json=body)
    local.delete(f"connections/{connection}")
    assert local.get("tool-sources").json()["items"] == []
    assert names(local, "shop") == set()


def test_a_secret_that_was_for_another_address_is_not_sent(local: TestClient, platform: Platform, folder: Path) -> None:
    import sqlite3

    connect(local, platform, auth={"kind": "bearer", "token": CANARY})
    with platform_server() as other:
        database = sqlite3.connect(folder / "chatbot.db")
        database.execute("UPDATE connections SET base_url = ?", (other.url,))
        database.commit()
        database.close()
        assert "enter it again" in call(local, "http_get", path="x").text
        assert other.asked == []


def test_a_secret_is_not_sent_for_tokens_elsewhere(local: TestClient, platform: Platform, folder: Path) -> None:
    """Where the tokens come from is a place of its own, beside that of the platform."""
    auth = {"kind": "oauth2", "token_url": f"{platform.url}/token", "client_id": "c", "client_secret": CANARY}
    connect(local, platform, auth=auth)
    with platform_server() as other:
        container = local.app.state.container  # type: ignore[attr-defined]
        with container.database.write() as connection:
            connection.execute(update(connections).values(auth={**auth, "token_url": f"{other.url}/token"}))
        assert "enter it again" in call(local, "http_get", path="x").text
        assert other.asked == []
    assert platform.asked == []


def echo(asked: Asked) -> Reply:
    return Reply(body={"target": asked.target, "headers": asked.headers})


def test_an_answer_that_is_not_as_described_is_told_and_not_lost(local: TestClient, platform: Platform) -> None:
    item = {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string"},
            "size": {"type": "integer", "readOnly": True},
            "state": {"enum": ["up", "down"]},
            "next": {"$ref": "#/components/schemas/Item"},
        },
    }
    answer = {
        "content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}}}}
    }
    document = {
        "openapi": "3.0.3",
        "info": {"title": "Shop", "version": "1"},
        "components": {"schemas": {"Item": item}},
        "paths": {"/items": {"get": {"operationId": "listItems", "responses": {"200": answer}}}},
    }
    body = {"kind": "http", "name": "shop", "base_url": platform.url, "allow_private": True}
    connection = local.post("connections", json=body).json()["id"]
    source = {"kind": "openapi", "name": "shop", "connection_id": connection, "definition": json.dumps(document)}
    local.post("tool-sources", json=source).raise_for_status()

    def called(items: Any, **arguments: Any) -> str:
        platform.answers["*"] = Reply(body=items)
        done = local.post("tools/shop_list_items/calls", json={"arguments": arguments}).json()
        assert done["status"] == "succeeded", done
        return str(done["output"])

    assert "Note" not in called(
        [{"name": "a", "state": "up", "next": {"name": "b", "next": None}, "more": 1}, {"name": None}]
    )
    odd = called([{"name": 5, "state": "sideways"}, {"size": 1}, {"name": "a", "next": "b"}])
    note = "[0].name is 5, described as string; [0].state is 'sideways', which is not described; [1] lacks name."
    assert odd.splitlines()[1].endswith(note)
    assert '"sideways"' in odd
    assert "the answer is 'x', described as array" in called("x").replace("[0]", "")
    assert "[0].name is 5" in called([{"name": 5, "size": 7}], select="[*].size")


def test_a_generic_endpoint(local: TestClient, platform: Platform) -> None:
    connect(local, platform)
    platform.answers["*"] = echo
    call(local, "http_get", path="v1/a b/c", query={"q": "x&y=z", "many": ["1", "2"]})
    assert platform.last.target == "/v1/a%20b/c?q=x%26y%3Dz&many=1&many=2"
    for wrong in ("a/../../b", "%2e%2e/x", ".."):
        call(local, "http_get", path=wrong)
    assert all("/.." not in each.target for each in platform.asked)


def test_a_toolset_of_commands_needs_no_connection_and_is_off_until_the_operator_lists_them(local: TestClient) -> None:
    commands = "name: d\ntools: [{name: disks, description: Show disks., command: {program: df, arguments: ['-h']}}]"
    made = local.post("tool-sources", json={"kind": "yaml", "name": "d", "definition": commands})
    assert (made.status_code, made.json()["connection_id"]) == (201, None), made.text
    (tool,) = local.get(f"tool-sources/{made.json()['id']}/tools").json()["items"]
    assert (tool["method"], tool["path"], tool["risk"]) == ("RUN", "df -h", "read")
    listed = local.get("tools/disks").json()
    assert not listed["available"]
    assert "CHATBOT_TOOLS__READ_COMMANDS" in listed["reason"]
    assert local.get("tools", params={"source": "host"}).json()["items"] == []
    refused = local.post("tool-sources", json={"kind": "yaml", "name": "x", "definition": TOOLSET})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_input")
    assert local.delete(f"tool-sources/{made.json()['id']}").status_code == 204
