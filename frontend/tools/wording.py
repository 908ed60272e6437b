"""The tools that come with the product, in the language of the session; what others wrote is shown as they wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from frontend.session import texts
from frontend.views import Tool

OURS = frozenset({"builtin", "web"})
"""The sources whose descriptions the interface has texts for."""


def about(tool: Tool) -> str:
    """What a tool does."""
    return _known(tool.source, "tool_about", tool.name, tool.description)


def unavailable(tool: Tool) -> str:
    """Why a tool cannot be called; empty where it can."""
    return texts()("tools.is_off") if tool.setting == "off" else tool.reason


def parameters_in_words(name: str, source: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a tool's arguments with the descriptions that people read."""
    properties = parameters.get("properties")
    if source not in OURS or not isinstance(properties, Mapping):
        return dict(parameters)
    told = {each: _described(name, source, each, schema) for each, schema in properties.items()}
    return {**parameters, "properties": told}


def _described(name: str, source: str, argument: str, schema: Any) -> Any:
    if not isinstance(schema, Mapping) or not schema.get("description"):
        return schema
    described = _known(source, "tool_argument", f"{name}.{argument}", str(schema["description"]))
    return {**schema, "description": described}


def _known(source: str, group: str, name: str, written: str) -> str:
    known = texts().of(group, name)
    return written if source not in OURS or known == name else known
