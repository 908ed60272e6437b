"""Calls written as JSON objects, in fences, tags or among prose."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from agents.models.text_calls.arguments import WRAPPERS, object_within, read_arguments, unwrapped
from agents.models.text_calls.found import MOST_CALLS, FoundCall
from agents.models.text_calls.labels import STOP
from agents.models.text_calls.names import ToolNames
from agents.ports import ToolDefinition
from agents.tools.lenient_json import NotJSON, Reading, read_value

NAMES = (
    "name",
    "tool",
    "tool_name",
    "action",
    "function",
    "function_name",
    "recipient_name",
    "api",
    "toolname",
    "工具",
    "名称",
)
LISTS = ("tool_calls", "calls", "actions", "tool_uses", "function_call", "tool_call", "call")
BESIDES = ("id", "type", "index", "thought", "thoughts", "reasoning", "思考", *WRAPPERS)
_START = re.compile(
    r"[{｛]\s{0,50}(?:\\?[\"'“”‘’`＂]|&quot;|&#39;)?([^\W\d][\w -]{0,63})"
    r"(?:\\?[\"'“”‘’`＂]|&quot;|&#39;)?\s{0,10}[:：=]"
)
_UNOPENED = re.compile(r"^[ \t]{0,20}[\"'“](name|tool|tool_name|action|function)[\"'”]\s{0,10}[:：]", re.MULTILINE)
_NAMED = re.compile(
    r"^[ \t]{0,8}[`*\"']{0,3}([A-Za-z_][\w.-]{0,63})[`*\"']{0,3}[ \t]{0,4}[:：]?\s{0,4}(?=[{｛]|\"\{)", re.MULTILINE
)
_MENTION = re.compile(r"(?<![\w`])([A-Za-z_]\w{2,63})(?!\w)")
# After the call nothing is said but ends of fences, tags and special tokens.
_SAID_AFTER = re.compile(r"(?<![<|/\w▁])(?!PAUSE|STOP|END)[^\W\d_]{2,40}(?![\w▁]{0,40}[|>｜])")
FINAL = frozenset({"final answer", "final_answer", "finish", "respond", "answer", "response", "最终答案"})


def object_calls(text: str, names: ToolNames, *, may_be_open: bool) -> list[FoundCall]:
    """The calls of offered tools that stand in the text as objects, and those that were meant to and cannot be read."""
    found: list[FoundCall] = []
    after = tried = 0
    for start, key, prefix in _places(text):
        if start < after or not _is_of_calls(key, names) or _is_quoted(text, start):
            continue
        tried += 1
        if tried > MOST_CALLS or len(found) >= MOST_CALLS:
            break
        try:
            reading, end = _object(text, start, prefix)
        except NotJSON as error:
            broken = _broken(text, start, names, str(error))
            found += [broken] if broken is not None else []
            after = broken.end if broken is not None else after
            continue
        calls = list(_calls(reading.value, names)) if may_be_open or not reading.was_open else []
        found += [
            FoundCall(start=start, end=end, name=tool.name, arguments=value, problem=problem, raw=raw)
            for tool, value, problem, raw in calls
        ]
        after = end if calls else after
    return found


def named_objects(text: str, names: ToolNames, *, may_be_open: bool) -> list[FoundCall]:
    """The calls that are the name of a tool and the object of its arguments: `search {"query": "fuse"}`."""
    found: list[FoundCall] = []
    after = tried = 0
    for match in _NAMED.finditer(text):
        tool = names.find(match.group(1)) if match.start() >= after else None
        if tool is None:
            continue
        tried += 1
        if tried > MOST_CALLS:
            break
        read = read_arguments(text, match.end(), len(text), tool, may_be_open=may_be_open)
        after = read.end
        found.append(
            FoundCall(
                start=match.start(),
                end=read.end,
                name=tool.name,
                arguments=read.value,
                problem=read.problem,
                raw=read.raw,
            )
        )
    return found


def last_object(text: str, names: ToolNames) -> list[FoundCall]:
    """The call that ends a text and is nothing but the name of an offered tool, a few other words, and an object that
    has no names but those of its arguments: `I call search with {"query": "fuse"}`."""
    for match in list(_MENTION.finditer(text))[-2 * MOST_CALLS :]:
        tool = names.tools.get(match.group(1))
        if tool is None:
            continue
        within = object_within(text[match.end() : match.end() + 100_000], tool)
        if within is not None and not _SAID_AFTER.search(text, match.end() + within.end):
            end = match.end() + within.end
            return [FoundCall(start=match.start(), end=end, name=tool.name, arguments=within.value)]
    return []


def final_in(text: str) -> str | None:
    """The answer in an object that ends the work: `{"action": "Final Answer", "action_input": "…"}`."""
    match = _START.search(text)
    if match is None or match.group(1).strip() not in NAMES:
        return None
    try:
        value = read_value(text, match.start()).value
    except NotJSON:
        return None
    if not isinstance(value, dict) or str(_first(value, NAMES) or "").strip().lower() not in FINAL:
        return None
    said = _first(value, WRAPPERS)
    if isinstance(said, dict) and len(said) == 1:
        said = next(iter(said.values()))
    return said if isinstance(said, str) else None


def _places(text: str) -> Iterator[tuple[int, str, str]]:
    """Where objects begin, their first name, and the bracket that is missing before it."""
    yield from ((match.start(), match.group(1), "") for match in _START.finditer(text))
    yield from ((match.start(1) - 1, match.group(1), "{") for match in _UNOPENED.finditer(text))


def _object(text: str, start: int, prefix: str) -> tuple[Reading, int]:
    """The object, read with what escapes its quotes undone where it cannot be read otherwise; and where it ends."""
    segment = text[start : start + 200_000]
    try:
        reading = read_value(prefix + segment, 0, bare_text=True, stop=STOP)
        return reading, start + reading.end - len(prefix)
    except NotJSON as error:
        first = error
    for old, new in (('\\"', '"'), ("&quot;", '"'), ("&#39;", "'")):
        if old in segment[:400]:
            try:
                reading = read_value(prefix + segment.replace(old, new), 0, bare_text=True, stop=STOP)
            except NotJSON:
                continue
            return reading, min(len(text), start + reading.end + segment[: reading.end].count(old) * (len(old) - 1))
    raise first


def _is_quoted(text: str, start: int) -> bool:
    """Whether the object begins a quoted line (>): it repeats what others wrote."""
    return text[max(0, start - 3) : start] in ("\n> ", "> ")


def _is_of_calls(key: str, names: ToolNames) -> bool:
    plain = key.strip().lower()
    return plain in NAMES or plain in LISTS or plain in BESIDES or names.find(key) is not None


def _calls(value: Any, names: ToolNames, depth: int = 0) -> Iterator[tuple[ToolDefinition, Any, str, str]]:
    """The calls that a value is, or is a list of."""
    if depth > 4:
        return
    if isinstance(value, list):
        for each in value[:MOST_CALLS]:
            yield from _calls(each, names, depth + 1)
        return
    if not isinstance(value, dict):
        return
    name = _first(value, NAMES)
    tool = names.find(name) if isinstance(name, str) else None
    if tool is not None:
        yield _with_arguments(tool, value)
        return
    for each in (_first(value, LISTS), name):
        if isinstance(each, dict | list):
            yield from _calls(each, names, depth + 1)
            return
    if len(value) == 1:
        yield from _under_one_name(value, names)


def _under_one_name(value: dict[str, Any], names: ToolNames) -> Iterator[tuple[ToolDefinition, Any, str, str]]:
    """An object with one name: that of the tool, or that of arguments which hold it, as a bracket is missing."""
    only, inside = next(iter(value.items()))
    name = _first(inside, NAMES) if only in WRAPPERS and isinstance(inside, dict) else None
    tool = names.find(name) if isinstance(name, str) else None
    if tool is not None:
        yield tool, {key: each for key, each in inside.items() if key.lower() not in NAMES}, "", ""
        return
    tool = names.find(only) if only else None
    if tool is not None and isinstance(inside, dict | str):
        given = unwrapped(inside, tool) if isinstance(inside, dict) or "{" in inside else None
        if given is not None:
            yield tool, given, "", ""


def _with_arguments(tool: ToolDefinition, value: dict[str, Any]) -> tuple[ToolDefinition, Any, str, str]:
    for name in WRAPPERS:
        if name in value:
            given = unwrapped(value[name], tool)
            problem = "" if given is not None else "its arguments are not one JSON object"
            raw = value[name] if isinstance(value[name], str) else json.dumps(value[name], ensure_ascii=False)
            return tool, given, problem, raw if problem else ""
    # Arguments beside the name instead of under a name of their own.
    rest = {name: each for name, each in value.items() if name not in (*NAMES, *LISTS, *BESIDES)}
    return tool, rest, "", ""


def _broken(text: str, start: int, names: ToolNames, problem: str) -> FoundCall | None:
    """An object that cannot be read and names an offered tool: its model is told what is wrong."""
    segment = text[start : start + 2_000]
    match = re.search(
        r"[\"'“](?:name|tool|tool_name|action|function)[\"'”]\s{0,10}[:：]\s{0,10}[\"'“]([\w.-]{1,64})", segment
    )
    tool = names.find(match.group(1)) if match else None
    if tool is None:
        return None
    end = min(len(text), start + len(segment))
    return FoundCall(start=start, end=end, name=tool.name, arguments=None, problem=problem, raw=segment)


def _first(value: dict[str, Any], keys: tuple[str, ...]) -> Any:
    lower = {str(name).strip().lower(): each for name, each in value.items()}
    return next((lower[key] for key in keys if key in lower), None)
