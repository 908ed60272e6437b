"""Showing text as it comes, and holding back what may turn out to be a call."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agents.models.text_calls.labels import LABEL, kind_of, may_become_label
from agents.models.text_calls.names import ToolNames
from agents.models.text_calls.objects import BESIDES, FINAL, LISTS, NAMES
from agents.models.text_calls.tags import CALL_TAGS
from agents.ports import ToolDefinition

_SUSPECT = re.compile(r"[{｛<\n]|```|~~~|\[TOOL_CALLS\]")
_FENCE = re.compile(r"(?:```|~~~)([\w+-]{0,20})[ \t]{0,20}\r?\n")
_DATA_FENCES = frozenset(
    ("", "json", "json5", "jsonc", "tool_call", "tool_code", "tool", "action", "xml", "python", "py")
)
_KEY = re.compile(r"[{｛]\s{0,50}\\?[\"'“‘`]?([^\W\d][\w -]{0,63})[\"'”’`\\]")
_KEYS = frozenset(
    (*NAMES, *LISTS, *BESIDES),
)
_TAG = re.compile(r"</?\s?\|?([A-Za-z_][\w:.-]{0,63})")
_WORD = re.compile(r"[\s`*\-]{0,8}(?:print\()?([A-Za-z_][\w.-]{0,63})[`*]{0,3}\s{0,4}")
_TOOL_LINE = re.compile(r"[\s`*\-]{0,8}(?:print\()?([A-Za-z_][\w.-]{1,63})[`*]{0,3}\s{0,4}(?:[({:]|$)")
_LONGEST_DOUBT = 120
_AT_ONCE = 2_000


class HeldText:
    """Takes text in, gives out what can be no part of a call. Once something may be one, all that follows is held."""

    def __init__(self, tools: Sequence[ToolDefinition]) -> None:
        self._names = ToolNames(tools)
        self._rest = ""
        self._fence = ""
        self._at_line_start = True
        self.is_holding = False
        self.is_final = False
        """The model has said that what follows is its answer: nothing in it is a call."""
        self._held: list[str] = []

    @property
    def held(self) -> str:
        """What has not been given out."""
        return "".join(self._held) + self._rest

    def feed(self, text: str) -> str:
        """The text that may be shown now."""
        return "".join(self._fed(text[at : at + _AT_ONCE]) for at in range(0, len(text), _AT_ONCE))

    def _fed(self, text: str) -> str:
        if self.is_holding:
            self._held.append(text)
            return ""
        self._rest += text
        shown: list[str] = []
        while self._rest and not self.is_holding:
            taken = self._step()
            if taken == 0:
                break
            shown.append(self._rest[:taken])
            self._rest = self._rest[taken:]
        return "".join(shown)

    def _step(self) -> int:
        """How many characters of the rest can be shown; 0 while that is not known, and when all is held from here."""
        if self.is_final:
            return len(self._rest)
        if self._fence:
            return self._in_fence()
        if self._at_line_start:
            return self._line_start()
        found = _SUSPECT.search(self._rest)
        if found is None:
            # The beginning of a fence or of a marker may be the last sign that has come.
            tail = len(self._rest) - len(self._rest.rstrip("`~["))
            return len(self._rest) - min(tail, 3)
        if found.start():
            return found.start()
        return self._suspect(found.group())

    def _line_start(self) -> int:
        line = self._rest.split("\n", 1)[0]
        if len(line) == len(self._rest) and (may_become_label(line) or self._may_become_tool(line)):
            return 0
        label = LABEL.match(self._rest)
        kind = kind_of(label["word"]) if label is not None else None
        if label is not None and kind == "final":
            self._rest = self._rest[label.end() :].lstrip()
            self.is_final = True
            return len(self._rest)
        if kind in ("name", "input", "thought") or self._begins_with_tool(line):
            return self._hold()
        self._at_line_start = False
        return 0 if not self._rest else self._step()

    def _begins_with_tool(self, line: str) -> bool:
        word = _TOOL_LINE.match(line)
        return word is not None and self._names.find(word.group(1)) is not None

    def _may_become_tool(self, line: str) -> bool:
        """Whether the line, as far as it has come, may be the beginning of the name of a tool."""
        word = _WORD.fullmatch(line)
        if word is None:
            return False
        begun = word.group(1).lower()
        return any(name.lower().startswith(begun) for name in self._names.tools)

    def _suspect(self, sign: str) -> int:
        if sign == "\n":
            self._at_line_start = True
            return 1
        if sign[0] in "{｛":
            return self._brace()
        if sign == "<":
            return self._tag()
        if sign in ("```", "~~~"):
            return self._fence_start()
        return self._hold()

    def _brace(self) -> int:
        key = _KEY.match(self._rest)
        if key is None:
            undecided = len(self._rest) < _LONGEST_DOUBT and re.fullmatch(
                r"[{｛]\s{0,50}\\?[\"'“‘`]?(?:[^\W\d][\w -]{0,63})?", self._rest
            )
            return 0 if undecided else 1
        word = key.group(1).strip().lower()
        return self._hold() if word in _KEYS or word in FINAL or self._names.find(word) is not None else 1

    def _tag(self) -> int:
        tag = _TAG.match(self._rest)
        if tag is None:
            return 0 if re.fullmatch(r"</?\s?\|?", self._rest) else 1
        if tag.end() == len(self._rest) and len(self._rest) < _LONGEST_DOUBT:
            return 0
        name = tag.group(1)
        return self._hold() if name.lower() in CALL_TAGS or self._names.find(name) is not None else 1

    def _fence_start(self) -> int:
        fence = _FENCE.match(self._rest)
        if fence is None:
            return 0 if "\n" not in self._rest and len(self._rest) < 60 else 3
        if fence.group(1).lower() in _DATA_FENCES:
            begun = self._rest[fence.end() :].lstrip()
            if not begun and len(self._rest) < _LONGEST_DOUBT:
                return 0
            if (
                begun[:1] in ("{", "｛", "[", "<")
                or self._begins_with_tool(begun.split("\n", 1)[0])
                or LABEL.match(begun)
            ):
                return self._hold()
            word = re.match(r"[\w.]{1,64}", begun)
            if (
                word is not None
                and word.end() == len(begun)
                and any(name.startswith(begun) for name in self._names.tools)
            ):
                return 0
        self._fence = self._rest[:3]
        return fence.end()

    def _in_fence(self) -> int:
        end = self._rest.find(f"\n{self._fence}")
        if end < 0:
            return max(0, len(self._rest) - 4) or (1 if len(self._rest) > 4 else 0)
        self._fence = ""
        return end + 4

    def _hold(self) -> int:
        self.is_holding = True
        self._held.append(self._rest)
        self._rest = ""
        return 0
