"""YAML as plain values that know where they stand in the text. Of YAML only what a definition needs is read.

No anchors, aliases or tags, one document, bounded in size, depth and number of values; the same key twice is an error.
Plain words mean what they mean in YAML 1.2: `true`, `false`, `null` and numbers; `yes`, `on` and `12:30` are text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from agents.phases.findings import Finding, Path, shown

MAX_CHARACTERS = 200_000
MAX_VALUES = 10_000
MAX_DEPTH = 24

# The same parser in C where the library was built with it: a tenth of the time.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?")
_CONSTANTS = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """Counted from 1."""

    line: int
    column: int


TOP = Position(line=1, column=1)


@dataclass(kw_only=True, slots=True)
class YamlText:
    """The value of a text, and where each key and each value in it begins."""

    value: Any = None
    keys: dict[Path, Position] = field(default_factory=dict)
    values: dict[Path, Position] = field(default_factory=dict)

    def at_key(self, path: Path) -> Position:
        """Where the key of this path stands, or the nearest thing around it that has a place."""
        while path and path not in self.keys and path not in self.values:
            path = path[:-1]
        return self.keys.get(path) or self.values.get(path, TOP)

    def at_value(self, path: Path) -> Position:
        """Where the value of this path begins, or the nearest thing around it that has a place."""
        return self.values.get(path) or self.at_key(path)


class _Refused(Exception):
    def __init__(self, position: Position, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.finding = Finding(line=position.line, column=position.column, code=code, message=message, hint=hint)


def read_yaml(text: str) -> tuple[YamlText, list[Finding]]:
    """The text's value with its places; and what is wrong with it as YAML, in which case the value is not whole."""
    reader = _Reader()
    try:
        _check_text(text)
        reader.read(text)
    except _Refused as refused:
        reader.findings.append(refused.finding)
    except yaml.MarkedYAMLError as error:
        reader.findings.append(_syntax(text, error))
    except (yaml.YAMLError, ValueError):
        reader.findings.append(_Refused(TOP, "yaml_syntax", "This cannot be read as YAML.").finding)
    return reader.made, reader.findings


def _check_text(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise _Refused(TOP, "too_long", f"The text is longer than {MAX_CHARACTERS:,} characters.")
    bad = re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]", text)
    if bad is not None:
        before = text[: bad.start()]
        place = Position(line=before.count("\n") + 1, column=len(before) - before.rfind("\n"))
        raise _Refused(place, "bad_character", f"The character {bad[0]!a} cannot stand in YAML.", "Remove it.")


def _syntax(text: str, error: yaml.MarkedYAMLError) -> Finding:
    mark = error.problem_mark or error.context_mark
    place = TOP if mark is None else _place(mark)
    lines = text.splitlines()
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    said = " ".join(str(each) for each in (error.context, error.problem) if each)
    return _Refused(
        place, "yaml_syntax", f"This cannot be read as YAML: {said[:300]}.", _syntax_hint(said, line)
    ).finding


def _syntax_hint(said: str, line: str) -> str:
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "Indent with spaces, not with tabs."
    if "mapping values are not allowed" in said:
        return "Put a text that has a colon and a space in it into quotes, and indent keys of one level alike."
    if "cannot start any token" in said:
        return "Put a text that begins with @, ` or % into quotes."
    if "block mapping" in said or "block collection" in said:
        return "Indent the keys of one level alike, and write each as 'key: value'."
    if "quoted scalar" in said:
        return "A quote is opened and not closed."
    return ""


def _place(mark: Any) -> Position:
    return Position(line=mark.line + 1, column=mark.column + 1)


class _Reader:
    """Builds one document from the parser's events, refusing on the way what is not read."""

    def __init__(self) -> None:
        self.made = YamlText()
        self.findings: list[Finding] = []
        self._count = 0

    def read(self, text: str) -> None:
        events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _Refused(
                        _place(event.start_mark), "several_documents", "A file holds one phase.", "Remove the '---'."
                    )
            elif isinstance(event, yaml.NodeEvent):
                self.made.value = self._node(event, events, ())
        if not documents:
            raise _Refused(TOP, "empty", "The text is empty.", "Begin with 'name:', 'title:', 'agents:' and 'chains:'.")

    def _node(self, event: Any, events: Iterator[Any], path: Path) -> Any:
        self._check(event, path)
        self.made.values[path] = _place(event.start_mark)
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(events, path)
        return self._mapping(events, path)

    def _sequence(self, events: Iterator[Any], path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(self._node(event, events, (*path, len(items))))
        return items

    def _mapping(self, events: Iterator[Any], path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            place = _place(event.start_mark)
            if not isinstance(event, yaml.ScalarEvent):
                raise _Refused(place, "bad_key", "A key is one word, not a list or a mapping.")
            self._check(event, path)
            key, at = str(event.value), (*path, str(event.value))
            if key in found:
                self.findings.append(self._twice(key, at, place))
                at = (*at, "\x00again")  # what stands there is read, and counts for nothing
            self.made.keys[at] = place
            value = self._node(next(events), events, at)
            found.setdefault(key, value)
        return found

    def _twice(self, key: str, at: Path, place: Position) -> Finding:
        message = f"The key {shown(key)} stands here a second time; the first is in line {self.made.keys[at].line}."
        return _Refused(place, "duplicate_key", message, "Keep one of them.").finding

    def _check(self, event: Any, path: Path) -> None:
        place = _place(event.start_mark)
        self._count += 1
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise _Refused(
                place, "alias", "Anchors (&) and aliases (*) are not read.", "Write it out; put quotes around text."
            )
        if event.tag is not None:
            raise _Refused(place, "tag", f"Tags such as {shown(event.tag)} are not read.", "Remove the tag.")
        if self._count > MAX_VALUES:
            raise _Refused(place, "too_many_values", f"There are more than {MAX_VALUES:,} values.")
        if len(path) > MAX_DEPTH:
            raise _Refused(place, "too_deep", f"This is nested deeper than {MAX_DEPTH} levels.")


def _scalar(event: Any) -> Any:
    """The value of a word: what is in quotes, or in a block, is text."""
    text = str(event.value)
    if event.style is not None and event.style != "":
        return text
    if text.lower() in _CONSTANTS and text in (text.lower(), text.capitalize(), text.upper()):
        return _CONSTANTS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text
