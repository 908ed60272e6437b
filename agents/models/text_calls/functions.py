"""Calls written as calls of a function: `search(query="fuse", top_k=3)`."""

from __future__ import annotations

import re

from agents.models.text_calls.arguments import ReadArguments, one_argument, properties_of, read_arguments, unwrapped
from agents.models.text_calls.found import MOST_CALLS, FoundCall
from agents.models.text_calls.names import ToolNames
from agents.ports import ToolDefinition
from agents.tools.lenient_json import NotJSON, read_value

_CALL = re.compile(
    r"^[ \t]{0,8}(?:`|```[\w-]{0,20}[ \t]{0,4}|[-*+][ \t]{1,4}|\d{1,2}[.)][ \t]{1,4})?"
    r"(?:[A-Za-z_]\w{0,30}[ \t]?=[ \t]?)?(?:print\(|await[ \t])?(?:functions\.|tools\.|default_api\.)?"
    r"([A-Za-z_][\w.-]{0,63})[ \t]?(?=\()",
    re.MULTILINE,
)
_AFTER = re.compile(r"[ \t]{0,4}\)?[ \t]{0,4};?`{0,3}[.。]?[ \t]{0,20}(?:\n|$|#)")
_KEYED = re.compile(r"\s{0,50}([A-Za-z_]\w{0,63})\s{0,10}[=:]")
_CLOSES = {"(": ")", "[": "]"}
_LONGEST = 200_000


def function_calls(text: str, names: ToolNames, *, may_be_open: bool) -> list[FoundCall]:
    """The calls of offered tools that are a line of their own, or begin one and go on over the next."""
    found: list[FoundCall] = []
    after = 0
    for tried, match in enumerate(_CALL.finditer(text)):
        if tried >= 20 * MOST_CALLS or len(found) >= MOST_CALLS:
            break
        tool = names.find(match.group(1)) if match.start() >= after else None
        if tool is None:
            continue
        read = bracketed(text, match.end(), tool, may_be_open=may_be_open)
        if read is None or not (read.end >= len(text) or _AFTER.match(text, read.end)):
            continue
        after = read.end
        found.append(
            FoundCall(start=match.start(), end=read.end, name=tool.name, arguments=read.value, problem=read.problem)
        )
    return found


def bracketed(text: str, at: int, tool: ToolDefinition, *, may_be_open: bool) -> ReadArguments | None:
    """The arguments in the brackets that open at `at`; None where what is in them is no list of arguments."""
    end = closing(text, at)
    if end is None:
        if not may_be_open:
            return None
        end = min(len(text), at + _LONGEST)
    inner = text[at + 1 : end].strip()
    after = min(len(text), end + 1)
    if not inner:
        return ReadArguments(value={}, end=after)
    keyed = _KEYED.match(inner)
    if keyed is not None and keyed.group(1) in properties_of(tool):
        try:
            value = read_value("{" + inner + "}", 0, bare_text=True).value
        except NotJSON as error:
            return ReadArguments(value=None, end=after, problem=str(error), raw=inner)
        return ReadArguments(value=unwrapped(value, tool), end=after)
    if inner[0] in "{｛":
        read = read_arguments(inner, 0, len(inner), tool, may_be_open=may_be_open)
        return ReadArguments(value=read.value, end=after, problem=read.problem, raw=read.raw)
    if text[at] == "[":
        return ReadArguments(value=one_argument(inner.strip("\"'"), tool), end=after, problem="which argument is this")
    return _positional(inner, after, tool)


def _positional(inner: str, after: int, tool: ToolDefinition) -> ReadArguments | None:
    """Values without names: one for the only argument, or in the order of the schema."""
    try:
        values = read_value("[" + inner + "]", 0, bare_text=True).value
    except NotJSON:
        values = [inner]
    names = list(properties_of(tool))
    if len(values) == 1:
        return ReadArguments(value=one_argument(values[0], tool) or None, end=after, problem="which argument is this")
    if len(values) <= len(names):
        return ReadArguments(value=dict(zip(names, values, strict=False)), end=after)
    return None


def closing(text: str, at: int) -> int | None:
    """Where the bracket that opens at `at` is closed, quotes and brackets inside it counted."""
    opening, quote = text[at], ""
    depth = 0
    index, end = at, min(len(text), at + _LONGEST)
    while index < end:
        character = text[index]
        if quote:
            if character == "\\":
                index += 1
            elif character == quote:
                quote = ""
        elif character in "\"'" and (character == '"' or not text[index - 1].isalnum()):
            quote = character
        elif character == opening:
            depth += 1
        elif character == _CLOSES[opening]:
            depth -= 1
            if depth == 0:
                return index
        index += 1
    return None
