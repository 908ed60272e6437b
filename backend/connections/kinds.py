"""The kinds of connections: one for each platform whose tools ship, and what they need for a form."""

from __future__ import annotations

from typing import Any

from agents.tools.yaml.definition import Words
from agents.tools.yaml.loading import platforms
from backend.connections.auth import AUTH_FIELDS

MCP = "mcp"


def kinds() -> list[dict[str, Any]]:
    """The kinds in the order of their names, the generic ones last."""
    found = [
        {
            "kind": kind,
            "title": _words(toolset.title, kind),
            "description": _words(toolset.description),
            "permissions": _words(toolset.permissions),
            "example_url": toolset.example_url,
            "auth": toolset.auth or list(AUTH_FIELDS),
            "secrets": {name: _words(words) for name, words in toolset.secrets.items()},
            "tools": len(toolset.tools),
        }
        for kind, toolset in platforms().items()
    ]
    return sorted(found, key=lambda each: (each["kind"] == "http", each["kind"]))


def probe_of(kind: str) -> str:
    """The path that tells whether a connection of this kind works."""
    toolset = platforms().get(kind)
    return toolset.probe if toolset is not None else ""


def _words(words: Words | None, otherwise: str = "") -> dict[str, str]:
    if words is None:
        return {"en": otherwise, "zh": otherwise}
    return {"en": words.en, "zh": words.zh or words.en}
