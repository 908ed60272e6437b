"""A page of a PDF as a picture, and where on it a passage stands."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from io import BytesIO
from itertools import islice
from math import sqrt
from pathlib import Path
from typing import Any

import pypdfium2.raw as raw  # type: ignore[import-untyped]

from knowledge.errors import NotFound, UnreadableFile
from knowledge.parsing.pdf import open_pdf
from knowledge.parsing.pdf_page import MOST_CHARACTERS, Turned, errors
from knowledge.types import Box, DrawnPage

WIDTH = 1_200
"""Pixels of a page across: sharp in a panel of half that width on a dense screen."""
MOST_PIXELS = 3_000_000
"""A poster or a roll of paper is drawn smaller."""
_LARGEST_SCALE = 4.0
_LARGEST_PNG = 1_000_000
"""Bytes above which a page is a photograph, and JPEG smaller."""
_QUALITY = 80
_MOST_QUOTE, _MOST_PIECES, _MOST_BOXES = 20_000, 300, 400
_FEWEST_LETTERS = 4
_FEWEST_OF_A_PART = 12
"""Letters of a sentence's beginning or end that are enough to know it by, where a page ends in it."""
_PIECES = re.compile(r"[\n|]+|(?<=[.!?;])\s|(?<=[。！？；])")


def draw_page(path: Path, name: str, number: int, *, quote: str = "", picture: bool = True) -> DrawnPage:
    """Page `number`, counted from 1: its size, the places of `quote` on it and, if wished, its picture. Raises NotFound
    for a number that there is not, UnreadableFile for a page or a file that cannot be drawn."""
    document = open_pdf(path, name)
    try:
        count = len(document)
        if not 1 <= number <= count:
            raise NotFound(f"{name} has {count} pages; there is no page {number}.")
        try:
            return _drawn(document, number, count, quote, picture)
        except errors() as error:
            raise UnreadableFile(f"Page {number} of {name} cannot be drawn; read its text instead.") from error
    finally:
        document.close()


def _drawn(document: Any, number: int, count: int, quote: str, picture: bool) -> DrawnPage:
    page = document[number - 1]
    try:
        width, height = page.get_size()
        media_type, content = _picture(page, width, height) if picture else ("", b"")
        boxes = _boxes(page, quote, width, height) if quote else ()
        return DrawnPage(
            number=number, count=count, width=width, height=height, boxes=boxes, media_type=media_type, picture=content
        )
    finally:
        page.close()


def _picture(page: Any, width: float, height: float) -> tuple[str, bytes]:
    if width <= 0 or height <= 0:
        raise ValueError("A page without a size.")
    scale = min(WIDTH / width, sqrt(MOST_PIXELS / (width * height)), _LARGEST_SCALE)
    image = page.render(scale=scale, may_draw_forms=False).to_pil().convert("RGB")
    written = BytesIO()
    image.save(written, "PNG")
    if written.tell() <= _LARGEST_PNG:
        return "image/png", written.getvalue()
    written = BytesIO()
    image.save(written, "JPEG", quality=_QUALITY)
    return "image/jpeg", written.getvalue()


def _boxes(page: Any, quote: str, width: float, height: float) -> tuple[Box, ...]:
    """A box for each line of what the quote is made of, in parts of the page's width and height."""
    textpage = page.get_textpage()
    try:
        turned = Turned(page)
        boxes = (
            _box(turned(left, top), turned(right, bottom), width, height)
            for start, count in _places(textpage, quote[:_MOST_QUOTE])
            for left, bottom, right, top in _rectangles(textpage, start, count)
        )
        return tuple(dict.fromkeys(islice(boxes, _MOST_BOXES)))
    finally:
        textpage.close()


def _rectangles(textpage: Any, start: int, count: int) -> Iterator[tuple[float, float, float, float]]:
    """One for each line, or piece of a line, that the characters stand on."""
    for index in range(min(textpage.count_rects(start, count), _MOST_BOXES)):
        yield textpage.get_rect(index)


def _box(one: tuple[float, float], other: tuple[float, float], width: float, height: float) -> Box:
    (left, right), (top, bottom) = sorted((one[0], other[0])), sorted((one[1], other[1]))
    return Box(
        left=_part(left / width), top=_part(top / height), right=_part(right / width), bottom=_part(bottom / height)
    )


def _part(value: float) -> float:
    return round(min(max(value, 0.0), 1.0), 4)


def _places(textpage: Any, quote: str) -> Iterator[tuple[int, int]]:
    """Which characters of the page the quote is made of, as first and count: as a whole, else sentence by sentence,
    cell by cell. Only letters and digits count, since lines were joined and marks added when the page became text."""
    letters: list[str] = []
    owners: list[int] = []
    for index in range(min(textpage.count_chars(), MOST_CHARACTERS)):
        code = raw.FPDFText_GetUnicode(textpage, index)
        own = _letters(chr(code)) if code < 0x110000 else ""
        letters.append(own)
        owners += [index] * len(own)
    text = "".join(letters)
    position = 0
    for piece in _found_pieces(text, quote):
        at = text.find(piece, position)
        if at < 0:
            at = text.find(piece)
        position = at + len(piece)
        yield owners[at], owners[position - 1] - owners[at] + 1


def _found_pieces(text: str, quote: str) -> Iterator[str]:
    whole = _letters(quote)
    if whole and whole in text:
        yield whole
        return
    for piece in map(_letters, _PIECES.split(quote)[:_MOST_PIECES]):
        if len(piece) < _FEWEST_LETTERS:
            continue
        if piece in text:
            yield piece
            continue
        beginning = piece[: _longest(text, piece, from_start=True)]
        end = piece[len(piece) - _longest(text, piece, from_start=False) :]
        yield from (part for part in (beginning, end) if len(part) >= _FEWEST_OF_A_PART)


def _longest(text: str, piece: str, *, from_start: bool) -> int:
    """How many of the piece's first (or last) letters stand in the text together."""
    fewest, most = 0, len(piece)
    while fewest < most:
        middle = (fewest + most + 1) // 2
        part = piece[:middle] if from_start else piece[len(piece) - middle :]
        fewest, most = (middle, most) if part in text else (fewest, middle - 1)
    return fewest


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))
