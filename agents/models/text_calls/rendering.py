"""Tools, calls and results as text, for a model that knows no protocol for them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from agents.messages.parts import ImagePart, Message, Part, Role, TextPart, ToolCall, ToolResult
from agents.models.text_calls.parsing import ParsedText
from agents.ports import ModelOptions, ToolDefinition

_INTRODUCTION = """You can call tools. To call one, end your message with exactly these two lines and stop there:

Action: the name of the tool
Action Input: its arguments as one JSON object

What it comes to is then given to you as an Observation; never write one yourself. One call at a time. When you need no
(more) tool, write your answer as ordinary text, without these lines.

The tools, each with the JSON Schema of its arguments:
"""
_REQUIRED = "You must call a tool now."
_REQUIRED_ONE = "You must call the tool {name} now."
_REPAIR = """Your call could not be read. {problem}

Write the call again, nothing else, exactly like this:

Action: {name}
Action Input: {example}"""


def rendered_messages(
    messages: Sequence[Message], tools: Sequence[ToolDefinition], options: ModelOptions | None
) -> list[Message]:
    """The conversation in text alone: tools in the system's message, calls as the model writes them, results as
    observations of the user's. Neighbours of one role are one message, as many endpoints insist."""
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    plain = [Message(role=_role(message), parts=tuple(_parts(message, names))) for message in messages]
    if tools:
        rules = _rules(tools, options)
        if plain and plain[0].role == "system":
            plain[0] = Message.of("system", f"{plain[0].text}\n\n{rules}")
        else:
            plain.insert(0, Message.of("system", rules))
    return list(_merged(plain))


def repair_message(parsed: ParsedText, tools: Sequence[ToolDefinition]) -> Message:
    """What a model is told whose call cannot be read."""
    broken = next(call for call in parsed.calls if call.arguments is None)
    schema = next((tool.parameters for tool in tools if tool.name == broken.name), {})
    text = _REPAIR.format(problem=parsed.problem[:500], name=broken.name, example=_example(schema))
    return Message.of("user", text)


def _rules(tools: Sequence[ToolDefinition], options: ModelOptions | None) -> str:
    told = [f"- {tool.name}: {tool.description}\n  {_json(tool.parameters)}" for tool in tools]
    choice = options.tool_choice if options is not None else None
    if choice == "required":
        told.append(_REQUIRED)
    elif choice not in (None, "auto", "none"):
        told.append(_REQUIRED_ONE.format(name=choice))
    return _INTRODUCTION + "\n" + "\n".join(told)


def _example(schema: Mapping[str, object]) -> str:
    properties = schema.get("properties")
    required = schema.get("required")
    names = [str(name) for name in required] if isinstance(required, list | tuple) else []
    if not names and isinstance(properties, Mapping):
        names = [str(name) for name in list(properties)[:1]]
    return _json(dict.fromkeys(names, "…"))


def _role(message: Message) -> Role:
    return "user" if message.role == "tool" else message.role


def _parts(message: Message, names: Mapping[str, str]) -> Iterator[Part]:
    for part in message.parts:
        match part:
            case ToolCall():
                yield TextPart(text=f"\n\nAction: {part.name}\nAction Input: {part.arguments}")
            case ToolResult():
                failed = ", which failed" if part.is_error else ""
                yield TextPart(text=f"Observation of {names.get(part.call_id, 'a tool')}{failed}:\n{part.content}\n\n")
            case _:
                yield part


def _merged(messages: Sequence[Message]) -> Iterator[Message]:
    """Neighbours of one role as one message, their texts apart."""
    pending: Message | None = None
    for message in messages:
        if pending is not None and pending.role == message.role:
            pending = Message(role=pending.role, parts=(*pending.parts, TextPart(text="\n\n"), *message.parts))
        else:
            if pending is not None:
                yield _plain(pending)
            pending = message
    if pending is not None:
        yield _plain(pending)


def _plain(message: Message) -> Message:
    """Texts side by side as one part, so that what needs no picture is sent as text."""
    if any(isinstance(part, ImagePart) for part in message.parts):
        return message
    return Message.of(message.role, message.text.strip())


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=dict)
