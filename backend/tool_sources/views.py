"""What people are shown of a source: how many tools it has, which are on, and what was refused."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from agents.errors import ToolsetInvalid
from backend.tool_sources.adapters import yaml_records
from backend.tool_sources.choices import Choices, fingerprint
from backend.tool_sources.commands import OPTION
from backend.tool_sources.store import StoredSource


def read(source: StoredSource, definition: str) -> tuple[Mapping[str, Any], str]:
    """The definition as `tools`, `refusals` and what is known besides; with what is wrong, if something is."""
    try:
        if source.kind == "yaml":
            return {"tools": yaml_records(definition)}, ""
        found: Mapping[str, Any] = json.loads(definition)
        return found, ""
    except (ToolsetInvalid, ValueError) as error:
        return {"tools": []}, str(error)


def summary(source: StoredSource, definition: str) -> dict[str, Any]:
    """What a list shows."""
    found, problem = read(source, definition)
    choices = Choices.of(source.options)
    states = [choices.state(each) for each in found["tools"]]
    return {
        "id": source.id,
        "kind": source.kind,
        "name": source.name,
        "connection_id": source.connection_id,
        "enabled": source.enabled,
        "title": found.get("title", ""),
        "base_path": found.get("base_path", ""),
        "tools": len(states),
        "on": states.count("on"),
        "changed": states.count("changed"),
        "refused": len(found.get("refusals", ())),
        "problem": problem,
        "command": source.options.get(OPTION),
    }


def tools(source: StoredSource, definition: str) -> list[dict[str, Any]]:
    """Every tool with its state."""
    found, _ = read(source, definition)
    choices = Choices.of(source.options)
    names = ("name", "method", "path", "title", "description")
    return [
        {**{name: each.get(name, "") for name in names}, "risk": choices.risk(each), "state": choices.state(each)}
        for each in found["tools"]
    ]


def decided(source: StoredSource, definition: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The options with these decisions. Raises KeyError for a tool that is not there."""
    found, _ = read(source, definition)
    records: Sequence[Mapping[str, Any]] = found["tools"]
    by_name = {each["name"]: each for each in records}
    choices = Choices.of(source.options)
    for name, choice in wanted.items():
        choices = choices.with_decision(by_name[name], choice.on, choice.risk)
    return {**source.options, **choices.as_options()}


def first_options(kind: str, definition: str, *, trusted: bool) -> dict[str, Any]:
    """What is decided by adding a source: of an MCP server, exactly the tools that it has now."""
    if kind != "mcp":
        return {}
    records = json.loads(definition)["tools"]
    return {"trusted": trusted, "on": {each["name"]: fingerprint(each) for each in records}}
