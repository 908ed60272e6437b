"""Which of the tools that were offered a written name means."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from agents.ports import ToolDefinition

_STRIP = " \t\r\n\"'`*_“”‘’「」【】[](){}<>.,;:，。；：|"
_SEPARATORS = re.compile(r"[\s.\-/:]+")
_PREFIX = re.compile(r"^(?:functions?|tools?|default_api|api|action)[.:/]", re.IGNORECASE)
_WORDS = re.compile(r"[A-Za-z_]\w{2,63}")
_LONGEST = 100
_FUZZY_FROM = 6
_REMEMBERED = 2_000


class ToolNames:
    """The offered tools by every way of writing their names."""

    def __init__(self, tools: Sequence[ToolDefinition]) -> None:
        self.tools: Mapping[str, ToolDefinition] = {tool.name: tool for tool in tools}
        self._plain = {_plain(name): name for name in reversed(list(self.tools))}
        self._joined = {plain.replace("_", ""): name for plain, name in self._plain.items()}
        self._found: dict[str, ToolDefinition | None] = {}

    def find(self, written: str) -> ToolDefinition | None:
        """The tool that is meant, letter case, quotes and separators aside; one wrong letter is overlooked where
        only one tool can be meant."""
        if len(written) > _LONGEST:
            return None
        if written not in self._found:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            self._found[written] = self._find(written)
        return self._found[written]

    def among(self, line: str) -> ToolDefinition | None:
        """The one tool that is named in a line, letter by letter; None where there are none or several."""
        found = {word for word in _WORDS.findall(line) if word in self.tools}
        return self.tools[found.pop()] if len(found) == 1 else None

    def _find(self, written: str) -> ToolDefinition | None:
        written = _PREFIX.sub("", written.strip(_STRIP))
        plain = _plain(written)
        if not plain:
            return None
        name = self._plain.get(plain) or self._joined.get(plain.replace("_", ""))
        if name is None and len(plain) >= _FUZZY_FROM:
            name = self._nearest(plain)
        return None if name is None else self.tools[name]

    def _nearest(self, plain: str) -> str | None:
        from rapidfuzz.distance import OSA

        near = [name for known, name in self._plain.items() if OSA.distance(plain, known, score_cutoff=1) <= 1]
        return near[0] if len(near) == 1 else None


def _plain(name: str) -> str:
    return _SEPARATORS.sub("_", name.strip(_STRIP).lower()).strip("_")
