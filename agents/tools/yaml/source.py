"""Toolsets and documents made into tools, over the connections there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.tools.http.client import HttpClient
from agents.tools.ports import Tool
from agents.tools.yaml.compiled import Compiled
from agents.tools.yaml.http_tool import HttpTool, OpenEndpoint, http_spec
from knowledge.types import Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolsetSource:
    """Tools over these connections (names to ids). Without one they are listed, with the reason why they cannot be
    called."""

    name: str
    made: Sequence[Compiled]
    client: HttpClient
    connections: Mapping[str, str]
    open_endpoint: OpenEndpoint

    def tools(self, scope: Scope) -> Sequence[Tool]:
        """Every tool of it."""
        reason = "" if self.connections else "It has no connection to its platform: make one, and choose it."
        return [
            HttpTool(
                spec=http_spec(each, source=self.name, connections=self.connections, reason=reason),
                tool=each,
                client=self.client,
                connections=self.connections,
                open_endpoint=self.open_endpoint,
            )
            for each in self.made
        ]
