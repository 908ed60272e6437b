"""What a stranger brings is one thing of its own and one entry of a registry; everything else takes it as it is.

Phases, sources, engines of indexes and kinds of jobs have files of their own for this; here is the rest.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import frontend
from agents.tools.ports import ToolOutput
from backend.app import create_app
from backend.bootstrap import build
from backend.settings import Section, Settings
from knowledge.config import ParsingLimits
from knowledge.embedding.hashing import HashingEmbedder
from knowledge.parsing import formats, parse, supported
from knowledge.parsing.draft import Draft
from knowledge.splitting.splitter import split
from sandbox.images.recipe import debian_command, in_order, recipe_id
from sandbox.languages import LANGUAGES, Language, find_language
from tests.api_client import URL, events, new_thread
from tests.tools import FakeSource, FakeTool, spec

PAGES = Path(frontend.__file__).parent


def test_a_tool_of_a_new_source_is_listed_called_recorded_and_a_command(tmp_path: Path) -> None:
    """A kind of tools that is one class: `tools` of a scope. The composition is handed it, nothing else knows it."""
    tide = FakeTool(spec("tide_now", source="harbour", title="Tide"), output=ToolOutput(text="High water at six."))
    container = build(
        Settings(data_dir=tmp_path, default_embedders=("hashing",), sample_guide=False, sandbox={"adapter": "off"}),
        tool_sources=(FakeSource("harbour", [tide]),),
        embedders={"hashing": HashingEmbedder()},
        prepare=lambda: None,
    )
    with TestClient(create_app(container), base_url=f"{URL}/api/v1/", client=("127.0.0.1", 50_000)) as client:
        listed = {each["name"]: each for each in client.get("tools").json()["items"]}
        assert (listed["tide_now"]["source"], listed["tide_now"]["policy"]) == ("harbour", "allow")
        called = client.post("tools/tide_now/calls", json={"arguments": {"what": "Kiel"}}).json()
        assert (called["status"], called["output"]) == ("succeeded", "High water at six.")
        proposed = client.get("commands", params={"prefix": "/ti"}).json()["items"]
        assert [each["title"] for each in proposed] == ["Tide"]
        run = client.post(f"threads/{new_thread(client)}/runs", json={"input": "/tide_now Kiel"}).json()
        told = [(kind, data) for _, kind, data in events(client.get(f"runs/{run['id']}/events").text)]
        rows = client.get("audit").json()["items"]
    assert [(data["tool"], data["status"]) for kind, data in told if kind == "tool_finished"] == [
        ("tide_now", "succeeded")
    ]
    assert told[-1][0] == "run_finished"
    assert [row["tool"] for row in rows] == ["tide_now", "tide_now"]
    assert tide.calls == [{"what": "Kiel"}, {"what": "Kiel"}]


def test_a_language_of_the_sandbox_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    lua = Language(name="lua", program="lua5.4", file=lambda code: "main.lua", aliases=("l",), packages=("lua5.4",))
    without = recipe_id(["python", "shell"])
    monkeypatch.setitem(LANGUAGES, "lua", lua)  # type: ignore[misc] # the one line of the registry
    assert find_language("L") is lua
    assert in_order(["lua"]) == ("python", "shell", "lua")
    assert "lua5.4" in debian_command(Path("-"), ["lua"], "root")[-3].split("=", 1)[1].split(",")
    assert recipe_id(["python", "shell", "lua"]) != without, "another image"


def read_shout(text: str, name: str) -> Draft:
    """The reader of a format that only this test has."""
    return Draft(text=f"# {name}\n\n{text.upper()}")


def test_a_format_of_documents_is_one_entry_and_one_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.shout"
    file.write_text("the zebra grazes")
    assert not supported("a.shout")
    reader = formats.Reader(__name__, "read_shout", ("text", "name"))
    line = formats.Format(kind="shout", media_type="text/x-shout", reader=reader)
    monkeypatch.setitem(formats._BY_SUFFIX, ".shout", line)  # the one line of the registry
    assert supported("a.shout")
    document = parse(file, name="a.shout", limits=ParsingLimits())
    assert (document.text, document.media_type) == ("# a.shout\n\nTHE ZEBRA GRAZES", "text/x-shout")
    assert [chunk.heading_path for chunk in split(document)] == [("a.shout",)]


def test_a_page_is_a_file_a_line_and_its_title() -> None:
    """Each is named once where they are listed, and its title is in both languages; no other page need know it."""
    lines = [node for node in ast.walk(ast.parse((PAGES / "app.py").read_text())) if isinstance(node, ast.Call)]
    made = [each for each in lines if isinstance(each.func, ast.Attribute) and each.func.attr == "Page"]
    listed = [ast.literal_eval(each.args[0]) for each in made]
    assert sorted(listed) == sorted(f"app_pages/{each.name}" for each in (PAGES / "app_pages").glob("*.py"))
    for language in ("en", "zh"):
        texts = json.loads((PAGES / "texts" / f"{language}.json").read_text())
        assert all(texts[f"page.{Path(page).stem}"] for page in listed)


class HarbourSettings(Section):
    depth_m: float = 3.5


class WithHarbour(Settings):
    harbour: HarbourSettings = HarbourSettings()


def test_a_section_of_settings_is_a_class_and_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert WithHarbour().harbour.depth_m == 3.5
    monkeypatch.setenv("CHATBOT_HARBOUR__DEPTH_M", "12")
    assert WithHarbour().harbour.depth_m == 12
    monkeypatch.setenv("CHATBOT_HARBOUR__DEPTH_M", "deep")
    with pytest.raises(ValueError, match="depth_m"):
        WithHarbour()
