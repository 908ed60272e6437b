"""`tools list|search|call` as a script uses them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from backend.accounts.guard import LOCAL
from backend.cli import app
from backend.cli.opening import opened
from knowledge.storage.bases import KnowledgeBaseStore


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATBOT_DATA_DIR", str(tmp_path / "data"))


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["tools", *words], env={"COLUMNS": "200"})


def test_tools_are_listed_found_and_called() -> None:
    with opened() as container, container.database.write() as connection:
        KnowledgeBaseStore(connection, LOCAL).create("docs", embedders=["minilm"])
    found = json.loads(run("search", "delete a document", "--json").stdout)["items"]
    assert (found[0]["name"], found[0]["policy"]) == ("delete_document", "ask_twice")

    document = json.dumps({"path": "a.md", "text": "# A"})
    asked = run("call", "add_document", document)
    assert asked.exit_code == 1
    assert "--yes approves it beforehand" in asked.output
    assert json.loads(run("call", "add_document", document, "--yes", "--json").stdout)["status"] == "succeeded"
    assert "a.md" in run("call", "list_documents", "--kb", "docs").stdout
