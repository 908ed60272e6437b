"""The kinds of connections: one for each platform whose tools ship, and what they need for a form."""

from __future__ import annotations

from typing import Any

from agents.tools.yaml.definition import Words
from agents.tools.yaml.loading import platforms, toolsets_of
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
            "tools": tools_of(kind),
        }
        for kind, toolset in platforms().items()
    ]
    found.append(_MCP)
    return sorted(found, key=lambda each: (each["kind"] == "http", each["kind"]))


_MCP = {
    "kind": MCP,
    "title": {"en": "MCP server", "zh": "MCP 服务器"},
    "description": {
        "en": "Tools of a server that speaks the Model Context Protocol over HTTP; add a tool source for it.",
        "zh": "通过 streamable HTTP 使用 Model Context Protocol 的服务器的工具；连接后还需添加工具来源。",
    },
    "permissions": {"en": "Whatever its tools need.", "zh": "取决于它的工具。"},
    "example_url": "https://mcp.example.com/mcp",
    "auth": list(AUTH_FIELDS),
    "secrets": {},
    "tools": 0,
}


def probe_of(kind: str) -> str:
    """The path that tells whether a connection of this kind works."""
    toolset = platforms().get(kind)
    return toolset.probe if toolset is not None else ""


def tools_of(kind: str) -> int:
    """How many tools a connection of this kind switches on."""
    return sum(len(toolset.tools) for toolset in toolsets_of(kind))


def _words(words: Words | None, otherwise: str = "") -> dict[str, str]:
    if words is None:
        return {"en": otherwise, "zh": otherwise}
    return {"en": words.en, "zh": words.zh or words.en}
