"""The numbers that Word shows before headings and list items, which its files keep only as rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from docx.document import Document
from docx.oxml.ns import qn

_DEEPEST = 8
_MOST_BASES = 20
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
          (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
_HAN_DIGITS = "零一二三四五六七八九"
_LONGEST_TEXT = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Label:
    """What stands before a paragraph: `text` as Word shows it, "" for a bullet, at `depth` from 0."""

    depth: int
    text: str


@dataclass(kw_only=True, slots=True)
class _Level:
    format: str = "decimal"
    text: str = ""
    start: int = 1
    style: str = ""


@dataclass(kw_only=True, slots=True)
class _List:
    """A list of the document: lists of one `family` count on from each other, unless one starts anew."""

    family: str
    levels: dict[int, _Level]
    restarts: dict[int, int] = field(default_factory=dict)


class Numbering:
    """Counts the numbered paragraphs of one document, in its order."""

    def __init__(self, document: Document) -> None:
        self._lists = _lists(document)
        self._styles = _style_numbers(document)
        self._counts: dict[str, dict[int, int]] = {}
        self._begun: set[tuple[str, int]] = set()

    def label(self, paragraph: Any, style_id: str) -> Label | None:
        """The label of the next paragraph; None when it has none."""
        number, depth = self._of(paragraph, style_id)
        found = self._lists.get(number)
        if found is None or depth not in found.levels or found.levels[depth].format == "none":
            return None
        counts = self._counts.setdefault(found.family, {})
        if depth in found.restarts and (number, depth) not in self._begun:
            counts.pop(depth, None)
        self._begun.add((number, depth))
        counts[depth] = counts.get(depth, found.restarts.get(depth, found.levels[depth].start) - 1) + 1
        for deeper in [each for each in counts if each > depth]:
            del counts[deeper]
        return Label(depth=depth, text=_shown(found, depth, counts))

    def _of(self, paragraph: Any, style_id: str) -> tuple[str, int]:
        inherited, inherited_depth = self._styles.get(style_id, ("", None))
        number = value_of(paragraph, "w:pPr/w:numPr/w:numId") or inherited
        level = value_of(paragraph, "w:pPr/w:numPr/w:ilvl")
        if level.isdecimal():
            return number, min(int(level), _DEEPEST)
        if inherited_depth is None and number in self._lists:
            levels = self._lists[number].levels.items()
            inherited_depth = next((depth for depth, each in levels if each.style == style_id), 0)
        return number, min(inherited_depth or 0, _DEEPEST)


def value_of(element: Any, path: str) -> str:
    """The w:val of a descendant, or ""."""
    for step in path.split("/"):
        element = element.find(qn(step))
        if element is None:
            return ""
    return str(element.get(qn("w:val")) or "")


def _shown(found: _List, depth: int, counts: dict[int, int]) -> str:
    level = found.levels[depth]
    if level.format == "bullet":
        return ""
    text = level.text or f"%{depth + 1}."
    for each in range(depth + 1):
        if f"%{each + 1}" in text:
            shape = found.levels.get(each) or _Level()
            text = text.replace(f"%{each + 1}", _counted(counts.get(each, shape.start), shape.format))
    return text.strip()


def _counted(number: int, shape: str) -> str:
    if number < 1 or number > 9_999:
        return str(number)
    match shape:
        case "lowerLetter" | "upperLetter":
            letters = chr(97 + (number - 1) % 26) * min((number - 1) // 26 + 1, 5)
            return letters.upper() if shape.startswith("upper") else letters
        case "lowerRoman" | "upperRoman":
            return _roman(number).upper() if shape.startswith("upper") else _roman(number)
        case "decimalZero":
            return f"{number:02}"
        case "chineseCounting" | "chineseCountingThousand" | "japaneseCounting" | "taiwaneseCountingThousand":
            return _han(number)
        case _:
            return str(number)


def _roman(number: int) -> str:
    signs = []
    for value, sign in _ROMAN:
        signs.append(sign * (number // value))
        number %= value
    return "".join(signs)


def _han(number: int) -> str:
    if number >= 100:
        return str(number)
    tens, ones = divmod(number, 10)
    lead = "" if tens == 0 else "十" if tens == 1 else f"{_HAN_DIGITS[tens]}十"
    return lead + (_HAN_DIGITS[ones] if ones or not lead else "")


def _lists(document: Document) -> dict[str, _List]:
    try:
        numbering = document.part.numbering_part.element
    except (KeyError, NotImplementedError, AttributeError):
        return {}
    families = {
        each.get(qn("w:abstractNumId"), ""): dict(_levels(each)) for each in numbering.iterchildren(qn("w:abstractNum"))
    }
    found: dict[str, _List] = {}
    for each in numbering.iterchildren(qn("w:num")):
        family = value_of(each, "w:abstractNumId")
        one = _List(family=family, levels=dict(families.get(family, {})))
        for override in each.iterchildren(qn("w:lvlOverride")):
            one.levels.update(_levels(override))
            depth, start = override.get(qn("w:ilvl"), "0"), value_of(override, "w:startOverride")
            if start.isdecimal() and depth.isdecimal():
                one.restarts[int(depth)] = _small(start, 1)
        found[each.get(qn("w:numId"), "")] = one
    return found


def _levels(parent: Any) -> Iterator[tuple[int, _Level]]:
    for level in parent.iterchildren(qn("w:lvl")):
        depth = level.get(qn("w:ilvl"), "0")
        if depth.isdecimal() and len(depth) < 3:
            yield (
                int(depth),
                _Level(
                    format=value_of(level, "w:numFmt") or "decimal",
                    text=value_of(level, "w:lvlText")[:_LONGEST_TEXT],
                    start=_small(value_of(level, "w:start"), 1),
                    style=value_of(level, "w:pStyle"),
                ),
            )


def _small(text: str, otherwise: int) -> int:
    return int(text) if text.isdecimal() and len(text) < 6 else otherwise


def _style_numbers(document: Document) -> dict[str, tuple[str, int | None]]:
    """By style id: the list that paragraphs of this style belong to, and at which level when it says so."""
    styles = {style.get(qn("w:styleId"), ""): style for style in document.styles.element.iterchildren(qn("w:style"))}
    found: dict[str, tuple[str, int | None]] = {}
    for name in styles:
        number, level, each = "", "", name
        for _ in range(_MOST_BASES):
            style = styles.get(each)
            if style is None:
                break
            number = number or value_of(style, "w:pPr/w:numPr/w:numId")
            level = level or value_of(style, "w:pPr/w:numPr/w:ilvl")
            each = value_of(style, "w:basedOn")
        if number:
            found[name] = (number, int(level) if level.isdecimal() else None)
    return found
