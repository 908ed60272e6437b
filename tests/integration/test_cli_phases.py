"""`phases list|check|show|schema` as a script uses them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agents.phases.builtin import BUILT_IN, built_in_text
from backend.accounts.guard import LOCAL
from backend.cli import app
from backend.cli.opening import opened
from backend.phases.store import PhaseStore


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATBOT_DATA_DIR", str(tmp_path / "data"))


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["phases", *words], env={"COLUMNS": "200"})


def test_phases_are_listed_with_what_is_missing_and_shown() -> None:
    mine = built_in_text("chat").replace("name: chat", "name: mine")
    with opened() as container, container.database.write() as connection:
        PhaseStore(connection, LOCAL).create("mine", mine)
    lines = run("list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [*BUILT_IN, "mine"]
    assert "[not now: It needs a language model" in lines[-1]
    listed = json.loads(run("list", "--json").stdout)
    assert (listed[-1]["built_in"], listed[-1]["version"], listed[-1]["available"]) == (False, 1, False)
    assert run("show", "mine").stdout == mine
    assert run("show", "answer", "--yaml").stdout == built_in_text("answer")
    assert run("show", "mine", "--mermaid").stdout.startswith("flowchart TD\n")
    assert run("show", "mine", "--mermaid", "--yaml").exit_code == 2
    assert run("show", "nobody").exit_code == 1


def test_a_file_is_checked_where_it_lies(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(built_in_text("chat"), encoding="utf-8")
    bad.write_text(built_in_text("chat").replace("kind: single", "kind: singel"), encoding="utf-8")
    done = run("check", str(good))
    assert (done.exit_code, done.stdout) == (0, "Nothing is wrong.\n")
    done = run("check", str(good), str(bad))
    line = built_in_text("chat").splitlines().index("    kind: single") + 1
    assert done.exit_code == 1
    assert done.stdout.startswith(f"{bad}:{line}:11: error: 'singel' is no kind of agent. Did you mean 'single'?")
    (finding,) = json.loads(run("check", "--json", str(bad)).stdout)
    assert (finding["file"], finding["line"], finding["code"]) == (str(bad), line, "unknown_kind")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    for missing in ("binary.yaml", "nowhere.yaml"):
        done = run("check", str(tmp_path / missing))
        assert done.exit_code == 1
        assert missing in str(done.exception)


def test_the_schema_is_printed_as_it_is_published() -> None:
    published = Path(__file__).parents[2] / "docs" / "schemas" / "phase.schema.json"
    assert run("schema").stdout == published.read_text(encoding="utf-8")
