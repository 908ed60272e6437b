"""Arguments as they may be shown and stored: secrets in them are not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "•••"
_SECRET_NAME = re.compile(
    r"(?i)(?:^|[_.-])(?:password|passwd|passphrase|api[_-]?key|authorization|private[_-]?key|client[_-]?secret|"
    r"access[_-]?token|secret[_-]?key|bearer)$"
)
_DEEPEST = 40


def masked(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments, with a mask in place of each value that the schema marks as secret (`writeOnly`, `format:
    password`, at any depth) or whose name says that it is one."""
    shown = _masked(schema, arguments, schema, 0)
    return shown if isinstance(shown, dict) else {}


def _masked(schema: Any, value: Any, root: Mapping[str, Any], depth: int) -> Any:
    if depth > _DEEPEST:
        return MASK
    forms = _forms(schema, root)
    if any(form.get("writeOnly") is True or form.get("format") == "password" for form in forms):
        return MASK
    if isinstance(value, Mapping):
        return {
            str(name): MASK if _is_secret(name, each) else _member(forms, str(name), each, root, depth)
            for name, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [_items(forms, each, root, depth) for each in value]
    return value


def _is_secret(name: Any, value: Any) -> bool:
    return isinstance(value, str | int | float) and value != "" and _SECRET_NAME.search(str(name)[-100:]) is not None


def _member(forms: list[Mapping[str, Any]], name: str, value: Any, root: Mapping[str, Any], depth: int) -> Any:
    found = [
        part
        for form in forms
        for part in (_mapping(form.get("properties")).get(name), form.get("additionalProperties"))
        if isinstance(part, Mapping)
    ]
    return _masked({"allOf": found}, value, root, depth + 1)


def _items(forms: list[Mapping[str, Any]], value: Any, root: Mapping[str, Any], depth: int) -> Any:
    found = [part for form in forms for part in (form.get("items"), *(form.get("prefixItems") or ()))]
    return _masked({"allOf": [part for part in found if isinstance(part, Mapping)]}, value, root, depth + 1)


def _forms(schema: Any, root: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Every schema that may say something of the same value: the alternatives of it, and what it refers to."""
    found: list[Mapping[str, Any]] = []
    pending, seen = [schema], set[int]()
    while pending and len(found) < 200:
        each = pending.pop()
        if not isinstance(each, Mapping) or id(each) in seen:
            continue
        seen.add(id(each))
        found.append(each)
        for word in ("allOf", "anyOf", "oneOf"):
            pending.extend(each.get(word) or () if isinstance(each.get(word), list | tuple) else ())
        pending.extend(each.get(word) for word in ("then", "else", "if"))
        pending.append(_referred(each.get("$ref"), root))
    return found


def _referred(reference: Any, root: Mapping[str, Any]) -> Any:
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    found: Any = root
    for part in reference[1:].strip("/").split("/"):
        found = _mapping(found).get(part.replace("~1", "/").replace("~0", "~")) if part else found
    return found


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
