"""Reading JSON that a model wrote by hand: what it means is taken, what it might mean is not guessed.

Read are: code fences around it, single and typographic quotes, keys without quotes, trailing commas, comments, Python's
True, False and None, the colons and commas of Chinese, raw line breaks in strings. Nothing is evaluated. Each character
is looked at a bounded number of times.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

DEEPEST = 40
LONGEST = 1_000_000
_QUOTES = {'"': '"', "'": "'", "“": "”", "”": "”", "‘": "’", "’": "’", "「": "」", "＂": "＂"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "/": "/", "\\": "\\", "\n": ""}
_WORDS: dict[str, Any] = {
    "true": True,
    "false": False,
    "null": None,
    "none": None,
    "undefined": None,
}
_NUMBER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]{1,16}|\d{1,300}(?:\.\d{0,300})?(?:[eE][-+]?\d{1,3})?)")
_BARE = re.compile(r"[A-Za-z_$][\w$.-]{0,199}")
_BLANK = re.compile(r"(?:\s|//[^\n]*|#[^\n]*|/\*(?:[^*]|\*(?!/))*\*/)+")
_COLONS = ":：=﹕"
_COMMAS = ",，、;；"
_AFTER_STRING = re.compile(r"\s*(?:[,，、;；:：}\]\)]|$)")
_FENCE = re.compile(r"\A\s*(?:```|~~~)[\w+-]*[ \t]*\r?\n?(.*?)(?:\r?\n)?(?:```|~~~)?\s*\Z", re.DOTALL)


class NotJSON(ValueError):
    """`position` is where the text stopped making sense."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A value, where its text ends, and whether closing brackets were missing at the end of the text."""

    value: Any
    end: int
    was_open: bool


def read_json(text: str, *, may_be_open: bool = False) -> Any:
    """The value that the whole text is. With `may_be_open` closing brackets may be missing at its end, never the end
    of a string or number. Raises NotJSON."""
    if len(text) > LONGEST:
        raise NotJSON(f"it is longer than {LONGEST:,} characters", 0)
    try:
        return _strict(text)
    except (ValueError, RecursionError):
        pass
    fenced = _FENCE.match(text) if text.lstrip()[:3] in ("```", "~~~") else None
    body = fenced.group(1) if fenced else text
    reading = read_value(body, 0)
    rest = _skip(body, reading.end)
    if rest < len(body):
        raise NotJSON("something follows the value", rest)
    if reading.was_open and not may_be_open:
        raise NotJSON("it breaks off before its last bracket is closed", len(body))
    return reading.value


def read_value(text: str, start: int) -> Reading:
    """The value that begins at `start`, and where it ends; what follows does not matter. Raises NotJSON."""
    reader = _Reader(text, start)
    value = reader.value(0)
    return Reading(value=value, end=reader.at, was_open=reader.was_open)


def _strict(text: str) -> Any:
    def refuse(word: str) -> Any:
        raise ValueError(word)

    return json.loads(text, parse_constant=refuse)


def _skip(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at


class _Reader:
    def __init__(self, text: str, at: int) -> None:
        self.text = text
        self.at = at
        self.was_open = False

    def value(self, depth: int) -> Any:
        if depth > DEEPEST:
            raise NotJSON(f"it is nested deeper than {DEEPEST} levels", self.at)
        character = self._peek()
        if character == "{":
            return self._object(depth)
        if character == "[":
            return self._array(depth)
        if character in _QUOTES:
            return self._string(character)
        return self._scalar()

    def _peek(self) -> str:
        self.at = _skip(self.text, self.at)
        return self.text[self.at] if self.at < len(self.text) else ""

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self.at += 1
        while not self._closed("}"):
            key = self._key()
            if self._peek() not in _COLONS or not self._peek():
                raise NotJSON(f"a colon is missing after the name {key[:60]!r}", self.at)
            self.at += 1
            found[key] = self.value(depth + 1)
            self._separator("}")
        return found

    def _array(self, depth: int) -> list[Any]:
        found = []
        self.at += 1
        while not self._closed("]"):
            found.append(self.value(depth + 1))
            self._separator("]")
        return found

    def _closed(self, bracket: str) -> bool:
        character = self._peek()
        if character == bracket:
            self.at += 1
            return True
        if not character:
            self.was_open = True
            return True
        return False

    def _separator(self, bracket: str) -> None:
        character = self._peek()
        if character and character in _COMMAS:
            self.at += 1
        elif character and character not in "}]" and character not in _QUOTES and not _BARE.match(self.text, self.at):
            raise NotJSON(f"a comma or {bracket} is missing", self.at)
        elif character and character != bracket and character in "}]":
            raise NotJSON(f"{character} closes what {bracket} should", self.at)

    def _key(self) -> str:
        character = self._peek()
        if character in _QUOTES:
            return self._string(character)
        bare = _BARE.match(self.text, self.at)
        if bare is None:
            raise NotJSON("a name is missing", self.at)
        self.at = bare.end()
        return bare.group()

    def _string(self, opening: str) -> str:
        closing = _QUOTES[opening]
        parts: list[str] = []
        at = start = self.at + 1
        text = self.text
        while at < len(text):
            character = text[at]
            if character == "\\":
                parts.append(text[start:at])
                piece, at = self._escape(at + 1)
                parts.append(piece)
                start = at
            elif character == closing and (closing == '"' or _AFTER_STRING.match(text, at + 1)):
                parts.append(text[start:at])
                self.at = at + 1
                return "".join(parts)
            else:
                at += 1
        raise NotJSON("a string has no end", self.at)

    def _escape(self, at: int) -> tuple[str, int]:
        character = self.text[at : at + 1]
        if character == "u":
            return self._code_point(at + 1)
        if character in _ESCAPES:
            return _ESCAPES[character], at + 1
        # \d, \' and the like: a model that writes a pattern or a path means the sign itself.
        return (character if character in "\"'`$" else "\\" + character), at + 1

    def _code_point(self, at: int) -> tuple[str, int]:
        first = self._four(at)
        if 0xD800 <= first < 0xDC00 and self.text[at + 4 : at + 6] == "\\u":
            second = self._four(at + 6)
            if 0xDC00 <= second < 0xE000:
                return chr(0x10000 + ((first - 0xD800) << 10) + second - 0xDC00), at + 10
        return chr(first), at + 4

    def _four(self, at: int) -> int:
        digits = self.text[at : at + 4]
        if len(digits) < 4 or any(digit not in "0123456789abcdefABCDEF" for digit in digits):
            raise NotJSON("\\u needs four hexadecimal digits", at)
        return int(digits, 16)

    def _scalar(self) -> Any:
        number = _NUMBER.match(self.text, self.at)
        if number is not None and not _BARE.match(self.text, number.end()):
            self.at = number.end()
            return _number(number.group())
        bare = _BARE.match(self.text, self.at)
        if bare is not None and bare.group().lower() in _WORDS:
            self.at = bare.end()
            return _WORDS[bare.group().lower()]
        raise NotJSON("a value is missing, or a text without quotes stands in its place", self.at)


def _number(text: str) -> int | float:
    if text.lower().lstrip("+-").startswith("0x"):
        return int(text, 16)
    value = float(text) if any(sign in text for sign in ".eE") else int(text)
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise NotJSON("a number is out of range", 0)
    return value
