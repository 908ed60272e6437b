"""Toolsets made into tools: those that ship, for the connections there are, and those that an operator wrote."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from agents.tools.http.client import HttpClient
from agents.tools.ports import Tool
from agents.tools.yaml.compiled import Compiled, compiled
from agents.tools.yaml.definition import Toolset
from agents.tools.yaml.http_tool import HttpTool, OpenEndpoint, http_spec
from knowledge.types import Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolsetSource:
    """The tools of one toolset over these connections (names to ids). Without one they are listed, with the reason why
    they cannot be called."""

    name: str
    toolset: Toolset
    client: HttpClient
    connections: Mapping[str, str]
    open_endpoint: OpenEndpoint
    off: frozenset[str] = frozenset()

    def tools(self, scope: Scope) -> Sequence[Tool]:
        """The tools that are not switched off."""
        reason = "" if self.connections else f"There is no connection of kind {self.toolset.kind}: make one."
        return [self._tool(each, reason) for each in _compiled(self.toolset) if each.definition.name not in self.off]

    def _tool(self, tool: Compiled, reason: str) -> Tool:
        return HttpTool(
            spec=http_spec(tool, source=self.name, connections=self.connections, reason=reason),
            tool=tool,
            client=self.client,
            connections=self.connections,
            open_endpoint=self.open_endpoint,
        )


def _compiled(toolset: Toolset) -> Iterable[Compiled]:
    return _remembered(toolset.model_dump_json(by_alias=True))


@lru_cache(maxsize=200)
def _remembered(toolset: str) -> tuple[Compiled, ...]:
    return tuple(compiled(tool) for tool in Toolset.model_validate_json(toolset).tools)
