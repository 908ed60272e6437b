"""A tool that is an operation on Redis."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from agents.errors import ToolFailed, ToolsetInvalid
from agents.tools.http.client import HttpClient
from agents.tools.http.failures import RequestFailed
from agents.tools.ports import ToolContext, ToolOutput, ToolSpec
from agents.tools.redis.operations import PERFORMED
from agents.tools.tcp.place import turn_at
from agents.tools.yaml.compiled import Compiled
from agents.tools.yaml.reach import Reach
from agents.tools.yaml.rendering import values_of
from agents.tools.yaml.shaping import shape
from knowledge.text.storable import storable_json


@dataclass(frozen=True, kw_only=True, slots=True)
class RedisTool:
    """Performs one operation over one of its connections."""

    spec: ToolSpec
    tool: Compiled
    client: HttpClient
    reach: Reach

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        """Raises ToolFailed with what was asked and what is wrong."""
        from agents.tools.redis.connection import opened  # loads a library that most processes never need

        endpoint = await self.reach.endpoint(arguments)
        line = self._line(arguments)
        async with turn_at(self.client, endpoint) as place:
            if place.scheme not in ("redis", "rediss"):
                raise RequestFailed("The address of this connection is none of Redis: write redis://host:6379.", "url")
            async with opened(place) as redis:
                found = await PERFORMED[self.tool.definition.operation](redis, self._values(arguments))
            text = place.masker.mask(json.dumps(storable_json(found), ensure_ascii=False, default=str))
        try:
            made = shape(self.tool.definition.result, json.loads(text), "")
        except ToolsetInvalid as error:
            raise ToolFailed(f"{line} was answered, but {error}") from None
        return replace(made, text=f"{line}\n{made.text}")

    async def preview(self, arguments: Mapping[str, Any]) -> str:
        """The operation and where it would be performed."""
        endpoint = await self.reach.endpoint(arguments)
        return f"{endpoint.base_url}\n{self._line(arguments)}"

    def _values(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        values = values_of(self.tool, arguments, time.time())
        return {name: value for name, value in values.items() if value is not None}

    def _line(self, arguments: Mapping[str, Any]) -> str:
        return f"{self.tool.definition.operation} {json.dumps(self._values(arguments), ensure_ascii=False)}"
