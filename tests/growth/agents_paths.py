"""Where the agents floor reads text from outside: what models and documents put into answers, and phases."""

from __future__ import annotations

from collections.abc import Callable

from agents.citations.checking import cut_statements
from agents.phases.reading import read
from agents.sanitising.inline import escaped
from agents.sanitising.stream import Sanitiser, sanitise
from tests.growth.harness import TextPath

UNITS = {
    "words": "word ", "one word": "a", "spaces": " ", "tabs": "\t", "lines": "\n", "returns": "\r", "brackets": "[",
    "closing brackets": "]", "pairs": "[]", "links": "[a](b) ", "open links": "[a](", "nested": "[a](b[",
    "images": "![", "ticks": "`", "spans": "`a``b```c", "odd spans": "`` a ` b ", "fences": "```\n",
    "open fence lines": "``` a\nb\n", "tags": "<a ", "open tags": "<", "comments": "<!-- ", "entities": "&amp;",
    "open entities": "&#", "addresses": "http://a ", "long address": "https://a", "marks": "[1]",
    "spaced marks": " [1]", "wide marks": "【1】", "open wide": "【1", "quotes": "> ", "items": "- ",
    "numbers": "1. a\n", "stops": ".", "marks and stops": "!?", "abbreviations": "e.g. A ", "stars": "*",
    "stopped stars": ".*", "rules": "--", "rows": "|a|b|\n", "bars": "|", "bar spaces": "|  ", "backslashes": "\\",
    "parentheses": "(", "colons": ": ", "definitions": "[a]: b\n", "han": "好。", "semicolons": ";[1",
    "tildes": "~~~ \n", "letters of an address": "h", "www": "www.", "headings": "# a [1]\n",
    "code and marks": "`[1]` [2] ",
}  # fmt: skip


def repeated(unit: str) -> Callable[[int], str]:
    return lambda size: unit * max(1, size // len(unit))


def _stream(text: str) -> None:
    sanitiser = Sanitiser(hosts=("docs.example",), marker=escaped)
    for start in range(0, len(text), 4):
        sanitiser.feed(text[start : start + 4])
    sanitiser.finish()


def _whole(text: str) -> str:
    return sanitise(text, hosts=("docs.example",))


RUNS: dict[str, Callable[[str], object]] = {
    "sanitiser, streamed": _stream,
    "sanitiser, whole": _whole,
    "statements": cut_statements,
}

PATHS = [
    TextPath(f"{what}/{name}", repeated(unit), run, 400_000)
    for what, run in RUNS.items()
    for name, unit in UNITS.items()
]

PHASE_UNITS = {
    "keys": "k: v\n", "items": "- a\n", "flow": "[a], ", "open": "[", "quotes": "'", "comments": "# a\n",
    "words": "word ", "blocks": "a: |\n  b\n", "misspelt agents": "  a: {kind: rect, promt: 1}\n",
}  # fmt: skip
# No longer text than that is read at all.
PATHS += [TextPath(f"phases/{name}", repeated(unit), read, 190_000) for name, unit in PHASE_UNITS.items()]
