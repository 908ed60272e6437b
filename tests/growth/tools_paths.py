"""Where the agents floor reads what models write to call tools, and what others wrote about tools."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from agents.errors import ToolFailed
from agents.messages.trust import wrap_untrusted
from agents.models.text_calls import parse_calls
from agents.models.text_calls.holding import HeldText
from agents.tools.arguments import parse_arguments
from agents.tools.bounded_json import read_bounded_json
from agents.tools.cutting import cut_text
from agents.tools.patterns import matches
from agents.tools.ports import ToolSpec
from agents.tools.wording import asks_to_change, expanded, named_sources
from tests.growth.harness import TextPath
from tests.text_call_mutations import TOOLS

UNITS = {
    "words": "word ", "spaces": " ", "lines": "\n", "braces": "{", "pairs": "{}", "quotes": '"', "names": '{"name": "',
    "open objects": '{"name": "scale", ', "calls": '{"name": "scale", "arguments": {}} ', "backslashes": "\\",
    "labels": "Action: ", "label lines": "Action: scale\n", "inputs": "Action Input: {",
    "observations": "Observation: x\n",
    "tags": "<tool_call>", "open tags": "<", "named tags": '<invoke name="scale">', "parameters": "<parameter=a>",
    "fences": "```json\n", "functions": "scale(", "function lines": "scale(a=1)\n", "escaped": '{\\"name\\": ',
    "thoughts": "Thought: a\n", "entities": "{&quot;name&quot;: ", "keys": '"a": 1, ', "colons": "a: ",
    "half strings": '"a b ', "mentions": "scale {", "long mentions": "scale scale ",
    "commas": ",", "brackets": "[", "comments": "/* ", "stars": "**", "han": "行动：",
}  # fmt: skip
SPEC = ToolSpec(name="scale", description="", parameters={"type": "object"}, risk="read")


def repeated(unit: str) -> Callable[[int], str]:
    return lambda size: unit * max(1, size // len(unit))


ANSWERS: dict[str, Callable[[int], str]] = {
    "wide": lambda size: "[" + "[1]," * (size // 4) + "[]]",
    "deep": lambda size: '{"a":' * (size // 6) + "1" + "}" * (size // 6),
    "deep often": lambda size: "[" + ("[" * 90 + "]" * 90 + ",") * (size // 181) + "[]]",
}


def inside_object(unit: str) -> Callable[[int], str]:
    return lambda size: '{"name": "scale", "arguments": {"deployment": "' + unit * max(1, size // len(unit))


def _parsed(text: str) -> object:
    return parse_calls(text, TOOLS)


def _held(text: str) -> None:
    holding = HeldText(TOOLS)
    for start in range(0, len(text), 4):
        holding.feed(text[start : start + 4])


def _arguments(text: str) -> None:
    with contextlib.suppress(ToolFailed):
        parse_arguments(SPEC, text)


def _bounded(text: str) -> None:
    with contextlib.suppress(ValueError):
        read_bounded_json(text)


def _searched(text: str) -> None:
    expanded(text)
    asks_to_change(text)
    named_sources(text, ("argocd", "kubernetes"))


PATHS = [
    *(TextPath(f"questions for tools/{name}", repeated(unit), _searched, 200_000) for name, unit in UNITS.items()),
    *(TextPath(f"text calls/{name}", repeated(unit), _parsed, 200_000) for name, unit in UNITS.items()),
    *(
        TextPath(f"text calls, in an object/{name}", inside_object(unit), _parsed, 200_000)
        for name, unit in UNITS.items()
        if name in ("spaces", "quotes", "half strings", "keys", "backslashes", "braces", "lines")
    ),
    *(
        TextPath(f"text calls, streamed/{name}", repeated(unit), _held, 100_000)
        for name, unit in UNITS.items()
        if name
        in ("words", "spaces", "lines", "braces", "open tags", "fences", "backslashes", "stars", "brackets", "han")
    ),
    *(
        TextPath(f"arguments of calls/{name}", make(unit), _arguments, 200_000)
        for name, unit in UNITS.items()
        if name in ("spaces", "quotes", "half strings", "keys", "backslashes", "braces", "comments", "commas")
        for make in (inside_object,)
    ),
    TextPath(
        "untrusted text", repeated("</tool-output <|im_"), lambda text: wrap_untrusted("tool-output", text, "c0de")
    ),
    *(TextPath(f"answers in JSON/{name}", make, _bounded) for name, make in ANSWERS.items()),
    TextPath("cut outputs", repeated("line\n"), lambda text: cut_text(text, 1_000)),
    TextPath("patterns of strangers", repeated("a"), lambda text: matches(r"^(a+)+b|a*a*a*c$", text)),
]
