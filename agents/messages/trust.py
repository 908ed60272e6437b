"""Labels of trust: which text of a conversation others wrote, and how it is handed to a model as the data it is."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from typing import Literal

Trust = Literal["trusted", "untrusted"]
"""`trusted`: the user, the operator and we ourselves wrote it. `untrusted`: documents, tools, the web, memory or other
agents that read these did."""

# What chat templates and our own markers use to tell who speaks; with a zero-width space in it, it is only text.
_CONTROL = re.compile(
    r"<(?=\|)|(?<=\|)>|<(?=[/|]?(?:passages?|tool-output|untrusted)\b)|\[(?=/?(?:INST|SYSTEM|TOOL)[\]_])|"
    r"<(?=</?SYS>)|<(?=/?s>)|<(?=/?(?:start|end)_of_turn>)|<(?=/?(?:tool_call|tool_response|function_calls?|"
    r"think)>)",
    re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r'[\s"<>]+')
_LONGEST_ATTRIBUTE = 200


def new_code() -> str:
    """A code for the markers of one run, which nobody who wrote a text before can have known."""
    return secrets.token_hex(6)


def worst(labels: Iterable[Trust]) -> Trust:
    """The label of what derives from texts with these labels."""
    return "untrusted" if "untrusted" in set(labels) else "trusted"


def wrap_untrusted(kind: str, text: str, code: str, **about: str) -> str:
    """Text that others wrote, between markers of its kind with a code. Nothing in it can end them or pass for a turn
    of somebody else, not even when whoever wrote it knows the code."""
    attributes = "".join(f' {name}="{_attribute(value, code)}"' for name, value in about.items())
    return f"<{kind}-{code}{attributes}>\n{neutralise(text, code)}\n</{kind}-{code}>"


def neutralise(text: str, code: str = "") -> str:
    """The text without the code, and with its control marks broken up by zero-width spaces."""
    if code:
        text = text.replace(code, "·")
    return _CONTROL.sub(lambda match: "\u200b>" if match.group() == ">" else f"{match.group()}\u200b", text)


def _attribute(text: str, code: str) -> str:
    return neutralise(_ATTRIBUTE.sub(" ", text[: 4 * _LONGEST_ATTRIBUTE]), code).strip()[:_LONGEST_ATTRIBUTE]
