"""Reading JSON that a model wrote by hand: what it means is taken, what it might mean is not guessed.

Read are: code fences around it, single, typographic and triple quotes, quotes inside a text that were not escaped, keys
without quotes, commas too many or too few, comments, Python's True, False and None, the brackets, colons and commas of
Chinese, raw line breaks in strings. Nothing is evaluated. Each character is looked at a bounded number of times.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

DEEPEST = 40
LONGEST = 1_000_000
_QUOTES = {'"': '"', "'": "'", "“": "”", "”": "”", "‘": "’", "’": "’", "「": "」", "＂": "＂", "`": "`"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "/": "/", "\\": "\\", "\n": ""}
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "none": None, "undefined": None}
_NUMBER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]{1,16}|\d{1,300}(?:\.\d{0,300})?(?:[eE][-+]?\d{1,3})?)")
_BARE = re.compile(r"[A-Za-z_$][\w$.-]{0,199}")
_TEXT = re.compile(r"[^\s\"'“”‘’{}\[\],:][^\n\"“”{}\[\],，]{0,500}")
_BLANK = re.compile(r"(?:\s|//[^\n]*|#[^\n]*|/\*(?:[^*]|\*(?!/))*\*/)+")
_COLONS = ":：=﹕"
_COMMAS = ",，、;；"
_OPEN = {"{": "}", "｛": "｝", "[": "]", "［": "］"}
_CLOSING = {"}": "}", "｝": "}", "]": "]", "］": "]"}
# What may follow the end of a string: a sign of JSON, the end of a line, a fence or a tag; with no comma a name and a
# colon; and no bracket behind which the line goes on to another quote and bracket: those are the string's own.
_AFTER_STRING = re.compile(
    r"[ \t]*\r?\n|\s*(?:[,，、;；:：=]|$|```|~~~|</|<\||"
    r"[}｝\]］](?!\s{0,50}[^\s\"'}｝\]］,，][^\"'\n]{0,200}[\"']\s{0,5}[}｝\]］])|"
    r"[\"'“‘][^\"'”’\n]{1,100}[\"'”’]\s{0,20}[:：]|[A-Za-z_]\w{0,100}\s{0,20}[:：])"
)
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


def read_json(text: str) -> Any:
    """The value that the whole text is. Raises NotJSON."""
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
    if reading.was_open:
        raise NotJSON("it breaks off before its last bracket is closed", len(body))
    return reading.value


def read_value(text: str, start: int, *, bare_text: bool = False, stop: re.Pattern[str] | None = None) -> Reading:
    """The value that begins at `start`, and where it ends; what follows does not matter. With `bare_text` a text may
    stand without quotes up to the next comma, bracket or end of line. Where `stop` matches between two members, the
    value breaks off. Raises NotJSON."""
    if text[start : start + 1] in ("{", "[", '"') and not text.startswith('"{"', start):
        try:
            value, end = _DECODER.raw_decode(text, start)
            return Reading(value=value, end=end, was_open=False)
        except (ValueError, RecursionError):
            pass
    reader = _Reader(text, start, bare_text, stop)
    value = reader.value(0)
    return Reading(value=value, end=reader.at, was_open=reader.was_open)


def _refuse(word: str) -> Any:
    raise ValueError(word)


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def _strict(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse)


def _skip(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at


class _Reader:
    def __init__(self, text: str, at: int, bare_text: bool, stop: re.Pattern[str] | None) -> None:
        self.text = text
        self.at = at
        self.was_open = False
        self._bare_text = bare_text
        self._stop = stop

    def value(self, depth: int) -> Any:
        if depth > DEEPEST:
            raise NotJSON(f"it is nested deeper than {DEEPEST} levels", self.at)
        character = self._peek()
        if character in ("{", "｛"):
            return self._object(depth)
        if character in ("[", "［"):
            return self._array(depth)
        if character in _QUOTES:
            return self._object_in_quotes(character, depth) or self._string(character)
        return self._scalar()

    def _object_in_quotes(self, quote: str, depth: int) -> dict[str, Any] | None:
        """The object in a string whose quotes were not escaped: `"{"query": "fuse"}"`."""
        if self.text[self.at + 1 : self.at + 3] != "{" + quote:
            return None
        self.at += 1
        found = self._object(depth)
        if self._peek() == _QUOTES[quote]:
            self.at += 1
        return found

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
            self.at += 2 if self.text.startswith("=>", self.at) else 1
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
        while character and character in _COMMAS:  # commas too many
            self.at += 1
            character = self._peek()
        if _CLOSING.get(character) == bracket:
            self.at += 1
            return True
        if not character or self._is_stopped() or (self._bare_text and character in _CLOSING):
            self.was_open = True
            return True
        return False

    def _is_stopped(self) -> bool:
        return self._stop is not None and self._stop.match(self.text, self.at) is not None

    def _separator(self, bracket: str) -> None:
        character = self._peek()
        if character and character in _COMMAS:
            self.at += 1
        elif character in _CLOSING and _CLOSING[character] != bracket and self._bare_text:
            self.was_open = True  # the bracket before it is missing
        elif character in _CLOSING and _CLOSING[character] != bracket:
            raise NotJSON(f"{character} closes what {bracket} should", self.at)
        elif self._is_stopped():
            self.was_open = True
        elif character and character not in _CLOSING and not self._begins_something(character):
            raise NotJSON(f"a comma or {bracket} is missing", self.at)

    def _begins_something(self, character: str) -> bool:
        return character in _QUOTES or character in _OPEN or _BARE.match(self.text, self.at) is not None

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
        if self.text.startswith(opening * 3, self.at) and opening in "\"'`":
            return self._tripled(opening * 3)
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
            elif character == closing and _AFTER_STRING.match(text, at + 1):
                parts.append(text[start:at])
                self.at = at + 1
                return "".join(parts)
            else:
                at += 1
        raise NotJSON("a string has no end", self.at)

    def _tripled(self, quotes: str) -> str:
        end = self.text.find(quotes, self.at + 3)
        if end < 0:
            raise NotJSON("a string has no end", self.at)
        found = self.text[self.at + 3 : end]
        self.at = end + 3
        return found

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
        if number is not None and self._ends(number.end()):
            self.at = number.end()
            return _number(number.group())
        bare = _BARE.match(self.text, self.at)
        if bare is not None and bare.group().lower() in _WORDS and self._ends(bare.end()):
            self.at = bare.end()
            return _WORDS[bare.group().lower()]
        text = _TEXT.match(self.text, self.at) if self._bare_text else None
        if text is not None:
            self.at = text.end()
            return text.group().strip()
        raise NotJSON("a value is missing, or a text without quotes stands in its place", self.at)

    def _ends(self, at: int) -> bool:
        """Whether what was read so far is the whole value, and not the beginning of a text without quotes."""
        if not self._bare_text:
            return _BARE.match(self.text, at) is None
        return re.match(r"[ \t]*(?:[,，、;；}｝\]］)\n#\"]|//|/\*|$)", self.text[at : at + 200]) is not None


def _number(text: str) -> int | float:
    if text.lower().lstrip("+-").startswith("0x"):
        return int(text, 16)
    value = float(text) if any(sign in text for sign in ".eE") else int(text)
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise NotJSON("a number is out of range", 0)
    return value
