"""What is typed after a slash, as the arguments that a tool's schema allows; nothing is guessed.

/name free words             the words are the tool's main argument, as they are
/name key=value key="a b"    arguments by name
/name tags=[a, "b c"]        a list; `tags=a tags=b` is one, too
/name labels={"a": 1}        an object, as JSON
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from agents.commands.wording import Wording

COMMAND = "command"
"""The phase of a run that is a command; what is typed chooses it, and nobody else."""

MOST_ARGUMENTS = 100
TRUE = frozenset({"true", "yes", "on", "1", "是", "开"})
FALSE = frozenset({"false", "no", "off", "0", "否", "关"})
MAIN_NAMES = ("query", "question", "expression", "expr", "text", "code", "name", "path", "url", "document_id")
"""Optional arguments that free words may stand for, the likeliest first."""
_COMMAND = re.compile(r"/(?P<name>[^\s/]*)[ \t]*(?P<rest>.*)", re.DOTALL)
_PAIR = re.compile(r"(?P<key>[A-Za-z_][\w.-]*)=")
_CLOSING = {"[": "]", "{": "}", "(": ")"}
_QUOTES = ("'", '"')


class CommandError(Exception):
    """What was typed cannot be done; the text says why."""

    def in_words(self, say: Wording) -> str:
        """Why, in the language of whoever typed it."""
        return str(self)


class Unreadable(CommandError):
    """What was typed cannot be read. `key` names the sentence that says where, what is wrong and what is allowed, and
    `values` fill its places; one that is a function puts itself into a language."""

    def __init__(self, key: str, **values: str | int | Callable[[Wording], str]) -> None:
        self.key, self.values = key, values
        super().__init__(self.in_words(Wording("en")))

    def in_words(self, say: Wording) -> str:
        """The sentence in the language of whoever typed it."""
        return say(self.key, **{name: value(say) if callable(value) else value for name, value in self.values.items()})


@dataclass(frozen=True, kw_only=True, slots=True)
class Typed:
    """A command as it was typed: its name in lower case and what follows it."""

    name: str
    rest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Arguments:
    """Arguments as they were read, and the names of required ones that are not among them, in their order."""

    values: Mapping[str, Any]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pair:
    key: str
    value: str
    quoted: bool


@dataclass(kw_only=True, slots=True)
class _Read:
    pairs: list[_Pair] = field(default_factory=list)
    words: list[str] = field(default_factory=list)


def is_command(text: str) -> bool:
    """Whether this is typed as a command: it begins with one slash, two make it an ordinary question."""
    return text.startswith("/") and not text.startswith("//")


def unescaped(text: str) -> str:
    """A question that was written with two slashes so as not to be a command, with one."""
    return text[1:] if text.startswith("//") else text


def read_command(text: str) -> Typed:
    """The command in a text for which `is_command` holds."""
    found = _COMMAND.match(text)
    assert found is not None
    return Typed(name=found["name"].lower().replace("-", "_"), rest=found["rest"].strip())


def main_argument(schema: Mapping[str, Any]) -> str | None:
    """The argument that free words stand for: the only required text, else the only argument, else one that is named
    like it; None where words could mean several things."""
    properties = _properties(schema)
    required = [name for name in schema.get("required") or () if _is_text(properties.get(name))]
    if len(required) == 1:
        return str(required[0])
    if required:
        return next((name for name in MAIN_NAMES if name in required), None)
    texts = [name for name, each in properties.items() if _is_text(each)]
    if len(properties) == 1 and texts:
        return texts[0]
    return next((name for name in MAIN_NAMES if name in texts), None)


def read_arguments(schema: Mapping[str, Any], text: str) -> Arguments:
    """What was typed, by the names and types of the schema. Raises CommandError."""
    properties, main = _properties(schema), main_argument(schema)
    read = _split(text, properties, has_main=main is not None)
    values: dict[str, Any] = {}
    for pair in read.pairs:
        _take(values, pair, properties[pair.key])
    words = " ".join(read.words)
    if words and main is None:
        raise Unreadable("belongs_nowhere", words=_shown(words), allowed=partial(allowed, schema))
    if words and main in values:
        raise Unreadable("twice_by_words", name=str(main), words=_shown(words))
    if words and main is not None:
        values[main] = _typed(main, _unquoted(words), properties[main])
    missing = tuple(str(name) for name in schema.get("required") or () if name not in values)
    return Arguments(values=values, missing=missing)


def read_value(name: str, text: str, schema: Mapping[str, Any]) -> Any:
    """One argument, given by itself. Raises CommandError."""
    return _typed(name, _unquoted(text.strip()), _properties(schema).get(name))


def allowed(schema: Mapping[str, Any], say: Wording) -> str:
    """The arguments that there are, in a sentence."""
    properties, required = _properties(schema), schema.get("required") or ()
    if not properties:
        return say("takes_nothing")
    named = [say("ask", name=name, kind=about(each, say, name in required)) for name, each in properties.items()]
    return say("takes", names=say("between").join(named[:30]), more=" …" if len(named) > 30 else "")


def about(schema: Any, say: Wording, is_required: bool) -> str:
    """What values an argument takes, and whether it must be given."""
    return say("required", kind=kind_of(schema, say)) if is_required else kind_of(schema, say)


def kind_of(schema: Any, say: Wording) -> str:
    """What values an argument takes, in a few words."""
    if isinstance(schema, Mapping) and isinstance(schema.get("enum"), list):
        return say("one_of", names=say("between").join(str(each) for each in schema["enum"][:30]))
    return say("or").join(say.kind(kind) for kind in _kinds(schema)) or say.kind("any")


def _split(text: str, properties: Mapping[str, Any], *, has_main: bool) -> _Read:
    """Arguments by name, and the words between them; words that stand together stay as they were typed."""
    read, scanner = _Read(), _Scanner(text)
    position, begun = 0, None
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        pair = _PAIR.match(text, position)
        if pair is None or not _is_argument(pair["key"], properties, has_main=has_main):
            begun = position if begun is None else begun
            position = scanner.word_end(position)
            continue
        if begun is not None:
            read.words.append(text[begun:position].strip())
            begun = None
        if len(read.pairs) >= MOST_ARGUMENTS:
            raise Unreadable("too_many", count=MOST_ARGUMENTS)
        position = scanner.value_end(pair.end(), pair["key"])
        value = text[pair.end() : position]
        quoted = value[:1] in _QUOTES
        read.pairs.append(_Pair(key=pair["key"], value=_unquoted(value) if quoted else value, quoted=quoted))
    if begun is not None:
        read.words.append(text[begun:].strip())
    return read


def _is_argument(key: str, properties: Mapping[str, Any], *, has_main: bool) -> bool:
    """Whether `key=` begins an argument; what looks like one and is none is an error, unless it may be free words."""
    if key in properties:
        return True
    near = difflib.get_close_matches(key.lower()[:80], list(properties), n=1, cutoff=0.75)
    if near:
        raise Unreadable("no_such_but", name=key[:80], near=near[0])
    if has_main:
        return False
    raise Unreadable("no_such", name=key[:80], allowed=partial(allowed, {"properties": properties}))


class _Scanner:
    """Finds ends in one text. What is known not to be closed is not looked for again, so no text takes long."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._unclosed: set[str] = set()

    def value_end(self, start: int, key: str) -> int:
        """Where a value ends: a quoted one at its closing quote, a list or object at its bracket, others at a space."""
        opening = self._text[start : start + 1]
        if opening in _QUOTES:
            end = self.quote_end(start)
            if end is None:
                raise Unreadable("quote_open", name=key, position=start + 1)
            return end
        if opening in ("[", "{"):
            end = self.bracket_end(start)
            if end is None:
                raise Unreadable(
                    "bracket_open", name=key, opening=opening, position=start + 1, closing=_CLOSING[opening]
                )
            return end
        return self.word_end(start)

    def word_end(self, start: int) -> int:
        """The end of a word; in brackets and quotes spaces do not end it, as far as those are closed."""
        text, position = self._text, start
        while position < len(text) and not text[position].isspace():
            letter, end = text[position], None
            if letter in _CLOSING:
                end = self.bracket_end(position)
            elif letter in _QUOTES and (position == start or not text[position - 1].isalnum()):
                end = self.quote_end(position)
            position = position + 1 if end is None else end
        return position

    def quote_end(self, start: int) -> int | None:
        quote, position = self._text[start], start + 1
        if quote in self._unclosed:
            return None
        while position < len(self._text):
            if self._text[position] == "\\":
                position += 1
            elif self._text[position] == quote:
                return position + 1
            position += 1
        self._unclosed.add(quote)
        return None

    def bracket_end(self, start: int) -> int | None:
        text, open_, position = self._text, list[str](), start
        if text[start] in self._unclosed:
            return None
        while position < len(text):
            letter, end = text[position], None
            if letter in _CLOSING:
                open_.append(_CLOSING[letter])
            elif open_ and letter == open_[-1]:
                open_.pop()
                if not open_:
                    return position + 1
            elif letter in _QUOTES:
                end = self.quote_end(position)
            position = position + 1 if end is None else end
        self._unclosed.add(text[start])
        return None


