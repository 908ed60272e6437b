"""Which connection a call means, whatever kind of tool it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agents.errors import ToolFailed
from agents.tools.http.endpoint import Endpoint

CONNECTION = "connection"
OpenEndpoint = Callable[[str], Awaitable[Endpoint]]
"""The endpoint of a connection's id. Raises ToolFailed when it cannot be opened any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """The connections of a tool: `connections` maps their names to their ids."""

    connections: Mapping[str, str]
    open_endpoint: OpenEndpoint

    async def endpoint(self, arguments: Mapping[str, Any]) -> Endpoint:
        """The one that the arguments name, or the only one. Raises ToolFailed."""
        return await self.open_endpoint(self._id(arguments.get(CONNECTION)))

    def _id(self, name: Any) -> str:
        if name is None and len(self.connections) == 1:
            return next(iter(self.connections.values()))
        if name not in self.connections:
            raise ToolFailed(f"connection is one of {', '.join(self.connections) or 'none that there is'}.")
        return self.connections[name]
