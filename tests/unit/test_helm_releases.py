"""Releases of Helm are read from secrets as Helm writes them, within bounds, and without what is secret in them."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from agents.errors import ToolsetInvalid
from agents.tools.platforms.etcd import read_keys
from agents.tools.platforms.helm import (
    MOST_BYTES,
    masked_manifest,
    masked_values,
    read_history,
    read_release,
    read_releases,
)

CANARY = "canary-91d0-value"
MANIFEST = f"""---
# Source: shop/templates/secret.yaml
apiVersion: v1
kind: Secret
metadata:
  name: shop
stringData:
  url: postgres://shop:{CANARY}@db/shop
  tls.crt: |
    {CANARY}
data:
  password: {CANARY}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
spec:
  template:
    spec:
      containers:
        - name: app
          image: shop:1.2
          env:
            - name: DB_PASSWORD
              value: "{CANARY}"
            - name: LEVEL
              value: info
            - name: FROM_ELSEWHERE
              valueFrom:
                secretKeyRef:
                  name: shop
                  key: password
          args: ["--dsn=postgres://a:{CANARY}@db"]
---
kind: ConfigMap
data:
  password: |
    {CANARY}
    {CANARY}
  app.properties: |
    db.password={CANARY}
    db.host=db
  other: kept
"""


def secret(revision: int, status: str = "deployed", name: str = "shop", **more: Any) -> dict[str, Any]:
    release = {
        "name": name,
        "version": revision,
        "info": {
            "status": status,
            "last_deployed": "2026-01-02T03:04:05Z",
            "description": "Upgrade complete",
            "notes": "hi",
        },
        "chart": {
            "metadata": {"name": "shop", "version": f"1.{revision}", "appVersion": "9"},
            "values": {"replicas": 1, "db": {"host": "db", "password": CANARY}},
        },
        "config": {"replicas": revision, "apiToken": CANARY, "env": [{"name": "SECRET_KEY", "value": CANARY}]},
        "manifest": MANIFEST,
        **more,
    }
    content = base64.b64encode(gzip.compress(json.dumps(release).encode()))
    labels = {"owner": "helm", "name": name, "version": str(revision), "status": status}
    metadata = {"namespace": "prod", "labels": labels, "creationTimestamp": "2026-01-02T03:04:05Z"}
    return {"metadata": metadata, "data": {"release": base64.b64encode(content).decode()}}


def test_releases_are_told_by_their_newest_revision() -> None:
    answer = {"items": [secret(1, "superseded"), secret(12), secret(2, "superseded"), secret(3, name="other")]}
    assert [(each["name"], each["revision"], each["status"]) for each in read_releases(answer)] == [
        ("other", 3, "deployed"),
        ("shop", 12, "deployed"),
    ]
    history = read_history(answer)
    assert [each["revision"] for each in history] == [12, 3, 2, 1]
    assert (history[0]["chart"], history[0]["description"]) == ("shop-1.12", "Upgrade complete")


def test_a_release_is_shown_without_its_secrets() -> None:
    found = read_release({"items": [secret(1), secret(2)]})
    assert "canary" not in json.dumps(found)
    assert found["values"] == {"replicas": 2, "apiToken": "•••", "env": [{"name": "SECRET_KEY", "value": "•••"}]}
    assert found["all_values"]["db"] == {"host": "db", "password": "•••"}
    manifest = found["manifest"]
    for kept in ("image: shop:1.2", "name: shop", "value: info", "key: password", "other: kept", "db.host=db"):
        assert kept in manifest
    assert manifest.count("kind:") == 3
    assert masked_values({"enabled": True, "passwordPath": "/x", "existingSecret": "s", "auth": {"password": 5}}) == {
        "enabled": True,
        "passwordPath": "/x",
        "existingSecret": "s",
        "auth": {"password": "•••"},
    }


@pytest.mark.parametrize("coded", [
    None, "", "!", base64.b64encode(b"x").decode(), base64.b64encode(base64.b64encode(b"[")).decode(),
    base64.b64encode(base64.b64encode(gzip.compress(b" " * (MOST_BYTES + 10)))).decode(),
    base64.b64encode(base64.b64encode(gzip.compress(b"{}")[:-9])).decode(),
    base64.b64encode(base64.b64encode(b"[" * 100_000)).decode(),
], ids=["none", "empty", "no base64", "coded once", "not packed", "too large", "cut off", "deep"])  # fmt: skip
def test_what_is_no_release_is_named(coded: Any) -> None:
    with pytest.raises(ToolsetInvalid):
        read_release({"items": [{"metadata": {}, "data": {"release": coded}}]})


def test_answers_of_another_shape_are_named_or_empty() -> None:
    for answer in (None, [], {"items": {}}, 5):
        with pytest.raises(ToolsetInvalid):
            read_releases(answer)
    with pytest.raises(ToolsetInvalid, match="no such release"):
        read_release({"items": []})
    assert read_release({"items": [secret(1, config=5, chart=[], info=None, hooks=None)]})["values"] == 5
    assert read_keys({"kvs": [{"key": "!", "value": 5}, 3]})["keys"][0]["key"] == ""
    assert masked_manifest("") == ""
