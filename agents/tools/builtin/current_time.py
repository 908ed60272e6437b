"""What time it is, which a model cannot know."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agents.errors import ToolFailed
from agents.tools.builtin.ports import BuiltinParts
from agents.tools.ports import Tool, ToolContext, ToolOutput, ToolSpec

SPEC = ToolSpec(
    name="current_time",
    title="Current time",
    title_zh="当前时间",
    description="The present date and time in UTC, or in a time zone such as Asia/Shanghai.",
    parameters={
        "type": "object",
        "properties": {"time_zone": {"type": "string", "maxLength": 60, "pattern": "^[A-Za-z0-9_+/-]+$"}},
        "additionalProperties": False,
    },
    risk="read",
)


class CurrentTime:
    """Tells the time of the server."""

    spec = SPEC

    def __init__(self, parts: BuiltinParts) -> None:
        self._now = parts.now

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        """The time in ISO 8601, with the day of the week."""
        moment = self._now().astimezone(_zone(arguments.get("time_zone", "")))
        text = f"{moment.isoformat(timespec='seconds')} ({moment:%A})"
        return ToolOutput(text=text, summary=text)


def make(parts: BuiltinParts) -> Tool:
    """The tool."""
    return CurrentTime(parts)


def _zone(name: str) -> Any:
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ToolFailed(f"There is no time zone {name!r}: write one such as Asia/Shanghai or Europe/Berlin.") from None
