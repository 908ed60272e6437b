"""The guide says what is true of phases: its examples are read, every key and every built-in phase is in it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from agents.phases.builtin import BUILT_IN, built_in_definition
from agents.phases.checking import results_of
from agents.phases.definition import ChainDefinition, PhaseDefinition, Retrieval
from agents.phases.explaining import KINDS
from agents.phases.phase import Requirement
from agents.phases.reading import read

GUIDE = Path(__file__).parents[2] / "docs" / "guide"


def page(language: str, name: str) -> str:
    return (GUIDE / language / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_examples_are_phases_and_every_key_is_explained(language: str) -> None:
    text = page(language, "modes-yaml")
    examples = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert examples
    for each in examples:
        assert [str(found) for found in read(each).findings] == []
    models = (PhaseDefinition, ChainDefinition, Retrieval, *KINDS.values())
    named = {key for model in models for key in model.model_fields} | set(KINDS) | set(Requirement.__args__)  # type: ignore[attr-defined]
    assert {key for key in named if not re.search(rf"\b{key}\b", text)} == set()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_built_in_phase_has_an_example(language: str) -> None:
    titles = [built_in_definition(name).title for name in BUILT_IN]
    headings = re.findall(r"^## (.*)$", page(language, "modes-built-in"), re.MULTILINE)
    wanted = [each.zh if language == "zh" else each.en for each in titles]
    assert [re.split(r"[ （]*\(?`", heading)[0].strip(" （(") for heading in headings] == wanted
    assert re.findall(r"`(\w+)`\s*[)）]?$", "\n".join(headings), re.MULTILINE) == list(BUILT_IN)
    assert page(language, "modes-built-in").count("\n> ") == len(BUILT_IN)


def test_results_of_every_kind_are_in_the_guide() -> None:
    text = page("en", "modes-yaml")
    for name in BUILT_IN:
        for agent in built_in_definition(name).agents.values():
            if agent.kind != "selector":
                assert all(f"`{result}`" in text for result in results_of(agent) or ())


def test_every_code_has_words_in_both_languages() -> None:
    root = GUIDE.parents[1]
    sources = [*(root / "agents" / "phases").glob("*.py"), root / "backend" / "phases" / "writing.py"]
    told = re.compile(r'(?:code="|_(?:finding|Refused)\([^"()]*(?:\([^()]*\)[^"()]*)*, ")([a-z_]+)"')
    codes = {code for source in sources for code in told.findall(source.read_text(encoding="utf-8"))}
    assert {"circle", "yaml_syntax", "unknown_key", "name_changed", "alias"} <= codes
    for language in ("en", "zh"):
        texts = json.loads((root / "frontend" / "texts" / f"{language}.json").read_text(encoding="utf-8"))
        assert {code for code in codes if f"phase_finding.{code}" not in texts} == set()
