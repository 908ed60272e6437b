"""Toolsets and documents made into tools, over the connections there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agents.tools.commands.allowed import AllowedCommands
from agents.tools.commands.tool import CommandTool
from agents.tools.http.client import HttpClient
from agents.tools.ports import Tool, ToolSpec
from agents.tools.redis.tool import RedisTool
from agents.tools.sql.tool import SqlTool
from agents.tools.yaml.compiled import Compiled
from agents.tools.yaml.http_tool import HttpTool, spec_of
from agents.tools.yaml.reach import OpenEndpoint, Reach
from knowledge.types import Scope

_UNCONNECTED = "It has no connection to its platform: make one, and choose it."


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolsetSource:
    """Tools over these connections (names to ids). Those that cannot be called are listed, with the reason."""

    name: str
    made: Sequence[Compiled]
    client: HttpClient
    connections: Mapping[str, str]
    open_endpoint: OpenEndpoint
    commands: AllowedCommands = field(default_factory=AllowedCommands)

    def tools(self, scope: Scope) -> Sequence[Tool]:
        """Every tool of it."""
        reach = Reach(connections=self.connections, open_endpoint=self.open_endpoint)
        return [self._tool(each, reach) for each in self.made]

    def _tool(self, tool: Compiled, reach: Reach) -> Tool:
        if tool.definition.command is not None:
            reason = self.commands.reason_against(tool.definition.command)
            spec = spec_of(tool, source=self.name, connections={}, reason=reason)
            return CommandTool(spec=spec, tool=tool, commands=self.commands)
        kind = self._kind(tool)
        return kind(spec=self._spec(tool), tool=tool, client=self.client, reach=reach)

    def _spec(self, tool: Compiled) -> ToolSpec:
        reason = "" if self.connections else _UNCONNECTED
        return spec_of(tool, source=self.name, connections=self.connections, reason=reason)

    def _kind(self, tool: Compiled) -> type[HttpTool] | type[SqlTool] | type[RedisTool]:
        if tool.definition.statement is not None:
            return SqlTool
        return RedisTool if tool.definition.operation else HttpTool
