"""Arguments as they stand after the name of a tool: JSON of any hand, a list of names and values, or one bare text."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.models.text_calls.labels import STOP
from agents.ports import ToolDefinition
from agents.tools.lenient_json import NotJSON, Reading, read_value

WRAPPERS = (
    "arguments", "args", "parameters", "params", "input", "inputs", "action_input", "tool_input", "kwargs",
    "action_args", "tool_args", "action input", "function_args", "parameter", "参数", "输入",
)  # fmt: skip
_FENCE_START = re.compile(r"\s{0,200}(?:```|~~~)[\w+-]{0,20}[ \t]{0,20}\r?\n?\s{0,200}")
_BLANK = re.compile(r"[\s]{0,2000}")
_NOTHING = frozenset({"", "none", "null", "n/a", "{}", "nothing", "no input", "无", "空", "没有", "()", "[]", "-"})
_PAIR = re.compile(r"\s*[-*•]?\s?[\"'`*]{0,2}([A-Za-z_][\w-]{0,63})[\"'`*]{0,2}\s?[:：=]\s?")
_LONGEST = 200_000
_SOON = 120
"""So soon an object must begin that other words stand before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadArguments:
    """What was read, and where it ends; `problem` says why nothing could be, `raw` is the text as it stands."""

    value: dict[str, Any] | None
    end: int
    problem: str = ""
    raw: str = ""


def read_arguments(text: str, start: int, end: int, tool: ToolDefinition, *, may_be_open: bool) -> ReadArguments:
    """The arguments of a call of this tool that stand in `text[start:end]`."""
    end = min(end, start + _LONGEST)
    fence = _FENCE_START.match(text, start, end)
    at = fence.end() if fence else start
    blank = _BLANK.match(text, at, end)
    at = blank.end() if blank else at
    if at >= end:
        return ReadArguments(value={}, end=end)
    segment = text[at:end]
    pair = _PAIR.match(segment)
    if pair is not None and pair.group(1) in properties_of(tool):
        return _otherwise(segment, at, end, tool, "a bracket is missing")
    try:
        reading = _read(segment)
    except NotJSON as error:
        return _otherwise(segment, at, end, tool, f"{error} (character {error.position + 1})")
    if reading.was_open and not may_be_open:
        return ReadArguments(value=None, end=end, problem="it breaks off", raw=segment)
    value = unwrapped(reading.value, tool)
    if value is None:
        return _otherwise(segment, at, end, tool, "it is not one JSON object")
    return ReadArguments(value=value, end=at + reading.end)


def unwrapped(value: Any, tool: ToolDefinition) -> dict[str, Any] | None:
    """The value as arguments of the tool: an object in a text, in a list of one, or under a name such as `arguments`
    is that object; None where it is nothing of the kind."""
    for _ in range(4):
        if isinstance(value, str):
            inner = _object_in(value, tool)
            if inner is None:
                return None if value.lstrip().startswith('{"') else one_argument(value, tool)
            value = inner
        elif isinstance(value, list) and len(value) == 1:
            value = value[0]
        elif isinstance(value, dict):
            wrapped = _wrapped(value, tool)
            if wrapped is None:
                return value
            value = wrapped
        elif value is None:
            return {}
        else:
            break
    if isinstance(value, dict):
        return value
    return one_argument(value, tool) if isinstance(value, int | float) else None


def one_argument(value: Any, tool: ToolDefinition) -> dict[str, Any] | None:
    """A bare value as the argument of a tool that takes, or needs, just one; a word for nothing as no arguments."""
    if isinstance(value, str) and value.strip().strip("\"'`").lower() in _NOTHING:
        return {}
    name = only_argument(tool)
    return None if name is None else {name: value.strip().strip("`") if isinstance(value, str) else value}


def only_argument(tool: ToolDefinition) -> str | None:
    """The one argument that a tool takes or needs; None where there are several."""
    properties = properties_of(tool)
    required = [name for name in tool.parameters.get("required") or () if name in properties]
    names = required if len(required) == 1 else list(properties) if len(properties) == 1 else []
    return str(names[0]) if names else None


def properties_of(tool: ToolDefinition) -> Mapping[str, Any]:
    """The arguments that the tool knows, by name."""
    properties = tool.parameters.get("properties")
    return properties if isinstance(properties, Mapping) else {}


