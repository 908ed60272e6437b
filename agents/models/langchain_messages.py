"""Messages and tools as LangChain takes them. Importing this imports LangChain, which takes a second."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from agents.messages.parts import ImagePart, Message, TextPart, ToolCall, ToolResult


def to_langchain(messages: Sequence[Message]) -> list[BaseMessage]:
    """The messages of a request; each result of a tool is one of its own there."""
    return [made for message in messages for made in _made(message)]


def _made(message: Message) -> Iterator[BaseMessage]:
    match message.role:
        case "system":
            yield SystemMessage(message.text)
        case "user":
            yield HumanMessage(_content(message))
        case "assistant":
            calls = [_call(call) for call in message.tool_calls]
            yield AIMessage(
                message.text,
                tool_calls=[call for call in calls if isinstance(call["args"], dict)],
                invalid_tool_calls=[{**call, "error": None} for call in calls if isinstance(call["args"], str)],
            )
        case "tool":
            for part in message.parts:
                if isinstance(part, ToolResult):
                    status = "error" if part.is_error else "success"
                    yield ToolMessage(part.content, tool_call_id=part.call_id, status=status)


def _content(message: Message) -> Any:
    if not any(isinstance(part, ImagePart) for part in message.parts):
        return message.text
    return [_part(part) for part in message.parts if isinstance(part, TextPart | ImagePart)]


def _part(part: TextPart | ImagePart) -> dict[str, str]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    return {"type": "image", "base64": part.data, "mime_type": part.media_type}


def _call(call: ToolCall) -> dict[str, Any]:
    """With its arguments as an object; as the text they are where they are none."""
    try:
        arguments = json.loads(call.arguments)
    except (ValueError, RecursionError):
        arguments = None
    return {"id": call.id, "name": call.name, "args": arguments if isinstance(arguments, dict) else call.arguments}
