"""Pages of a PDF as pictures: a passage is marked where it stands, and no page costs more than it may."""

from __future__ import annotations

import io
from pathlib import Path

import psutil
import pytest
from PIL import Image
from pypdf import PdfReader, PdfWriter

from knowledge.config import ParsingLimits
from knowledge.errors import FileTooSlow, NotFound, UnreadableFile
from knowledge.parsing.isolation import IsolatedParser
from knowledge.parsing.pdf_picture import MOST_PIXELS, draw_page
from knowledge.types import DrawnPage
from tests.pdf_files import HEIGHT, Text, draw_pdf, paragraph

LEFT = ["The relay stores each message until", "it is acknowledged by the consumer."]
RIGHT = ["The mirror holds no state of its own", "and may be restarted at any time."]
SPLIT = "Ledgers that are older than seven years leave the vault together with their keys."


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    """Two columns set row by row, with a sentence that goes on over the page's end."""
    rows = [line for pair in zip(paragraph(50, 120, LEFT), paragraph(320, 120, RIGHT), strict=True) for line in pair]
    first = [*rows, Text(50, 700, SPLIT[:44]), Text(280, 780, "page 1")]
    return draw_pdf(tmp_path / "a.pdf", [first, [Text(50, 80, SPLIT[45:]), Text(50, 200, "全量备份保留三十五天。")]])


def test_a_passage_is_marked_line_by_line_where_it_stands(pdf: Path) -> None:
    right = draw_page(pdf, "a.pdf", 1, quote=f"**{RIGHT[0]}**\n{RIGHT[1]}").boxes
    assert all(box.top * HEIGHT < y < box.bottom * HEIGHT for box, y in zip(right, (117, 130), strict=True))
    assert all(319 <= box.left * 600 < box.right * 600 < 520 for box in right)
    assert len(draw_page(pdf, "a.pdf", 2, quote="全量备份保留 三十五天").boxes) == 1
    assert draw_page(pdf, "a.pdf", 2, quote="nothing of the kind").boxes == ()


def test_a_sentence_over_a_page_end_is_marked_on_both(pdf: Path) -> None:
    first, second = (draw_page(pdf, "a.pdf", number, quote=SPLIT, picture=False) for number in (1, 2))
    assert [box.top * HEIGHT < 697 < box.bottom * HEIGHT for box in first.boxes] == [True]
    assert [box.top * HEIGHT < 77 < box.bottom * HEIGHT for box in second.boxes] == [True]
    assert (first.picture, first.count, first.width, first.height) == (b"", 2, 600, HEIGHT)


def test_turned_empty_and_huge_pages_are_drawn_within_their_bounds(pdf: Path, tmp_path: Path) -> None:
    writer = PdfWriter()
    turned = writer.add_page(PdfReader(pdf).pages[0])
    turned.rotate(90)
    writer.add_blank_page(14_400, 14_400)
    writer.add_blank_page(3, 14_400)
    writer.write(tmp_path / "odd.pdf")

    def drawn(number: int) -> tuple[DrawnPage, Image.Image]:
        page = draw_page(tmp_path / "odd.pdf", "odd.pdf", number, quote=LEFT[0])
        return page, Image.open(io.BytesIO(page.picture))

    page, picture = drawn(1)
    assert (page.width, page.height) == (HEIGHT, 600)
    assert picture.width > picture.height
    (box,) = page.boxes
    # Turned to the right, what was near the left edge is near the top.
    assert box.top < 0.2 < box.left
    assert box.bottom - box.top > box.right - box.left
    for number in (2, 3):
        page, picture = drawn(number)
        assert page.boxes == ()
        assert picture.width * picture.height <= 1.01 * MOST_PIXELS


def test_what_cannot_be_drawn_is_refused_by_name(pdf: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\n" + b"\xff" * 4_000)
    others = psutil.Process().children()
    with IsolatedParser() as parser:
        page = parser.draw_page(pdf, name="a.pdf", number=2, quote=SPLIT, limits=ParsingLimits())
        assert page.media_type == "image/png"
        assert page.picture.startswith(b"\x89PNG")
        assert len(page.boxes) == 1
        with pytest.raises(NotFound, match="2 pages"):
            parser.draw_page(pdf, name="a.pdf", number=3, limits=ParsingLimits())
        with pytest.raises(UnreadableFile, match=r"broken\.pdf"):
            parser.draw_page(tmp_path / "broken.pdf", name="broken.pdf", number=1, limits=ParsingLimits())
        for child in psutil.Process().children():
            if child not in others:
                child.suspend()
        with pytest.raises(FileTooSlow):
            parser.draw_page(pdf, name="a.pdf", number=1, limits=ParsingLimits(max_seconds=0.1))
