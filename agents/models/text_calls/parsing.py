"""What a model wrote, taken apart: what it says, and which tools it calls with what."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from agents.models.text_calls.arguments import renamed
from agents.models.text_calls.found import MOST_CALLS, FoundCall
from agents.models.text_calls.functions import function_calls
from agents.models.text_calls.labelled import labelled_calls
from agents.models.text_calls.labels import Label, find_labels
from agents.models.text_calls.names import ToolNames
from agents.models.text_calls.objects import final_in, last_object, named_objects, object_calls
from agents.models.text_calls.tags import tagged_calls
from agents.ports import ToolDefinition

LONGEST = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class ParsedText:
    """`text` is what is said beside the calls; `problem` says of the first call that cannot be read what is wrong, with
    its tool; `is_final`: the model said that this is its answer."""

    text: str
    calls: tuple[FoundCall, ...] = ()
    problem: str = ""
    is_final: bool = False


def parse_calls(text: str, tools: Sequence[ToolDefinition], *, is_whole: bool = True) -> ParsedText:
    """The calls that a text makes of these tools, in its order, however they are written.

    `is_whole`: the model stopped by itself, so that brackets it left open may be closed; a text that was cut off is not
    completed. Never raises for what a model wrote, and takes time in proportion to its length.
    """
    text = text[:LONGEST].replace("\r\n", "\n").replace("\ufeff", "")
    names = ToolNames(tools)
    labels = find_labels(text)
    final = next((label for label in labels if label.kind == "final"), None)
    found = _found(text, labels, names, may_be_open=is_whole) if tools else []
    if final is not None and all(call.start >= final.start for call in found):
        return ParsedText(text=text[final.end :].strip(), is_final=True)
    if not found:
        answer = final_in(text)
        if answer is not None:
            return ParsedText(text=answer, is_final=True)
        return ParsedText(text=_without_thought_label(text, labels))
    said = _without_thought_label(text[: found[0].start], labels)
    broken = next((call for call in found if call.arguments is None), None)
    problem = "" if broken is None else f"{broken.name}: {broken.problem or 'its arguments cannot be read'}"
    return ParsedText(text=said, calls=tuple(found), problem=problem)


def _found(text: str, labels: Sequence[Label], names: ToolNames, *, may_be_open: bool) -> list[FoundCall]:
    found = _joined(_every_way(text, labels, names, may_be_open=may_be_open))
    if not found and any(mark in text for mark in ("&lt;", "&quot;", "&#39;")):
        plain = html.unescape(text)
        found = [
            FoundCall(start=0, end=len(text), name=call.name, arguments=call.arguments, problem=call.problem)
            for call in _joined(_every_way(plain, find_labels(plain), names, may_be_open=may_be_open))
        ]
    if not found:
        found = last_object(text, names)
    if not found:
        return []
    found = [_renamed(call, names) for call in found]
    # What follows a result that the model made up itself rests on it.
    end = next((label.start for label in labels if label.kind == "observation" and label.start >= found[0].end), None)
    return [call for call in found if end is None or call.start < end]


def _every_way(text: str, labels: Sequence[Label], names: ToolNames, *, may_be_open: bool) -> Iterable[FoundCall]:
    """Calls in every way of writing them; those of the surer ways first."""
    yield from labelled_calls(text, labels, names, may_be_open=may_be_open)
    yield from tagged_calls(text, names, may_be_open=may_be_open)
    yield from object_calls(text, names, may_be_open=may_be_open)
    yield from named_objects(text, names, may_be_open=may_be_open)
    yield from function_calls(text, names, may_be_open=may_be_open)


def _joined(calls: Iterable[FoundCall]) -> list[FoundCall]:
    """Each call once, in the order of the text: of two ways that read one place the surer, and the one that could."""
    kept: list[FoundCall] = []
    for call in calls:
        over = [each for each in kept if call.start < each.end and each.start < call.end]
        if call.arguments is not None and over and all(each.arguments is None for each in over):
            kept = [each for each in kept if each not in over]
            over = []
        if not over:
            kept.append(call)
    distinct: dict[str, FoundCall] = {}
    for call in sorted(kept, key=lambda call: call.start):
        key = json.dumps([call.name, call.arguments], sort_keys=True, default=str)
        distinct.setdefault(key, call)
    found = list(distinct.values())
    readable = [call for call in found if call.arguments is not None]
    # A broken copy beside a whole call of the same tool is the same call.
    whole = {call.name for call in readable}
    return [call for call in found if call.arguments is not None or call.name not in whole][:MOST_CALLS]


def _renamed(call: FoundCall, names: ToolNames) -> FoundCall:
    tool = names.tools.get(call.name)
    if tool is None or not call.arguments:
        return call
    return replace(call, arguments=renamed(call.arguments, tool))


def _without_thought_label(text: str, labels: Sequence[Label]) -> str:
    first = next((label for label in labels if label.kind == "thought" and not text[: label.start].strip()), None)
    return (text[first.end :] if first is not None and first.end <= len(text) else text).strip()
