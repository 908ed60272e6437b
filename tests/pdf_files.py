"""PDF files drawn for tests: text at its place, and rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pypdf import PdfWriter
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    IndirectObject,
    NameObject,
    NumberObject,
    TextStringObject,
)

HEIGHT = 800


@dataclass(frozen=True)
class Text:
    """A line of text, its baseline `y` below the top of the page."""

    x: float
    y: float
    text: str
    size: float = 10


@dataclass(frozen=True)
class Drawn:
    """A rule from one point to another, measured from the top left."""

    x0: float
    y0: float
    x1: float
    y1: float


def paragraph(x: float, y: float, lines: Sequence[str], size: float = 10) -> list[Text]:
    return [Text(x, y + 1.3 * size * number, line, size) for number, line in enumerate(lines)]


def draw_pdf(path: Path, pages: Iterable[Iterable[Text | Drawn]], *, to_unicode: str = "") -> Path:
    """Write a PDF of pages 600 by 800; `to_unicode` is the font's table of characters, when it has one."""
    writer = PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
            NameObject("/Encoding"): NameObject("/WinAnsiEncoding"),
        }
    )
    if to_unicode:
        table = DecodedStreamObject()
        table.set_data(to_unicode.encode())
        font[NameObject("/ToUnicode")] = writer._add_object(table)
    fonts = DictionaryObject({NameObject("/F1"): writer._add_object(font), NameObject("/F2"): _chinese(writer)})
    for drawn in pages:
        page = writer.add_blank_page(600, HEIGHT)
        stream = DecodedStreamObject()
        stream.set_data("\n".join(map(_operators, drawn)).encode("latin-1"))
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        page[NameObject("/Contents")] = writer._add_object(stream)
    with path.open("wb") as file:
        writer.write(file)
    return path


def _chinese(writer: PdfWriter) -> IndirectObject:
    """A font that no reader needs to have: its characters are known by the name of its encoding."""
    descendant = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/CIDFontType0"),
            NameObject("/BaseFont"): NameObject("/STSong-Light"),
            NameObject("/DW"): NumberObject(1000),
            NameObject("/CIDSystemInfo"): DictionaryObject(
                {
                    NameObject("/Registry"): TextStringObject("Adobe"),
                    NameObject("/Ordering"): TextStringObject("GB1"),
                    NameObject("/Supplement"): NumberObject(4),
                }
            ),
        }
    )
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type0"),
            NameObject("/BaseFont"): NameObject("/STSong-Light"),
            NameObject("/Encoding"): NameObject("/UniGB-UCS2-H"),
            NameObject("/DescendantFonts"): ArrayObject([writer._add_object(descendant)]),
        }
    )
    return writer._add_object(font)


def _operators(each: Text | Drawn) -> str:
    if isinstance(each, Drawn):
        return f"{each.x0} {HEIGHT - each.y0} m {each.x1} {HEIGHT - each.y1} l S"
    if not each.text.isascii():
        return f"BT /F2 {each.size} Tf {each.x} {HEIGHT - each.y} Td <{each.text.encode('utf-16-be').hex()}> Tj ET"
    text = each.text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT /F1 {each.size} Tf {each.x} {HEIGHT - each.y} Td ({text}) Tj ET"
