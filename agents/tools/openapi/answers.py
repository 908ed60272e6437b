"""What a document says that an operation answers, and whether an answer is like that."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from agents.tools.openapi.document import Document, Operation, Unresolved
from agents.tools.openapi.schemas import SchemaMaker, size_of

_LARGEST = 1_200
_KEPT = ("type", "properties", "items", "required", "enum", "anyOf")
_MOST_TOLD = 3
_LONGEST_VALUE = 60


def answer_schema(document: Document, maker: SchemaMaker, operation: Operation) -> Mapping[str, Any] | None:
    """The schema of a good answer in JSON as far as it is short, null allowed everywhere: APIs seldom say where they
    answer it. None where nothing is described."""
    try:
        schema = _described(document, operation)
    except Unresolved:
        return None
    if not isinstance(schema, Mapping):
        return None
    whole = maker.make(schema)
    for deepest in (5, 3, 2, 1):
        made = _loosened(whole, deepest)
        if size_of(made) <= _LARGEST:
            return made or None
    return None


def differences(value: Any, schema: Mapping[str, Any]) -> list[str]:
    """Where an answer is not like its schema, at most three of them."""
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

    errors = Draft202012Validator(schema).iter_errors(value)
    return [_told(error) for error in islice(errors, _MOST_TOLD)]


def _described(document: Document, operation: Operation) -> Any:
    responses = document.resolve(operation.value.get("responses"))
    if not isinstance(responses, Mapping):
        return None
    good = sorted(str(code) for code in responses if str(code).upper() in ("200", "201", "202", "203", "206", "2XX"))
    response = document.resolve({str(code): each for code, each in responses.items()}[good[0]]) if good else None
    if not isinstance(response, Mapping):
        return None
    if document.major == 2:
        return response.get("schema")
    content = response.get("content")
    for media_type, entry in content.items() if isinstance(content, Mapping) else ():
        if str(media_type).partition(";")[0].strip().endswith("json") and isinstance(entry, Mapping):
            return entry.get("schema")
    return None


def _loosened(schema: Any, deepest: int) -> dict[str, Any]:
    """What can be checked of a schema; below so many levels anything goes."""
    if not isinstance(schema, Mapping) or deepest <= 0:
        return {}
    made: dict[str, Any] = {name: schema[name] for name in _KEPT if name in schema}
    if "type" in made:
        types = made["type"] if isinstance(made["type"], list) else [made["type"]]
        made["type"] = [*types, *(() if "null" in types else ("null",))]
    if "enum" in made and None not in made["enum"]:
        made["enum"] = [*made["enum"], None]
    if "properties" in made:
        members = {name: _loosened(each, deepest - 1) for name, each in made["properties"].items()}
        made["properties"] = {name: each for name, each in members.items() if each}
    if "items" in made:
        made["items"] = _loosened(made["items"], deepest - 1)
    if "anyOf" in made:
        made["anyOf"] = [_loosened(each, deepest - 1) for each in made["anyOf"]]
    return {name: value for name, value in made.items() if value not in ({}, [])}


def _told(error: Any) -> str:
    place = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in error.absolute_path)
    where = place.removeprefix(".")[:200] or "the answer"
    if error.validator == "required":
        missing = next((name for name in error.validator_value if name not in error.instance), "")
        return f"{where} lacks {missing}"
    shown = repr(error.instance)
    shown = shown if len(shown) <= _LONGEST_VALUE else f"{shown[:_LONGEST_VALUE]}…"
    if error.validator == "type":
        wanted = " or ".join(each for each in error.validator_value if each != "null")
        return f"{where} is {shown}, described as {wanted}"
    return f"{where} is {shown}, which is not described"
