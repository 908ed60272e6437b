"""A tool of an MCP server: what it was when somebody looked at it, and no call when it has become something else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from agents.errors import ToolFailed
from agents.events import Risk
from agents.tools.mcp.ports import OpenSession
from agents.tools.openapi.naming import tool_name
from agents.tools.openapi.schemas import shortened, size_of
from agents.tools.ports import ToolContext, ToolOutput, ToolSpec

_LARGEST_SCHEMA = 24_000


def records_of(said: Sequence[Mapping[str, Any]], prefix: str, *, trusted: bool) -> Iterator[dict[str, Any]]:
    """Records of a server's tools, that can be stored. Hints count for nothing unless the server is trusted."""
    taken: set[str] = set()
    for each in said:
        original, schema = each.get("name"), each.get("inputSchema")
        if not isinstance(original, str) or not 0 < len(original) <= 200 or not _is_schema(schema):
            continue
        name = tool_name(prefix, original, "MCP", original, taken)
        if name in taken:
            continue
        taken.add(name)
        yield {
            "name": name,
            "method": "MCP",
            "path": original,
            "title": shortened(str(each.get("title") or original), 120),
            "description": shortened(str(each.get("description") or original), 1_000),
            "schema": schema,
            "said": each.get("description"),
            "risk": _risk(each.get("annotations")) if trusted else "unknown",
            "on": False,
        }


def _is_schema(schema: Any) -> bool:
    is_object = isinstance(schema, Mapping) and schema.get("type") == "object"
    return is_object and isinstance(schema.get("properties", {}), Mapping) and size_of(schema) <= _LARGEST_SCHEMA


def _risk(hints: Any) -> Risk:
    hints = hints if isinstance(hints, Mapping) else {}
    if hints.get("readOnlyHint") is True:
        return "read"
    return "write" if hints.get("destructiveHint") is False else "destructive"


def mcp_spec(record: Mapping[str, Any], *, source: str, risk: str) -> ToolSpec:
    """What is known of the tool."""
    return ToolSpec(
        name=record["name"],
        title=record["title"],
        description=record["description"],
        parameters={"properties": {}, **record["schema"]},
        risk=cast(Risk, risk),
        source=source,
        timeout_s=60.0,
        open_world=True,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class McpTool:
    """Calls a tool of a server, in a session of its own."""

    spec: ToolSpec
    record: Mapping[str, Any]
    open_session: OpenSession

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        """What the server says. Raises ToolFailed, also when the tool is no longer what somebody looked at."""
        async with self.open_session() as session:
            self._check(await session.tools())
            result = await session.call(self.record["path"], arguments)
        text = "\n".join(_texts(result.get("content")))
        data = result.get("structuredContent")
        if result.get("isError") is True:
            raise ToolFailed(f"{self.spec.name} failed: {text[:4_000] or 'the server does not say why.'}")
        if not text and data is not None:
            text = json.dumps(data, ensure_ascii=False)
        return ToolOutput(text=text or "(nothing)", data=data)

    def _check(self, said: Sequence[Mapping[str, Any]]) -> None:
        now = next((each for each in said if each.get("name") == self.record["path"]), None)
        if now is None:
            raise ToolFailed(f"The MCP server has no tool {self.record['path']!r} any more.")
        if now.get("inputSchema") != self.record["schema"] or now.get("description") != self.record["said"]:
            raise ToolFailed(
                f"The MCP server has changed {self.record['path']!r} since it was switched on. It is not called until "
                "an operator has read the source again and looked at the difference."
            )


def _texts(content: Any) -> Iterator[str]:
    for each in content if isinstance(content, list) else ():
        kind = each.get("type") if isinstance(each, Mapping) else None
        if kind == "text":
            yield str(each.get("text") or "")
        elif kind == "resource" and isinstance(each.get("resource"), Mapping):
            yield str(each["resource"].get("text") or f"({each['resource'].get('uri')})")
        elif kind:
            yield f"({kind} left out)"
