"""Every tool that reads is called on the real server; every tool that writes asks first, and does it once allowed."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import secrets
import socket
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import docker
import httpx2
import psycopg
import pymysql
import pytest
import redis
from fastapi.testclient import TestClient
from sqlalchemy import make_url

from tests.api_client import api_client
from tests.databases import blank_database_url
from tests.platform_servers import named, over_tcp

CANARY = "canary-7c21-value"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with api_client(tmp_path_factory.mktemp("data")) as opened:
        yield opened


@contextmanager
def connected(client: TestClient, kind: str, url: str, **values: Any) -> Iterator[str]:
    body = {"kind": kind, "name": kind, "base_url": url, "allow_private": True, **values}
    answer = client.post("connections", json=body)
    assert answer.status_code == 201, answer.text
    made = str(answer.json()["id"])
    try:
        tested = client.post(f"connections/{made}/test").json()
        assert tested["ok"], tested
        yield made
    finally:
        client.delete(f"connections/{made}")


def call(client: TestClient, name: str, **arguments: Any) -> Any:
    return client.post(f"tools/{name}/calls", json={"arguments": arguments})


def approved(client: TestClient, name: str, **arguments: Any) -> Any:
    """What becomes of a call that asks, once for each time it asks."""
    answer = call(client, name, **arguments)
    assert (answer.status_code, answer.json()["code"]) == (409, "approval_required"), answer.text
    approval = answer.json()["approval_id"]
    made = client.post(f"tools/approvals/{approval}", json={"decision": "approve"})
    while made.status_code == 409 and made.json().get("code") == "approval_required":
        made = client.post(f"tools/approvals/{made.json()['approval_id']}", json={"decision": "approve"})
    assert made.status_code == 200, made.text
    return made.json()


def call_all(client: TestClient, source: str, given: dict[str, dict[str, Any]], fails: tuple[str, ...] = ()) -> Any:
    """The outputs of every tool of a source that reads; those that write ask, and are not called."""
    listed = client.get("tools", params={"source": source, "limit": 1000}).json()["items"]
    outputs: dict[str, Any] = {}
    for tool in listed:
        answer = call(client, tool["name"], **given.get(tool["name"], {}))
        if tool["risk"] != "read":
            assert answer.json().get("code") == "approval_required", answer.text
            continue
        found = answer.json()
        expected = ("failed",) if tool["name"] in fails else ("succeeded", "cut")
        assert answer.status_code == 200, (tool["name"], answer.text)
        assert found["status"] in expected, (tool["name"], found["output"][:500])
        outputs[tool["name"]] = found
    assert outputs
    return outputs


def rows(found: Any) -> list[dict[str, str]]:
    columns = found["data"]["columns"]
    return [dict(zip(columns, row, strict=True)) for row in found["data"]["rows"]]


def test_postgresql(client: TestClient, tmp_path: Path) -> None:
    with ExitStack() as stack:
        made = make_url(stack.enter_context(blank_database_url("postgresql", tmp_path)))
        where = {"host": made.host, "port": made.port, "user": made.username, "dbname": made.database}
        holding, waiting = (stack.enter_context(psycopg.connect("", autocommit=False, **where)) for _ in range(2))
        holding.execute("CREATE TABLE orders (id int PRIMARY KEY, note text)")
        holding.execute("INSERT INTO orders SELECT n, repeat('x', 9000) FROM generate_series(1, 2000) AS n")
        holding.commit()
        url = f"postgresql://{made.host}:{made.port or 5432}/{made.database}"
        auth = {"kind": "basic", "user": made.username, "password": CANARY}
        stack.enter_context(connected(client, "postgresql", url, auth=auth))
        reading = "SELECT id, note FROM orders ORDER BY id"
        given = {
            "postgresql_query": {"statement": reading},
            "postgresql_plan": {"statement": reading, "run": True},
            "postgresql_columns": {"table": "orders"},
            "postgresql_settings": {"word": "timeout"},
        }
        found = call_all(client, "postgresql", given, fails=("postgresql_slow_statements",))
        asked = rows(found["postgresql_query"])
        assert (asked[0]["id"], len(asked[0]["note"]), found["postgresql_query"]["data"]["total"]) == ("1", 4_001, 150)
        assert "Execution Time" in found["postgresql_plan"]["output"]
        assert [each["column"] for each in rows(found["postgresql_columns"])] == ["id", "note"]
        assert "orders" in {each["table"] for each in rows(found["postgresql_tables"])}
        holding.execute("LOCK TABLE orders")
        waits = threading.Thread(target=lambda: waiting.execute("SELECT 1 FROM orders"), daemon=True)
        waits.start()
        blocked = _until(lambda: rows(call(client, "postgresql_locks").json()))
        assert (blocked[0]["waiting_statement"], blocked[0]["blocking_statement"]) == (
            "SELECT 1 FROM orders",
            "LOCK TABLE orders",
        )
        holding.rollback()
        waits.join(10)
        waiting.rollback()
        for statement in ("INSERT INTO orders VALUES (0)", "SELECT pg_sleep(1)", "SELECT 1; DROP TABLE orders"):
            refused = call(client, "postgresql_query", statement=statement).json()
            assert "was not sent" in refused["output"]
        assert "relation" in call(client, "postgresql_query", statement="SELECT * FROM nothing").json()["output"]
        assert "•••" in call(client, "postgresql_query", statement=f"SELECT '{CANARY}' AS a").json()["output"]


def test_nothing_is_written_even_by_what_is_not_known_to_write(client: TestClient, tmp_path: Path) -> None:
    """The second wall: a view that calls a function that writes passes every proof of texts."""
    with ExitStack() as stack:
        made = make_url(stack.enter_context(blank_database_url("postgresql", tmp_path)))
        where = {"host": made.host, "port": made.port, "user": made.username, "dbname": made.database}
        with psycopg.connect("", autocommit=True, **where) as owner:
            owner.execute("CREATE TABLE t (a int)")
            body = "INSERT INTO t VALUES (1) RETURNING a"
            owner.execute(f"CREATE FUNCTION f() RETURNS int VOLATILE LANGUAGE sql AS '{body}'")
            owner.execute("CREATE VIEW v AS SELECT f() AS a")
            owner.execute("CREATE VIEW slow AS SELECT pg_sleep(30)::text AS a")
        url = f"postgresql://{made.host}:{made.port or 5432}/{made.database}"
        stack.enter_context(connected(client, "postgresql", url, timeout_s=1.5))
        assert (
            "nothing may be written" in call(client, "postgresql_query", statement="SELECT a FROM v").json()["output"]
        )
        begun = time.monotonic()
        assert "needed longer" in call(client, "postgresql_query", statement="SELECT * FROM slow").json()["output"]
        assert time.monotonic() - begun < 3


def test_mysql(client: TestClient) -> None:
    server = make_url(named("CHATBOT_TEST_MARIADB_URL"))
    where = {"host": server.host, "port": server.port or 3306, "user": server.username or "root"}
    database = f"chatbot_test_{secrets.token_hex(4)}"
    with ExitStack() as stack:
        holding, waiting = (stack.enter_context(pymysql.connect(**where)) for _ in range(2))
        holding.cursor().execute(f"CREATE DATABASE {database}")
        stack.callback(lambda: holding.cursor().execute(f"DROP DATABASE {database}"))
        for each in (holding, waiting):
            each.select_db(database)
        holding.cursor().execute("CREATE TABLE orders (id int PRIMARY KEY, note text) ENGINE = InnoDB")
        holding.cursor().execute("INSERT INTO orders SELECT seq, 'it''s' FROM seq_1_to_600")
        holding.commit()
        url = f"mysql://{server.host}:{server.port or 3306}/{database}"
        stack.enter_context(connected(client, "mysql", url))
        given = {
            "mysql_query": {"statement": "SELECT id, note FROM orders ORDER BY id"},
            "mysql_plan": {"statement": "SELECT * FROM orders WHERE id = 1", "run": True},
            "mysql_columns": {"table": "orders", "database": database},
            "mysql_indexes": {"table": "orders", "database": database},
            "mysql_settings": {"word": "timeout"},
        }
        found = call_all(client, "mysql", given)
        assert rows(found["mysql_query"])[0] == {"id": "1", "note": "it's"}
        assert found["mysql_query"]["data"]["total"] == 501
        assert "r_rows" in found["mysql_plan"]["output"]
        assert [each["column"] for each in rows(found["mysql_columns"])] == ["id", "note"]
        holding.begin()
        holding.cursor().execute("SELECT id FROM orders WHERE id = 1 FOR UPDATE")
        lock = "UPDATE orders SET note = 'b' WHERE id = 1"
        waits = threading.Thread(target=lambda: _quietly(waiting, lock), daemon=True)
        waits.start()
        blocked = _until(lambda: rows(call(client, "mysql_locks").json()))
        assert blocked[0]["waiting_statement"] == lock
        holding.rollback()
        waits.join(10)
        for statement in ("SELECT 1 INTO OUTFILE '/tmp/x'", "SELECT SLEEP(5)", "SELECT /*!50000 SLEEP(5) */ 1"):
            assert "was not sent" in call(client, "mysql_query", statement=statement).json()["output"]
        wide = "SELECT repeat('x', 9000000) AS a, repeat('y', 9000000) AS b, repeat('z', 9000000) AS c"
        assert "larger than" in call(client, "mysql_query", statement=wide).json()["output"]


def _quietly(connection: Any, statement: str) -> None:
    with suppress(pymysql.Error):
        connection.cursor().execute(statement)
        connection.rollback()


def test_redis(client: TestClient) -> None:
    url = named("CHATBOT_TEST_REDIS_URL").rstrip("/")
    url = url if url.rpartition("/")[2].isdecimal() else f"{url}/9"
    prefix = f"chatbot-test-{secrets.token_hex(4)}"
    with redis.Redis.from_url(url) as server, connected(client, "redis", url):
        server.hset(f"{prefix}:hash", mapping={"a": "1"})
        server.set(f"{prefix}:text", "x" * 100_000)
        server.zadd(f"{prefix}:scores", {"m": 1.5})
        server.xadd(f"{prefix}:stream", {"f": "v"})
        server.rpush(f"{prefix}:list", *range(5))
        server.sadd(f"{prefix}:set", "s")
        try:
            given = {
                "redis_keys": {"pattern": f"{prefix}:*"},
                "redis_key": {"key": f"{prefix}:hash"},
                "redis_get": {"key": f"{prefix}:text"},
                "redis_expire": {"key": f"{prefix}:text", "seconds": 60},
                "redis_delete": {"keys": [f"{prefix}:text"]},
            }
            found = call_all(client, "redis", given)
            assert {each["key"] for each in found["redis_keys"]["data"]["keys"]} == {
                f"{prefix}:{kind}" for kind in ("hash", "text", "scores", "stream", "list", "set")
            }
            assert len(found["redis_get"]["data"]["value"]) == 4_001
            assert (found["redis_key"]["data"]["type"], found["redis_key"]["data"]["ttl_s"]) == ("hash", -1)
            shown = {kind: call(client, "redis_get", key=f"{prefix}:{kind}").json()["data"]["value"] for kind in (
                "hash", "scores", "list", "set"
            )}  # fmt: skip
            assert shown == {
                "hash": {"a": "1"},
                "scores": [{"member": "m", "score": "1.5"}],
                "list": ["0", "1", "2", "3", "4"],
                "set": ["s"],
            }
            assert server.ttl(f"{prefix}:text") == -1
            approved(client, "redis_expire", key=f"{prefix}:text", seconds=60)
            assert 0 < server.ttl(f"{prefix}:text") <= 60
            approved(client, "redis_delete", keys=[f"{prefix}:text"])
            assert not server.exists(f"{prefix}:text")
            assert "no key" in call(client, "redis_get", key=f"{prefix}:text").json()["output"]
        finally:
            server.delete(*server.keys(f"{prefix}:*"))


def test_rabbitmq(client: TestClient) -> None:
    url = named("CHATBOT_TEST_RABBITMQ_URL")
    auth = {"kind": "basic", "user": "guest", "password": "guest"}
    queue = f"{url}/api/queues/%2F/chatbot-test"
    with ExitStack() as stack:
        signed = stack.enter_context(httpx2.Client(auth=("guest", "guest")))
        assert signed.put(queue, json={"durable": False}).is_success
        stack.callback(lambda: signed.delete(queue))
        with connected(client, "rabbitmq", url, auth=auth):
            found = call_all(client, "rabbitmq", {"rabbitmq_queue": {"queue": "chatbot-test"}})
            assert "chatbot-test" in {each["name"] for each in rows(found["rabbitmq_queues"])}
            assert rows(found["rabbitmq_nodes"])[0]["running"] == "true"


def test_prometheus_with_its_node_exporter(client: TestClient) -> None:
    with connected(client, "prometheus", named("CHATBOT_TEST_PROMETHEUS_URL")):
        load = {"query": "node_load1"}
        _until(lambda: rows(call(client, "prometheus_query", **load).json()))
        given = {
            "prometheus_query": load,
            "prometheus_query_range": {"query": "up", "start": "5m"},
            "prometheus_series": {"selector": "up"},
            "prometheus_label_values": {"label": "job"},
        }
        found = call_all(client, "prometheus", given)
        chart = found["prometheus_query_range"]
        assert chart["view"] == "chart"
        assert {"instance=" in each["name"] for each in chart["data"]["series"]} == {True}
        assert "points, first" in chart["output"]
        assert "node" in found["prometheus_targets"]["output"]


def test_alertmanager(client: TestClient) -> None:
    with connected(client, "alertmanager", named("CHATBOT_TEST_ALERTMANAGER_URL")):
        silence = {"label": "alertname", "value": "Nothing", "comment": "a test", "ends": "in 5m"}
        found = call_all(
            client, "alertmanager", {"alertmanager_silence": silence, "alertmanager_end_silence": {"id": "x"}}
        )
        assert found["alertmanager_silences"]["view"] == "table"
        made = approved(client, "alertmanager_silence", **silence)
        assert made["status"] == "succeeded", made
        assert "a test" in call(client, "alertmanager_silences").json()["output"]
        silence_id = made["output"].rpartition("silenceID")[2].split('"')[2]
        assert approved(client, "alertmanager_end_silence", id=silence_id)["status"] == "succeeded"


def test_docker(client: TestClient) -> None:
    engine = named("CHATBOT_TEST_DOCKER_HOST")
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("empty"))
    with ExitStack() as stack:
        local = docker.DockerClient(base_url=engine)
        stack.callback(local.close)
        local.api.import_image_from_data(content.getvalue(), repository="chatbot-test", tag="platforms")
        stack.callback(lambda: local.images.remove("chatbot-test:platforms", force=True))
        container = local.containers.create("chatbot-test:platforms", ["/nothing"], network_mode="none")
        stack.enter_context(connected(client, "docker", stack.enter_context(over_tcp(engine))))
        tools = client.get("tools", params={"source": "docker", "limit": 100}).json()["items"]
        given = {each["name"]: {"id": container.id} for each in tools if "id" in each["parameters"]["properties"]}
        found = call_all(client, "docker", given)
        assert container.id in {each["id"] for each in rows(found["docker_containers"])}
        assert "chatbot-test:platforms" in found["docker_images"]["output"]
        removed = approved(client, "docker_remove", id=container.id)
        assert removed["status"] == "succeeded", removed
        assert container.id not in call(client, "docker_containers").json()["output"]


def test_a_registry(client: TestClient) -> None:
    url = named("CHATBOT_TEST_REGISTRY_URL")
    name = f"team/app-{secrets.token_hex(3)}"
    config = json.dumps({"os": "linux", "config": {"Cmd": ["/serve"]}}).encode()
    digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    about = {"mediaType": "application/vnd.docker.container.image.v1+json", "size": len(config), "digest": digest}
    with httpx2.Client() as pushing:
        place = pushing.post(f"{url}/v2/{name}/blobs/uploads/").headers["location"]
        mark = "&" if "?" in place else "?"
        assert pushing.put(f"{place}{mark}digest={digest}", content=config).status_code == 201
        manifest = {"schemaVersion": 2, "mediaType": kind, "config": about, "layers": []}
        sent = pushing.put(f"{url}/v2/{name}/manifests/1.0", json=manifest, headers={"Content-Type": kind})
        assert sent.status_code == 201, sent.text
    with connected(client, "registry", url):
        given = {
            "registry_tags": {"repository": name},
            "registry_manifest": {"repository": name, "reference": "1.0"},
            "registry_image": {"repository": name, "digest": digest},
        }
        found = call_all(client, "registry", given)
        assert [name] in found["registry_repositories"]["data"]["rows"]
        assert found["registry_tags"]["data"]["rows"] == [["1.0"]]
        assert found["registry_manifest"]["data"]["config"]["digest"] == digest
        assert "/serve" in found["registry_image"]["output"]


def test_etcd(client: TestClient) -> None:
    url = named("CHATBOT_TEST_ETCD_URL")
    prefix = f"/chatbot-test-{secrets.token_hex(3)}/"

    def coded(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    for name, value in (("a", "1"), ("b", "中文")):
        httpx2.post(f"{url}/v3/kv/put", json={"key": coded(prefix + name), "value": coded(value)}).raise_for_status()
    try:
        with connected(client, "etcd", url):
            found = call_all(client, "etcd", {"etcd_keys": {"prefix": prefix}, "etcd_get": {"key": f"{prefix}b"}})
            assert [each["key"] for each in rows(found["etcd_keys"])] == [f"{prefix}a", f"{prefix}b"]
            assert "中文" in found["etcd_get"]["output"]
            assert rows(found["etcd_members"])
            assert rows(call(client, "etcd_keys", prefix="").json())
    finally:
        httpx2.post(f"{url}/v3/kv/deleterange", json={"key": coded(prefix), "range_end": coded(prefix[:-1] + "0")})


def _until(found: Callable[[], Any], longest: float = 15.0) -> Any:
    """The first result that is not empty."""
    until = time.monotonic() + longest
    while not (result := found()):
        assert time.monotonic() < until, "nothing came"
        time.sleep(0.1)
    return result


def test_servers_that_are_none_are_told_in_a_sentence(client: TestClient) -> None:
    """Nobody listens, somebody is silent, somebody speaks something else: for every protocol that is no HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = closed.getsockname()[1]
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as chatty:
        threading.Thread(target=_chatter, args=(chatty,), daemon=True).start()
        for kind, scheme in (("postgresql", "postgresql"), ("mysql", "mysql"), ("redis", "redis")):
            causes = [
                _tried(client, kind, f"{scheme}://127.0.0.1:{each}", timeout_s=1.0)["cause"]
                for each in (nobody, silent.getsockname()[1], chatty.getsockname()[1])
            ]
            assert causes == ["refused", "timeout", "protocol"], (kind, causes)
            private = _tried(client, kind, f"{scheme}://127.0.0.1:{nobody}", allow_private=False)
            assert private["cause"] == "address"
            assert _tried(client, kind, f"{scheme}://nowhere.invalid", timeout_s=5)["cause"] == "dns"


