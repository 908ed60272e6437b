"""The tools of Helm on a replayed Kubernetes: what they ask for, and that nothing secret comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.api_client import api_client
from tests.platform_server import Reply, platform_server
from tests.unit.test_helm_releases import secret


def test_releases_are_read_from_a_cluster(tmp_path: Path) -> None:
    with api_client(tmp_path) as client, platform_server() as cluster:
        body = {"kind": "kubernetes", "name": "k", "base_url": cluster.url, "allow_private": True}
        body["auth"] = {"kind": "bearer", "token": "canary-91d0-token"}
        assert client.post("connections", json=body).status_code == 201
        revisions = [secret(1, "superseded"), secret(2)]
        cluster.answers["/api/v1/namespaces/prod/secrets"] = Reply(body={"items": revisions})
        cluster.answers["/api/v1/secrets"] = Reply(body={"items": revisions})

        def call(name: str, **arguments: Any) -> Any:
            answer = client.post(f"tools/{name}/calls", json={"arguments": arguments})
            assert answer.status_code == 200, answer.text
            assert "canary" not in answer.text
            return answer.json()

        releases = call("helm_releases")
        assert releases["data"]["rows"] == [["prod", "shop", "2", "deployed", "2026-01-02T03:04:05Z"]]
        assert "PartialObjectMetadataList" in cluster.last.headers["accept"]
        assert cluster.last.query["fieldSelector"] == "type=helm.sh/release.v1"
        history = call("helm_history", namespace="prod", release="shop")
        assert [row[0] for row in history["data"]["rows"]] == ["2", "1"]
        assert cluster.last.query["labelSelector"] == "owner=helm,name=shop"
        values = call("helm_values", namespace="prod", release="shop", revision=1)
        assert cluster.last.query["labelSelector"] == "owner=helm,name=shop,version=1"
        assert values["data"]["values"]["apiToken"] == "•••"
        assert "manifest" not in values["data"]
        assert "image: shop:1.2" in call("helm_manifest", namespace="prod", release="shop")["output"]
        assert call("helm_notes", namespace="prod", release="shop")["output"].endswith("hi")
        cluster.answers["/api/v1/namespaces/prod/secrets"] = Reply(body={"items": []})
        assert "no such release" in call("helm_notes", namespace="prod", release="gone")["output"]
        cluster.answers["/api/v1/secrets"] = Reply(status=403, body={"message": "secrets is forbidden"})
        assert "secrets is forbidden" in call("helm_releases")["output"]
        assert "canary" not in client.get("audit").text
