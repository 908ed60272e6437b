"""`devops-chatbot tools add`, over a connection that was made before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backend.accounts.guard import LOCAL
from backend.bootstrap import build
from backend.cli import app
from backend.cli.opening import make_ready
from backend.connections.auth import parse_sign_in
from backend.connections.store import Connections
from backend.errors import Invalid
from backend.settings import Settings
from tests.platform_server import Reply, platform_server

TOOLSET = "name: shop\ntools: [{name: shop_orders, description: List orders., request: {path: /orders}}]"
DOCUMENT = {"openapi": "3.1.0", "paths": {"/orders": {"get": {"operationId": "listOrders"}, "post": {}}}}


def test_tools_are_added_and_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    monkeypatch.setenv("CHATBOT_DATA_DIR", str(data))
    monkeypatch.setenv("CHATBOT_SAMPLE_GUIDE", "false")
    run = CliRunner()
    with platform_server() as platform:
        platform.answers["/orders"] = Reply(body=[{"id": 7}])
        settings = Settings(data_dir=data)
        make_ready(settings)
        container = build(settings)
        with container.database.write() as connection:
            Connections(connection, LOCAL, container.sealer).create(
                name="live",
                kind="http",
                base_url=platform.url,
                sign_in=parse_sign_in({}, {}),
                allow_private=True,
                timeout_s=5.0,
                concurrency=2,
                per_minute=600,
            )
        container.close()
        toolset, document = tmp_path / "shop.yaml", tmp_path / "api.json"
        toolset.write_text(TOOLSET)
        document.write_text(json.dumps(DOCUMENT))
        added = run.invoke(app, ["tools", "add", "shop", "--connection", "live", "--yaml", str(toolset)])
        assert "1 tools, 1 of them on" in added.output
        added = run.invoke(app, ["tools", "add", "api", "--connection", "live", "--openapi", str(document)])
        assert "2 tools, 1 of them on, 0 operations refused" in added.output
        called = run.invoke(app, ["tools", "call", "api_list_orders"])
        assert '"id": 7' in called.output
        wrong = run.invoke(app, ["tools", "add", "x", "--connection", "nothing", "--yaml", str(toolset)])
        assert isinstance(wrong.exception, Invalid)
        assert run.invoke(app, ["tools", "add", "x", "--connection", "live"]).exit_code == 2