def _chatter(server: socket.socket) -> None:
    with suppress(OSError):
        while True:
            near, _ = server.accept()
            with near, suppress(OSError):
                near.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 100)
                near.recv(100)


def _tried(client: TestClient, kind: str, url: str, **values: Any) -> Any:
    body = {"kind": kind, "name": "tried", "base_url": url, "allow_private": True, **values}
    body["auth"] = {"kind": "basic", "user": "u", "password": CANARY}
    made = client.post("connections", json=body)
    assert made.status_code == 201, made.text
    found = client.post(f"connections/{made.json()['id']}/test")
    client.delete(f"connections/{made.json()['id']}")
    assert "canary" not in found.text
    assert not found.json()["ok"]
    return found.json()


def test_addresses_are_checked_by_their_kind(client: TestClient) -> None:
    for kind, wrong in (
        ("postgresql", "http://db.example:5432"),
        ("postgresql", "postgresql:///shop"),
        ("postgresql", "postgresql://a,b/shop"),
        ("postgresql", "postgresql://%2Ftmp/shop"),
        ("postgresql", "postgresql://u:p@db.example/shop"),
        ("postgresql", "postgresql://db.example/shop?options=-c%20x"),
        ("mysql", "postgresql://db.example"),
        ("redis", "redis://host:99999"),
        ("redis", "unix:///run/redis.sock"),
        ("prometheus", "redis://host"),
    ):
        body = {"kind": kind, "name": "wrong", "base_url": wrong}
        assert client.post("connections", json=body).status_code == 422, wrong
    body = {"kind": "redis", "name": "bound", "base_url": "redis://a.example"}
    auth = {"kind": "basic", "user": "u", "password": CANARY}
    made = client.post("connections", json={**body, "auth": auth}).json()
    moved = client.patch(f"connections/{made['id']}", json={"base_url": "redis://b.example"})
    assert (moved.status_code, moved.json()["code"]) == (422, "key_needed")
    assert client.patch(f"connections/{made['id']}", json={"base_url": "redis://a.example/3"}).status_code == 200
    client.delete(f"connections/{made['id']}")
    assert os.environ.get("PGPASSWORD") is None