def _unquoted(text: str) -> str:
    """The text without the quotes around the whole of it."""
    if len(text) < 2 or text[0] not in _QUOTES or _Scanner(text).quote_end(0) != len(text):
        return text
    return re.sub(r"\\([\\'\"])", r"\1", text[1:-1])


def _take(values: dict[str, Any], pair: _Pair, schema: Any) -> None:
    value = _typed(pair.key, pair.value, schema, quoted=pair.quoted)
    if pair.key not in values:
        values[pair.key] = value
    elif isinstance(values[pair.key], list) and isinstance(value, list):
        values[pair.key] = [*values[pair.key], *value]
    else:
        raise Unreadable("twice", name=pair.key)


def _typed(key: str, text: str, schema: Any, *, quoted: bool = False) -> Any:
    """A value of the type that the schema names; what it has no word for is checked with the call."""
    kinds = _kinds(schema)
    if isinstance(schema, Mapping) and isinstance(schema.get("enum"), list):
        return _chosen(key, text, schema["enum"])
    if not kinds or ("string" in kinds and (quoted or len(kinds) == 1)):
        return text
    for kind in kinds:
        if kind == "string":
            return text
        found, value = _parsed(key, text, kind, schema)
        if found:
            return value
    raise Unreadable("must_be", name=key, kind=partial(kind_of, schema), given=_shown(text))