def _read(segment: str) -> Reading:
    """The JSON that the segment begins with; tried again with what mail, HTML and shells do to quotes undone."""
    try:
        return read_value(segment, 0, bare_text=True, stop=STOP) if segment[0] in "{｛[［\"'“" else _refuse()
    except NotJSON as error:
        first = error
    for undone in (segment.replace('\\"', '"'), html.unescape(segment)):
        if undone != segment:
            try:
                reading = read_value(undone, 0, bare_text=True, stop=STOP)
            except NotJSON:
                continue
            # Where it ends in the segment itself is not known any more: all of it is taken.
            return Reading(value=reading.value, end=len(segment), was_open=reading.was_open)
    raise first


def _refuse() -> Reading:
    raise NotJSON("it does not begin with a bracket", 0)


def _otherwise(segment: str, at: int, end: int, tool: ToolDefinition, problem: str) -> ReadArguments:
    """What is no JSON: a missing first bracket, names and values, or one bare text."""
    pair = _PAIR.match(segment)
    if pair is not None and pair.group(1) in properties_of(tool):
        try:
            reading = read_value("{" + segment, 0, bare_text=True, stop=STOP)
        except NotJSON:
            pass
        else:
            if isinstance(reading.value, dict):
                return ReadArguments(value=unwrapped(reading.value, tool), end=min(end, at + reading.end - 1))
        lines = _lines(segment, tool)
        if lines is not None:
            return ReadArguments(value=lines, end=end)
    within = object_within(segment, tool)
    if within is not None:
        return ReadArguments(value=within.value, end=min(end, at + within.end))
    line = segment.split("\n", 1)[0].strip()
    if segment[0] not in "{｛[［" and not line.startswith(("```", "<")):
        value = one_argument(line.strip("\"'“”"), tool)
        if value is not None:
            return ReadArguments(value=value, end=at + len(segment.split("\n", 1)[0]))
    return ReadArguments(value=None, end=end, problem=problem, raw=segment.strip())


def object_within(segment: str, tool: ToolDefinition) -> ReadArguments | None:
    """The first object that begins a little later, or in a bracket too many, if it has no names but the tool's."""
    at = segment.find("{", 0, _SOON)
    if at < 0:
        return None
    if segment.startswith("{{", at):
        at += 1
    try:
        reading = read_value(segment, at, bare_text=True, stop=STOP)
    except NotJSON:
        return None
    value = unwrapped(reading.value, tool)
    if not value or reading.was_open or any(name not in properties_of(tool) for name in renamed(value, tool)):
        return None
    return ReadArguments(value=value, end=reading.end)


def renamed(value: Mapping[str, Any], tool: ToolDefinition) -> dict[str, Any]:
    """The arguments under the names that the tool knows, where only letter case and separators differ."""
    known = properties_of(tool)
    plain = {_plain(name): name for name in known}
    return {name if name in known else plain.get(_plain(name), name): each for name, each in value.items()}


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "").replace(" ", "")


def _lines(segment: str, tool: ToolDefinition) -> dict[str, Any] | None:
    """A line for each argument: `namespace: shop`."""
    known = properties_of(tool)
    found: dict[str, Any] = {}
    for line in segment.strip().splitlines():
        pair = _PAIR.match(line)
        if pair is None or pair.group(1) not in known:
            return found or None
        found[pair.group(1)] = line[pair.end() :].strip().rstrip(",").strip("\"'`")
    return found or None


def _wrapped(value: dict[str, Any], tool: ToolDefinition) -> Any | None:
    """What stands under `arguments` and the like, unless the tool itself has an argument of that name."""
    known = properties_of(tool)
    if any(name in known for name in value):
        return None
    inner = [value[name] for name in WRAPPERS if name in value]
    return inner[0] if len(inner) == 1 else None


def _object_in(text: str, tool: ToolDefinition) -> Any | None:
    """The JSON object that a text holds, if it is one; what has other names than the tool knows is a text of its own,
    such as a query in braces."""
    stripped = text.strip()
    if not stripped.startswith(("{", "[", "｛", '"{', '"[')):
        return None
    try:
        reading = read_value(stripped, 0, bare_text=True)
    except NotJSON:
        return None
    found, known = reading.value, properties_of(tool)
    if isinstance(found, dict) and found and not any(name in known or name in WRAPPERS for name in found):
        return None if only_argument(tool) is not None or reading.was_open else found
    return None if reading.was_open and not (isinstance(found, dict) and found) else found
