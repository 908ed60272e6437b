"""Messages, tools and options as the OpenAI protocol spells them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from agents.messages.parts import ImagePart, Message, TextPart, ToolCall, ToolResult
from agents.ports import FinishReason, ModelOptions, ToolDefinition

_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}
_MODES = frozenset({"auto", "none", "required"})


def wire_messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The messages of a request; each result of a tool is one of its own there."""
    return [wired for message in messages for wired in _wired(message)]


def wire_tools(tools: Sequence[ToolDefinition]) -> list[dict[str, Any]]:
    """The tools of a request."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": dict(tool.parameters),
            },
        }
        for tool in tools
    ]


def wire_options(options: ModelOptions | None) -> dict[str, Any]:
    """The fields of a request that the options ask for."""
    if options is None:
        return {}
    wired: dict[str, Any] = {"temperature": options.temperature, "max_tokens": options.max_tokens}
    wired["stop"] = list(options.stop) or None
    wired["response_format"] = {"type": "json_object"} if options.json_mode else None
    wired["tool_choice"] = wire_tool_choice(options.tool_choice)
    return {name: value for name, value in wired.items() if value is not None}


def wire_tool_choice(choice: str | None) -> Any:
    """A mode as it is; the name of a tool as the protocol names it."""
    if choice is None or choice in _MODES:
        return choice
    return {"type": "function", "function": {"name": choice}}


def finish_reason(said: str | None) -> FinishReason:
    """Why the model stopped, as the endpoint said it."""
    return _REASONS.get(said or "", "unknown")


def _wired(message: Message) -> Iterator[dict[str, Any]]:
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    for result in results:
        yield {"role": "tool", "tool_call_id": result.call_id, "content": result.content}
    if results:
        return
    wired: dict[str, Any] = {"role": message.role, "content": _content(message)}
    if message.tool_calls:
        wired["tool_calls"] = [_call(call) for call in message.tool_calls]
        wired["content"] = wired["content"] or None
    yield wired


def _content(message: Message) -> str | list[dict[str, Any]]:
    # A string wherever it is text alone: many servers know nothing else.
    if not any(isinstance(part, ImagePart) for part in message.parts):
        return message.text
    return [_part(part) for part in message.parts if isinstance(part, TextPart | ImagePart)]


def _part(part: TextPart | ImagePart) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    return {"type": "image_url", "image_url": {"url": f"data:{part.media_type};base64,{part.data}"}}


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
