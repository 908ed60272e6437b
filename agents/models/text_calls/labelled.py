"""Calls under labels: `Action: search` and `Action Input: {"query": "fuse"}`, in any of several languages."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agents.models.text_calls.arguments import ReadArguments, read_arguments
from agents.models.text_calls.found import MOST_CALLS, FoundCall
from agents.models.text_calls.functions import bracketed
from agents.models.text_calls.labels import Label
from agents.models.text_calls.names import ToolNames
from agents.ports import ToolDefinition

NO_TOOL = frozenset(
    {
        "none",
        "no action",
        "n/a",
        "no tool",
        "finish",
        "final answer",
        "answer",
        "respond",
        "无",
        "无需",
        "不需要",
        "结束",
    }
)
_HEAD = re.compile(r"[\s\"'`*_「【\[<(]{0,10}([^\s\"'`*「」【】()\[\]{}<>:：,，=|]{1,100})[\"'`*」】\]>)]{0,6}")
_REST = re.compile(r"[ \t\"'`*:：,，|]{0,10}(?:with|using|参数|->|=>)?[ \t]{0,4}")
_BEFORE = 300


def labelled_calls(text: str, labels: Sequence[Label], names: ToolNames, *, may_be_open: bool) -> list[FoundCall]:
    """The calls that labels announce, up to the first result that the model made up itself."""
    found: list[FoundCall] = []
    after = 0
    for index, label in enumerate(labels):
        if label.start < after or len(found) >= MOST_CALLS:
            continue
        if label.kind == "observation" and found:
            break
        call = None
        if label.kind == "name":
            call = _named(text, labels, index, names, may_be_open=may_be_open)
        elif label.kind == "input":
            call = _unlabelled_name(text, label, after, names, may_be_open=may_be_open, end=_limit(labels, index, text))
        if call is not None:
            found.append(call)
            after = call.end
    return found


def _named(text: str, labels: Sequence[Label], index: int, names: ToolNames, *, may_be_open: bool) -> FoundCall | None:
    label = labels[index]
    head = _HEAD.match(text, label.end)
    if head is None:
        return None
    following = labels[index + 1] if index + 1 < len(labels) else None
    has_input = following is not None and following.kind == "input"
    limit = following.start if following is not None else len(text)
    line = text[label.end : min(limit, label.end + 100)].split("\n", 1)[0]
    tool = names.find(head.group(1)) or names.find(line) or (names.among(line) if has_input else None)
    if tool is None:
        return _unknown(text, label, head, following) if has_input else None
    if following is not None and has_input and not _has_own(text, head.end(), following.start):
        read = read_arguments(text, following.end, len(text), tool, may_be_open=may_be_open)
        if read.value is None or not _is_json(text, following.end):
            limit = _limit(labels, index + 1, text)
            read = read_arguments(text, following.end, limit, tool, may_be_open=may_be_open)
        return _call(label.start, tool, read)
    return _call(label.start, tool, _direct(text, head, limit, tool, may_be_open=may_be_open))


def _direct(text: str, head: re.Match[str], limit: int, tool: ToolDefinition, *, may_be_open: bool) -> ReadArguments:
    """Arguments that stand beside the name: `search[fuse]`, `search("fuse")`, `search {"query": "fuse"}`."""
    at = head.end(1)
    if text[at : at + 1] in ("(", "["):
        inside = bracketed(text, at, tool, may_be_open=may_be_open)
        if inside is not None:
            return inside
    rest = _REST.match(text, head.end())
    at = rest.end() if rest else head.end()
    return read_arguments(text, at, len(text) if _is_json(text, at) else limit, tool, may_be_open=may_be_open)


def _unlabelled_name(
    text: str, label: Label, after: int, names: ToolNames, *, may_be_open: bool, end: int
) -> FoundCall | None:
    """Arguments under a label of their own, whose tool stands in the line before without one."""
    if not label.is_strict and not label.is_line_start:
        return None
    before = text[max(after, label.start - _BEFORE) : label.start].strip().rsplit("\n", 1)[-1]
    tool = names.find(before) or names.find(before.rsplit(None, 1)[-1] if before else "")
    if tool is None:
        return None
    end = len(text) if _is_json(text, label.end) else end
    read = read_arguments(text, label.end, end, tool, may_be_open=may_be_open)
    return _call(max(after, label.start - len(before) - 1), tool, read)


def _unknown(text: str, label: Label, head: re.Match[str], following: Label | None) -> FoundCall | None:
    """A call of a tool that was not offered: whoever makes calls says so, and what there is."""
    name = head.group(1)[:64]
    line = text[label.end : label.end + 60].split("\n", 1)[0].strip().lower()
    if name.lower() in NO_TOOL or line in NO_TOOL or not label.is_strict or following is None:
        return None
    segment = text[following.end : following.end + 2_000].strip()
    return FoundCall(start=label.start, end=following.end, name=name, arguments={}, raw=segment)


def _has_own(text: str, start: int, end: int) -> bool:
    """Whether something but signs stands between the name and the label of the arguments."""
    return text[start : min(end, start + 5)].lstrip(" \t\"'`*").startswith(("{", "(")) and end - start > 2


def _is_json(text: str, at: int) -> bool:
    return text[at : at + 60].lstrip(" \t\r\n`~jsonJSON").startswith(("{", "｛", "["))


def _limit(labels: Sequence[Label], index: int, text: str) -> int:
    return labels[index + 1].start if index + 1 < len(labels) else len(text)


def _call(start: int, tool: ToolDefinition, read: ReadArguments) -> FoundCall:
    return FoundCall(
        start=start, end=read.end, name=tool.name, arguments=read.value, problem=read.problem, raw=read.raw
    )
