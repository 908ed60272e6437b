"""Calls written in tags: `<tool_call>…</tool_call>`, `<invoke name="search">…`, `<search><query>…</query></search>`."""

from __future__ import annotations

import html
import re
from typing import Any

from agents.models.text_calls.arguments import WRAPPERS, ReadArguments, properties_of, read_arguments, unwrapped
from agents.models.text_calls.found import MOST_CALLS, FoundCall
from agents.models.text_calls.names import ToolNames
from agents.ports import ToolDefinition

CALL_TAGS = frozenset(
    [
        "tool_call",
        "tool_calls",
        "tool",
        "function",
        "function_call",
        "function_calls",
        "invoke",
        "call",
        "action",
        "tool_use",
        "use_tool",
        "tool_name",
        "name",
        "toolcall",
        "functioncall",
        "antml:invoke",
    ]
)
_INPUT_TAGS = "tool_input|action_input|arguments|parameters|input|args|params|tool_arguments|tool_args"
_TAG = re.compile(r"<\s?\|?([A-Za-z_][\w:.-]{0,63})(=[^<>\s]{1,64})?([^<>]{0,2000})>")
_NAME = re.compile(r"\b(?:name|tool|function)\s?=\s?[\"']?([\w.:/-]{1,64})")
_ATTRIBUTE = re.compile(r"\b([A-Za-z_]\w{0,63})\s?=\s?(?:\"([^\"]{0,5000})\"|'([^']{0,5000})')")
_INPUT = re.compile(rf"\s{{0,50}}<({_INPUT_TAGS})>", re.IGNORECASE)
_PARAMETER = re.compile(
    r"<(?:antml:)?(?:parameter|param|arg|argument)\s?(?:\s?name\s?=\s?[\"']?|=\s?[\"']?)([\w-]{1,64})[\"']?[^<>]{0,100}>"
)
_KEYED = re.compile(r"<arg_key>\s{0,20}([\w-]{1,64})\s{0,20}</arg_key>\s{0,20}<arg_value>")
_FIRST_WORD = re.compile(r"\s{0,20}[\"'`]?([A-Za-z_][\w.-]{0,63})[\"'`]?\s{0,20}")
_LONGEST = 200_000


def tagged_calls(text: str, names: ToolNames, *, may_be_open: bool) -> list[FoundCall]:
    """The calls of offered tools that tags name."""
    found: list[FoundCall] = []
    after = tried = 0
    for match in _TAG.finditer(text):
        tag = match.group(1)
        if match.start() < after or (tag.lower() not in CALL_TAGS and names.find(tag) is None):
            continue
        tried += 1
        if tried > 2 * MOST_CALLS or len(found) >= MOST_CALLS:
            break
        call = _call(text, match, names, may_be_open=may_be_open)
        if call is not None:
            found.append(call)
            after = call.end
    return found


def _call(text: str, match: re.Match[str], names: ToolNames, *, may_be_open: bool) -> FoundCall | None:
    tag, given, attributes = match.group(1), match.group(2) or "", match.group(3)
    end, after = _content_end(text, match.end(), tag, is_empty=attributes.rstrip().endswith("/"))
    named = _NAME.search(attributes)
    written = given[1:] or (named.group(1) if named else "")
    tool = names.find(written) if written else None
    if tool is None and tag.lower() not in CALL_TAGS:
        tool = names.find(tag)
    if tool is not None:
        read = _content(text, match.end(), end, attributes, tool, may_be_open=may_be_open)
        return _found(match.start(), after, tool, read)
    return _named_inside(text, match, end, after, names, may_be_open=may_be_open)


def _named_inside(
    text: str, match: re.Match[str], end: int, after: int, names: ToolNames, *, may_be_open: bool
) -> FoundCall | None:
    """The tool stands in the content: alone, with its arguments in the next element, or before them."""
    word = _FIRST_WORD.match(text, match.end(), end)
    tool = names.find(word.group(1)) if word else None
    if word is None or tool is None:
        return None
    if word.end() < end:
        return _found(match.start(), after, tool, _content(text, word.end(), end, "", tool, may_be_open=may_be_open))
    beside = _INPUT.match(text, after)
    if beside is None:
        return _found(match.start(), after, tool, ReadArguments(value={}, end=after))
    end, after = _content_end(text, beside.end(), beside.group(1), is_empty=False)
    return _found(match.start(), after, tool, _content(text, beside.end(), end, "", tool, may_be_open=may_be_open))


def _content(
    text: str, start: int, end: int, attributes: str, tool: ToolDefinition, *, may_be_open: bool
) -> ReadArguments:
    content = text[start:end]
    value = _parameters(content, tool)
    if value is None:
        known = properties_of(tool)
        given = {name: html.unescape(double or single) for name, double, single in _ATTRIBUTE.findall(attributes)}
        value = {name: each for name, each in given.items() if name in known} or None
        whole = next((given[name] for name in WRAPPERS if name in given), None)
        if value is None and whole is not None:
            return read_arguments(whole, 0, len(whole), tool, may_be_open=False)
    if value is not None:
        return ReadArguments(value=value, end=end)
    inner = _INPUT.match(content)
    if inner is not None:
        inner_end, _ = _content_end(content, inner.end(), inner.group(1), is_empty=False)
        nested = _parameters(content[inner.end() : inner_end], tool)
        if nested is not None:
            return ReadArguments(value=nested, end=end)
        return read_arguments(content, inner.end(), inner_end, tool, may_be_open=may_be_open)
    return read_arguments(content, 0, len(content), tool, may_be_open=may_be_open)


def _parameters(content: str, tool: ToolDefinition) -> dict[str, Any] | None:
    """The elements of the content that are arguments; None when there is none."""
    found: dict[str, Any] = {}
    known = properties_of(tool)
    for pattern, closing in ((_PARAMETER, ("</parameter", "</param", "</arg", "</antml")), (_KEYED, ("</arg_value",))):
        for match in list(pattern.finditer(content))[:100]:
            found[match.group(1)] = _until(content, match.end(), closing)
    if not found:
        for name in list(known)[:200]:
            at = content.find(f"<{name}>")
            if at >= 0:
                found[name] = _until(content, at + len(name) + 2, (f"</{name}",))
    return (found and unwrapped(found, tool)) or None


def _until(content: str, start: int, closings: tuple[str, ...]) -> str:
    ends = [at for at in (content.find(closing, start, start + _LONGEST) for closing in closings) if at >= 0]
    return html.unescape(content[start : min(ends, default=len(content))].strip())


def _content_end(text: str, start: int, tag: str, *, is_empty: bool) -> tuple[int, int]:
    """Where the content of an element ends, and where what follows it begins."""
    if is_empty:
        return start, start
    limit = min(len(text), start + _LONGEST)
    for closing in (f"</{tag}", f"<|/{tag}", f"<|{tag}_end"):
        at = text.find(closing, start, limit)
        if at >= 0:
            after = text.find(">", at, at + len(closing) + 10)
            return at, (after + 1 if after >= 0 else at + len(closing))
    return limit, limit


def _found(start: int, end: int, tool: ToolDefinition, read: ReadArguments) -> FoundCall:
    return FoundCall(start=start, end=end, name=tool.name, arguments=read.value, problem=read.problem, raw=read.raw)
