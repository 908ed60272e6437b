"""What stands on a page of a PDF: words with their places, as lines, and the rules drawn between them."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pypdfium2 as pdfium  # type: ignore[import-untyped]
import pypdfium2.raw as raw  # type: ignore[import-untyped]

MOST_CHARACTERS = 200_000
"""Characters of one page that are read."""

_HYPHENS = (0x2, 0xFFFE)
_MOST_OBJECTS, _MOST_SEGMENTS = 20_000, 100_000
_THIN = 3.0
_SHORTEST_RULE = 8.0


@dataclass(frozen=True, slots=True)
class Word:
    """A run of characters without a space; `y` is its baseline, counted downwards from the top of the page."""

    x0: float
    x1: float
    y: float
    size: float
    text: str


@dataclass(slots=True)
class Line:
    """Words on one baseline, from left to right."""

    words: list[Word] = field(default_factory=list)

    @property
    def y(self) -> float:
        return self.words[0].y

    @property
    def size(self) -> float:
        return max(word.size for word in self.words)

    @property
    def x0(self) -> float:
        return self.words[0].x0

    @property
    def x1(self) -> float:
        return self.words[-1].x1

    @property
    def text(self) -> str:
        return join_words(word.text for word in self.words)


def join_words(words: Iterable[str]) -> str:
    """Words with a space between them, but where both sides are written without."""
    parts: list[str] = []
    for word in words:
        if parts and not (is_wide(parts[-1][-1]) and is_wide(word[0])):
            parts.append(" ")
        parts.append(word)
    return "".join(parts)


def is_wide(character: str) -> bool:
    """Whether a character is one of a script without spaces: Han, kana, full-width signs."""
    return "\u2e80" <= character <= "\u9fff" or "\uf900" <= character <= "\ufaff" or "\uff00" <= character <= "\uff60"


@dataclass(frozen=True, slots=True)
class Rule:
    """A horizontal or vertical rule: at `at`, from `start` to `end`."""

    at: float
    start: float
    end: float


@dataclass(slots=True)
class Page:
    """One page, read once."""

    lines: list[Line]
    horizontal: list[Rule]
    vertical: list[Rule]
    cut: bool = False
    """Whether it holds more characters than are read."""


class Turned:
    """Places as a reader sees them: the page turned upright, counted downwards."""

    def __init__(self, page: Any) -> None:
        self._rotation = page.get_rotation()
        left, bottom, right, top = page.get_bbox()
        self._box = (left, bottom, right, top)

    def __call__(self, x: float, y: float) -> tuple[float, float]:
        left, bottom, right, top = self._box
        match self._rotation:
            case 90:
                return y - bottom, x - left
            case 180:
                return right - x, y - bottom
            case 270:
                return top - y, right - x
            case _:
                return x - left, top - y


def read_page(document: Any, number: int) -> Page:
    """The lines and rules of a page. Raises PdfiumError for one that is broken."""
    page = document[number]
    try:
        turned = Turned(page)
        textpage = page.get_textpage()
        try:
            count = textpage.count_chars()
            words = list(_words(textpage, min(count, MOST_CHARACTERS), turned))
        finally:
            textpage.close()
        horizontal, vertical = _rules(page, turned)
        return Page(lines=lines_of(words), horizontal=horizontal, vertical=vertical, cut=count > MOST_CHARACTERS)
    finally:
        page.close()


def _words(textpage: Any, count: int, turned: Turned) -> Iterator[Word]:
    x, y = ctypes.c_double(), ctypes.c_double()
    box = raw.FS_RECTF()
    letters: list[str] = []
    start = end = base = size = 0.0
    for index in range(count):
        code = raw.FPDFText_GetUnicode(textpage, index)
        code = 0x2D if code in _HYPHENS else code
        if code <= 0x20 or code == 0xA0 or code == 0x3000:
            if letters:
                yield Word(start, end, base, size, "".join(letters))
                letters = []
            continue
        raw.FPDFText_GetCharOrigin(textpage, index, x, y)
        # The loose box is as wide as the character's advance: what is drawn of a full-width comma is not.
        raw.FPDFText_GetLooseCharBox(textpage, index, box)
        own_size = raw.FPDFText_GetFontSize(textpage, index) or 1.0
        _, own_base = turned(x.value, y.value)
        first, second = turned(box.left, box.bottom), turned(box.right, box.top)
        own_size = _height(own_size, abs(second[1] - first[1]))
        own_start, own_end = min(first[0], second[0]), max(first[0], second[0])
        if letters and (abs(own_base - base) > 0.5 * size or not -size < own_start - end < 0.6 * size):
            yield Word(start, end, base, size, "".join(letters))
            letters = []
        if not letters:
            start, base, size = own_start, own_base, own_size
        letters.append(chr(code) if code < 0x110000 else "\ufffd")
        end = max(own_end, start) if len(letters) == 1 else max(end, own_end)
    if letters:
        yield Word(start, end, base, size, "".join(letters))


def _height(size: float, drawn: float) -> float:
    """The size of a character: what its font says, unless a matrix scales a font of size 1."""
    return size if size > 2 or drawn <= 2 else drawn


def lines_of(words: list[Word]) -> list[Line]:
    """Words gathered into lines by their baselines, from the top."""
    lines: list[Line] = []
    for word in sorted(words, key=lambda each: each.y):
        last = lines[-1] if lines else None
        if last is not None and word.y - last.words[0].y <= 0.4 * max(word.size, last.words[0].size, 1.0):
            last.words.append(word)
        else:
            lines.append(Line([word]))
    for line in lines:
        line.words.sort(key=lambda each: each.x0)
    return lines


def _rules(page: Any, turned: Turned) -> tuple[list[Rule], list[Rule]]:
    horizontal: list[Rule] = []
    vertical: list[Rule] = []
    seen = 0
    for number, each in enumerate(page.get_objects(filter=[raw.FPDF_PAGEOBJ_PATH], max_depth=3)):
        if number >= _MOST_OBJECTS or seen >= _MOST_SEGMENTS:
            break
        for start, end in _segments(each):
            seen += 1
            (x0, y0), (x1, y1) = turned(*start), turned(*end)
            if abs(y1 - y0) <= _THIN and abs(x1 - x0) >= _SHORTEST_RULE:
                horizontal.append(Rule((y0 + y1) / 2, min(x0, x1), max(x0, x1)))
            elif abs(x1 - x0) <= _THIN and abs(y1 - y0) >= _SHORTEST_RULE:
                vertical.append(Rule((x0 + x1) / 2, min(y0, y1), max(y0, y1)))
    return horizontal, vertical


def _segments(each: Any) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    """The straight edges of a path, in the coordinates of the page."""
    matrix = each.get_matrix()
    count = raw.FPDFPath_CountSegments(each)
    x, y = ctypes.c_float(), ctypes.c_float()
    begin = last = (0.0, 0.0)
    for index in range(min(count, 1_000)):
        segment = raw.FPDFPath_GetPathSegment(each, index)
        raw.FPDFPathSegment_GetPoint(segment, x, y)
        point = matrix.on_point(x.value, y.value)
        kind = raw.FPDFPathSegment_GetType(segment)
        if kind == raw.FPDF_SEGMENT_MOVETO:
            begin = point
        elif kind == raw.FPDF_SEGMENT_LINETO:
            yield last, point
        last = point
        if raw.FPDFPathSegment_GetClose(segment):
            yield last, begin
            last = begin


def errors() -> tuple[type[Exception], ...]:
    """What reading a broken page or document raises."""
    return (pdfium.PdfiumError, ValueError, OSError, KeyError, IndexError, TypeError, AttributeError)