def _parsed(key: str, text: str, kind: str, schema: Any) -> tuple[bool, Any]:
    if kind == "boolean":
        lower = text.lower()
        return lower in TRUE | FALSE, lower in TRUE
    if kind == "null":
        return text in ("null", "none"), None
    if kind == "array":
        return _list(key, text, schema)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False, None
    if kind == "object":
        return isinstance(value, dict), value
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        value = int(value)
    wanted = int if kind == "integer" else (int, float)
    return isinstance(value, wanted) and not isinstance(value, bool), value


def _list(key: str, text: str, schema: Any) -> tuple[bool, Any]:
    items = schema.get("items") if isinstance(schema, Mapping) else None
    if text.startswith("["):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, list):
            return True, value
        text = text[1:-1] if text.endswith("]") else text[1:]
    return True, [_typed(f"{key}[]", _unquoted(part), items) for part in _parts(text)]


def _parts(text: str) -> list[str]:
    """What commas outside of quotes and brackets part."""
    parts, start, position, scanner = list[str](), 0, 0, _Scanner(text)
    while position < len(text):
        letter, end = text[position], None
        if letter in _CLOSING:
            end = scanner.bracket_end(position)
        elif letter in _QUOTES:
            end = scanner.quote_end(position)
        elif letter == ",":
            parts.append(text[start:position])
            start = position + 1
        position = position + 1 if end is None else end
    return [part.strip() for part in [*parts, text[start:]] if part.strip()]


def _chosen(key: str, text: str, options: list[Any]) -> Any:
    for option in options:
        if str(option).lower() == text.lower() or json.dumps(option) == text:
            return option
    raise Unreadable("must_be", name=key, kind=partial(kind_of, {"enum": options}), given=_shown(text))


def _kinds(schema: Any) -> list[str]:
    kind = schema.get("type") if isinstance(schema, Mapping) else None
    kinds = kind if isinstance(kind, list) else [kind]
    # A text is what anything can be read as, so it comes last.
    return sorted((str(each) for each in kinds if each), key=lambda each: each == "string")


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = schema.get("properties")
    return properties if isinstance(properties, Mapping) else {}


def _is_text(schema: Any) -> bool:
    return "string" in _kinds(schema)


def _shown(text: str) -> str:
    flat = " ".join(text.split())
    return repr(flat if len(flat) <= 60 else f"{flat[:59]}…")
