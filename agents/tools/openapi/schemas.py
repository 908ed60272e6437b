"""JSON Schemas of arguments, cut to a size that a model can be given: recursion ends, what is too much is left open."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agents.tools.openapi.document import Document, Unresolved

_DEEPEST = 6
_MOST_NODES = 250
_MOST_PROPERTIES = 40
_LONGEST_TEXT = 240
_TYPES = frozenset(("string", "integer", "number", "boolean", "array", "object", "null"))
_NUMBERS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")


class SchemaMaker:
    """Makes schemas of one document's."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def make(self, schema: Any) -> dict[str, Any]:
        """A schema without references. What cannot be resolved, or is too deep or too much, allows anything."""
        return _Walk(self._document).walk(schema, 0)


class _Walk:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._nodes = 0

    def walk(self, schema: Any, depth: int) -> dict[str, Any]:
        self._nodes += 1
        if depth > _DEEPEST or self._nodes > _MOST_NODES:
            return {}
        try:
            found = self._document.resolve(schema)
        except Unresolved:
            return {}
        if not isinstance(found, Mapping):
            return {}
        made: dict[str, Any] = {}
        self._plain(found, made)
        self._composed(found, made, depth)
        if "array" in _listed(made.get("type")) or "items" in found:
            made["items"] = self.walk(found.get("items", {}), depth + 1)
        if "properties" in found or "additionalProperties" in found:
            self._members(found, made, depth)
        if "description" in made and not made["description"]:
            del made["description"]
        return made

    def _plain(self, found: Mapping[str, Any], made: dict[str, Any]) -> None:
        types = [each for each in _listed(found.get("type")) if each in _TYPES]
        if found.get("nullable") is True and types and "null" not in types:
            types.append("null")
        if types:
            made["type"] = types[0] if len(types) == 1 else types
        if found.get("description"):
            made["description"] = shortened(str(found["description"]))
        enum = found.get("enum")
        if (
            isinstance(enum, list)
            and 0 < len(enum) <= 100
            and all(isinstance(each, str | int | float) for each in enum)
        ):
            made["enum"] = [*enum, None] if "null" in types and None not in enum else list(enum)
        for name in _NUMBERS:
            value = found.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                made[name] = value
        default = found.get("default")
        if isinstance(default, str | int | float | bool) and len(str(default)) < 200:
            made["default"] = default
        if isinstance(found.get("format"), str) and found["format"] in (
            "date-time",
            "date",
            "uri",
            "email",
            "password",
        ):
            made["format"] = found["format"]
        if found.get("writeOnly") is True:
            made["writeOnly"] = True

    def _composed(self, found: Mapping[str, Any], made: dict[str, Any], depth: int) -> None:
        for part in _listed(found.get("allOf"))[:20]:
            inner = self.walk(part, depth + 1)
            made["properties"] = {**made.get("properties", {}), **inner.pop("properties", {})} or None
            made["required"] = [*made.get("required", []), *inner.pop("required", [])] or None
            for name in ("properties", "required"):
                if made[name] is None:
                    del made[name]
            for name, value in inner.items():
                made.setdefault(name, value)
        for word in ("anyOf", "oneOf"):
            parts = _listed(found.get(word))
            if parts:
                # `oneOf` of cut schemas may match twice: what matters to a caller is that one of them fits.
                made["anyOf"] = [self.walk(part, depth + 1) for part in parts[:10]]

    def _members(self, found: Mapping[str, Any], made: dict[str, Any], depth: int) -> None:
        made.setdefault("type", "object")
        properties = found.get("properties")
        properties = properties if isinstance(properties, Mapping) else {}
        required = [str(each) for each in _listed(found.get("required")) if each in properties]
        names = sorted(map(str, properties), key=lambda name: name not in required)[:_MOST_PROPERTIES]
        members = {
            name: self.walk(properties[name], depth + 1) for name in names if not _read_only(properties.get(name))
        }
        made["properties"] = {**made.get("properties", {}), **members}
        needed = [name for name in required if name in made["properties"]]
        if needed:
            made["required"] = list(dict.fromkeys([*made.get("required", []), *needed]))
        if found.get("additionalProperties") is False and len(properties) <= _MOST_PROPERTIES:
            made["additionalProperties"] = False


def _read_only(schema: Any) -> bool:
    return isinstance(schema, Mapping) and schema.get("readOnly") is True


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [] if value is None else [value]


def shortened(text: str, longest: int = _LONGEST_TEXT) -> str:
    """One line of a description, cut at a word."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1].rsplit(" ", 1)[0] + "…"


def size_of(schema: Mapping[str, Any]) -> int:
    """Its length as JSON."""
    return len(json.dumps(schema, ensure_ascii=False, default=str))
