"""JSON that is nested too deeply for what walks through it afterwards is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agents.tools.bounded_json import DEEPEST, read_bounded_json


def nested(depth: int, opens: str, closes: str) -> str:
    return opens * depth + "1" + closes * depth


@pytest.mark.parametrize(("opens", "closes"), [("[", "]"), ('{"a":', "}"), ('[1,{"a":', "}]")])
def test_a_value_is_read_as_deep_as_it_may_be(opens: str, closes: str) -> None:
    levels = DEEPEST // opens.count("[") // 2 if "{" in opens and "[" in opens else DEEPEST
    read_bounded_json(nested(levels, opens, closes))
    for deeper in (levels + 1, 900, 100_000):
        with pytest.raises(ValueError, match="deeper than"):
            read_bounded_json(nested(deeper, opens, closes))


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, [[]] * 5, {"a": {"b": [1, {"c": None}]}}])
def test_anything_else_is_as_json_reads_it(value: Any) -> None:
    assert read_bounded_json(json.dumps(value)) == value
    assert read_bounded_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize("text", ["", "{", "x", b"\xff"])
def test_what_is_no_json_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- of the JSON parser, or of the encoding
        read_bounded_json(text)
