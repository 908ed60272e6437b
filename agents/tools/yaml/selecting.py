"""Finds values in JSON by paths such as `data.result[*].metric`, `[0]`, `labels['app.kubernetes.io/name']`.

After a bar comes what is made of it: `count`, `keys`, `join` (a list as one text), `pairs` (an object as k=v, …).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from agents.errors import ToolsetInvalid

_STEP = re.compile(
    r"\.?(?P<key>[A-Za-z_@$][\w@$/-]*)|\[(?P<index>-?\d{1,6})\]|(?P<every>\[\*\])|\['(?P<quoted>[^']+)'\]"
)
_MOST = 100_000
Step = str | int | None
"""A key, an index, or None for every item."""


def _joined(value: Any) -> str:
    return ", ".join(map(as_cell, value)) if isinstance(value, list) else as_cell(value)


def _paired(value: Any) -> str:
    if not isinstance(value, Mapping):
        return as_cell(value)
    return ", ".join(f"{name}={as_cell(each)}" for name, each in value.items())


_MADE: Mapping[str, Callable[[Any], Any]] = {
    "count": lambda value: len(value) if isinstance(value, list | dict | str) else 0,
    "keys": lambda value: ", ".join(map(str, value)) if isinstance(value, dict) else "",
    "join": _joined,
    "pairs": _paired,
}


@lru_cache(maxsize=2_000)
def parse_path(path: str) -> tuple[tuple[Step, ...], str]:
    """The steps of a path and what is made of the end. Raises ToolsetInvalid."""
    steps: list[Step] = []
    text, _, made = (part.strip() for part in path.partition("|"))
    if made and made not in _MADE:
        raise ToolsetInvalid(f"{made[:40]!r} after a bar is none of {', '.join(_MADE)}.")
    position = 0
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            raise ToolsetInvalid(f"{path[:100]!r} is no path: write data.items[*].name.")
        key = match["key"] or match["quoted"]
        steps.append(None if match["every"] else int(match["index"]) if match["index"] else key)
        position = match.end()
    return tuple(steps), made


def select(value: Any, path: str) -> Any:
    """What the path leads to: one value, or with `[*]` in it a list; None where it leads nowhere."""
    steps, made = parse_path(path)
    found = list(_walk(value, steps))[:_MOST]
    result = found if None in steps else (found[0] if found else None)
    return _MADE[made](result) if made else result


def _walk(value: Any, steps: tuple[Step, ...]) -> Iterator[Any]:
    if not steps:
        yield value
        return
    step, rest = steps[0], steps[1:]
    if step is None:
        for each in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
            yield from _walk(each, rest)
    elif isinstance(step, int):
        if isinstance(value, list) and -len(value) <= step < len(value):
            yield from _walk(value[step], rest)
    elif isinstance(value, dict) and step in value:
        yield from _walk(value[step], rest)


def as_cell(value: Any) -> str:
    """A value as a cell of a table."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return " ".join(value.split()) if len(value) < 20_000 else value[:20_000]
    if isinstance(value, int | float):
        return str(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))[:2_000]
