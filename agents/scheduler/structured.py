"""Answers of a certain shape: read from what a model wrote, checked, and asked for once more when they are not it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from agents.errors import ToolFailed
from agents.messages.parts import Message
from agents.scheduler.turns import Turn
from agents.tools.arguments import checked_arguments
from agents.tools.ports import ToolSpec

_REPAIR = {
    "en": "That cannot be used: {problem} Reply with nothing but one JSON object that meets this schema: {schema}",
    "zh": "无法使用这个回答：{problem} 只回复一个符合以下模式的 JSON 对象：{schema}",
}
_MOST_OPENINGS = 50


class NotOfShape(Exception):
    """What a model wrote holds no object of the shape that was asked for; says what is wrong."""


def read_object(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON object in what a model wrote, whatever stands around it. Raises NotOfShape."""
    spec = ToolSpec(name="answer", description="", parameters=schema, risk="read")
    problem = "There is no JSON object in it."
    for found in _objects(text):
        try:
            return checked_arguments(spec, found)
        except ToolFailed as error:
            problem = str(error)
    raise NotOfShape(problem)


async def ask_object(turn: Turn, messages: Sequence[Message], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The object that a model answers with; it is told once what was wrong. Raises NotOfShape."""
    asked = list(messages)
    said = await turn.ask(asked)
    try:
        return read_object(said.text, schema)
    except NotOfShape as error:
        language = "zh" if turn.work.language == "zh" else "en"
        repair = _REPAIR[language].format(problem=error, schema=json.dumps(schema, ensure_ascii=False))
    asked += [Message.of("assistant", said.text or "…"), Message.of("user", repair)]
    return read_object((await turn.ask(asked)).text, schema)


def _objects(text: str) -> list[dict[str, Any]]:
    """Every JSON object that stands in the text by itself, the outermost ones, in order."""
    decoder = json.JSONDecoder()
    found: list[dict[str, Any]] = []
    at, tried = text.find("{"), 0
    while at >= 0 and tried < _MOST_OPENINGS:
        tried += 1
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            if isinstance(value, dict):
                found.append(value)
        at = text.find("{", end)
    return found
