"""Server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Header
from starlette.responses import StreamingResponse

BEAT_SECONDS = 15.0
"""A comment line is sent after so much silence, so that proxies and readers know the stream lives."""

BEAT = b": still here\n\n"

LastEventId = Annotated[
    int,
    Header(alias="Last-Event-ID", ge=0, le=2**62, description="Go on after this event; 0 or nothing: from the first."),
]

EVENT: dict[str, Any] = {
    "type": "object",
    "description": "One event of the stream, its fields as text.",
    "required": ["data"],
    "properties": {"event": {"type": "string"}, "id": {"type": "string"}, "data": {"type": "string"}},
}

EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events: `event:` kind, `id:` sequence, JSON data, a comment line when silent.",
        "content": {"text/event-stream": {"schema": EVENT}},
    }
}


class EventStream(StreamingResponse):
    """A stream of server-sent events that no proxy may hold back."""

    media_type = "text/event-stream"

    def __init__(self, content: AsyncIterator[bytes], status_code: int = 200) -> None:
        super().__init__(content, status_code, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
