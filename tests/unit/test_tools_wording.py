"""What the interface says of the tools that come with the product: of each of them, and what it is."""

from __future__ import annotations

from types import ModuleType
from typing import Any, cast

import pytest

from agents.scheduler.code_tool import CodeTool
from agents.tools.builtin import (
    add_document,
    current_time,
    delete_document,
    list_documents,
    open_passage,
    search_knowledge_base,
)
from agents.tools.ports import ToolSpec
from agents.tools.web import WebPageTool
from frontend.language import load_texts

BUILT_IN: list[ModuleType] = [
    add_document, current_time, delete_document, list_documents, open_passage, search_knowledge_base,
]  # fmt: skip


class NoLanguages:
    languages: tuple[str, ...] = ()


SPECS: list[ToolSpec] = [
    *(each.SPEC for each in BUILT_IN),
    WebPageTool(client=cast(Any, None)).spec,
    CodeTool(runner=cast(Any, NoLanguages())).spec,
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_tool_of_ours_is_described_in_both_languages_and_as_it_is(spec: ToolSpec) -> None:
    english, chinese = load_texts("en"), load_texts("zh")
    told = {f"tool_about.{spec.name}": spec.description}
    for name, schema in spec.parameters["properties"].items():
        if "description" in schema:
            told[f"tool_argument.{spec.name}.{name}"] = schema["description"]
    assert {key: english.get(key) for key in told} == told
    assert told.keys() <= chinese.keys()
    assert spec.title_zh
