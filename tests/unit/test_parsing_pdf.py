"""PDF read as people read it: by where things stand on the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, NameObject

from knowledge.config import ParsingLimits
from knowledge.errors import UnreadableFile
from knowledge.parsing import parse
from knowledge.parsing.titles import stated_title
from knowledge.types import ParsedDocument
from tests.pdf_files import Drawn, Text, draw_pdf, paragraph

LIMITS = ParsingLimits()
LEFT = ["The relay stores each message until", "it is acknowledged by the consumer", "or the retention time is over."]
RIGHT = ["The mirror holds no state of its own", "and may be restarted at any time", "without telling the operators."]


def read(path: Path) -> ParsedDocument:
    return parse(path, name=path.name, limits=LIMITS)


@pytest.mark.parametrize("by_row", [True, False])
@pytest.mark.parametrize("offset", [0, 4])
def test_columns_are_read_one_after_the_other(tmp_path: Path, by_row: bool, offset: int) -> None:
    left, right = paragraph(50, 120, LEFT), paragraph(320, 120 + offset, RIGHT)
    drawn = [line for pair in zip(left, right, strict=True) for line in pair] if by_row else [*right, *left]
    title = Text(50, 80, "Relays and mirrors of the eastern region, an overview for operators", 16)
    text = read(draw_pdf(tmp_path / "a.pdf", [[title, *drawn]])).text
    assert text.startswith("# Relays and mirrors")
    assert "\n".join(LEFT) in text
    assert text.index(LEFT[-1]) < text.index(RIGHT[0])
    assert "\n".join(RIGHT) in text


def ruled(columns: list[float], rows: list[float], without: set[tuple[str, int, int]]) -> list[Drawn]:
    """The rules of a grid; `without` names pieces left out: ("right" or "below", row, column)."""
    drawn = [Drawn(columns[0], y, columns[-1], y) for y in (rows[0], rows[-1])]
    drawn += [Drawn(x, rows[0], x, rows[-1]) for x in (columns[0], columns[-1])]
    for r in range(len(rows) - 1):
        for c in range(len(columns) - 1):
            if c < len(columns) - 2 and ("right", r, c) not in without:
                drawn.append(Drawn(columns[c + 1], rows[r], columns[c + 1], rows[r + 1]))
            if r < len(rows) - 2 and ("below", r, c) not in without:
                drawn.append(Drawn(columns[c], rows[r + 1], columns[c + 1], rows[r + 1]))
    return drawn


def test_tables_with_rules_keep_merged_cells_in_their_columns(tmp_path: Path) -> None:
    columns, rows = [50.0, 150.0, 250.0, 350.0], [100.0, 120.0, 140.0, 160.0, 180.0]
    cells = {
        (0, 0): "Region", (0, 1): "Quota", (0, 2): "Spare",
        (1, 0): "north", (1, 1): "12", (1, 2): "3", (2, 1): "14", (2, 2): "5", (3, 0): "south", (3, 1): "none",
    }  # fmt: skip
    words = [Text(columns[c] + 4, rows[r] + 14, text) for (r, c), text in cells.items()]
    grid = ruled(columns, rows, {("below", 1, 0), ("right", 3, 1)})
    around = [Text(50, 60, "Quotas hold for a month."), Text(50, 220, "Ask the desk for more.")]
    text = read(draw_pdf(tmp_path / "a.pdf", [[*around, *grid, *words]])).text
    assert text == (
        "Quotas hold for a month.\n\n| Region | Quota | Spare |\n| --- | --- | --- |\n| north | 12 | 3 |\n"
        "| north | 14 | 5 |\n| south | none | none |\n\nAsk the desk for more.\n"
    )


def test_tables_without_rules_are_tables_and_cells_of_several_lines_one_cell(tmp_path: Path) -> None:
    rows = [("Flag", "Default", "Meaning"), ("--wait", "off", "waits until pods"), ("", "", "are ready"),
            ("--purge", "on", "removes the rest"), ("--force", "off", "asks nobody")]  # fmt: skip
    drawn = [
        Text(x, 100 + 14 * number, text)
        for number, row in enumerate(rows)
        for x, text in zip((50, 150, 250), row, strict=True)
        if text
    ]
    text = read(draw_pdf(tmp_path / "a.pdf", [drawn])).text
    assert text == (
        "| Flag | Default | Meaning |\n| --- | --- | --- |\n| --wait | off | waits until pods are ready |\n"
        "| --purge | on | removes the rest |\n| --force | off | asks nobody |\n"
    )


def test_larger_type_is_a_heading_and_its_size_the_level(tmp_path: Path) -> None:
    drawn = [Text(50, 60, "Operations", 20), Text(50, 100, "Restart order", 14), *paragraph(50, 130, LEFT)]
    drawn += [Text(50, 200, "Stop order", 14), *paragraph(50, 230, RIGHT)]
    text = read(draw_pdf(tmp_path / "a.pdf", [drawn])).text
    assert "# Operations\n\n## Restart order\n\nThe relay" in text
    assert "## Stop order\n\nThe mirror" in text


def test_running_heads_go_from_short_pages_too_and_a_sentence_over_a_page_stays_whole(tmp_path: Path) -> None:
    bodies = [
        [*LEFT, "When the second relay fails before"], ["the first one is back, call the lead.", *RIGHT],
        ["One line alone."], [*RIGHT],
    ]  # fmt: skip
    pages = [
        [Text(50, 30, "Handbook, internal", 8), *paragraph(50, 100, body), Text(50, 780, f"Page {number} of 4", 8)]
        for number, body in enumerate(bodies, start=1)
    ]
    document = read(draw_pdf(tmp_path / "a.pdf", pages))
    assert "Handbook" not in document.text
    assert "Page" not in document.text
    assert "When the second relay fails before\nthe first one is back, call the lead." in document.text
    starts = {label: start for start, label in document.pages}
    assert document.text[starts["2"] :].startswith(RIGHT[0])
    assert document.text[starts["3"] :].startswith("One line alone.")


@pytest.mark.parametrize(
    ("before", "after", "whole"),
    [
        ("Pass --no-", "color here.", "--no-color"),
        ("Read kube-", "scheduler.log first.", "kube-scheduler.log"),
        ("Set max-idle-", "connections now.", "max-idle-connections"),
        ("The deploy-", "ment is done.", "deployment"),
        ("The configu-", "ration is done.", "configuration"),
        ("A read-", "only volume.", "read-only"),
        ("Use the X-", "Forwarded-For header.", "X-Forwarded-For"),
        ("See /etc/my-", "app/conf there.", "/etc/my-app/conf"),
        ("It is v2-", "beta today.", "v2-beta"),
    ],
)
def test_hyphens_at_line_ends_stay_where_they_belong_to_the_word(
    tmp_path: Path, before: str, after: str, whole: str
) -> None:
    text = read(draw_pdf(tmp_path / "a.pdf", [paragraph(50, 100, ["Some words above it.", before, after])])).text
    assert whole in text.split() or f"{whole}." in text.split()


def cmap(shift: int) -> str:
    """A ToUnicode table that says of every character that it is another one."""
    pairs = "\n".join(f"<{code:02x}> <{code + shift:04x}>" for code in range(0x20, 0x7F))
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def\n"
        f"1 begincodespacerange <00> <ff> endcodespacerange\n95 beginbfchar\n{pairs}\nendbfchar\nendcmap end end"
    )


def test_text_in_fonts_without_a_true_table_is_never_indexed_as_text(tmp_path: Path) -> None:
    page = paragraph(50, 100, LEFT + RIGHT)
    with pytest.raises(UnreadableFile, match=r"soup\.pdf cannot be read: .*fonts"):
        read(draw_pdf(tmp_path / "soup.pdf", [page], to_unicode=cmap(0xE000)))
    shifted = read(draw_pdf(tmp_path / "shifted.pdf", [page], to_unicode=cmap(3)))
    assert any("may not be readable" in warning for warning in shifted.warnings)
    assert read(draw_pdf(tmp_path / "good.pdf", [page])).warnings == ()


def test_signs_that_markdown_would_take_for_its_own_make_no_headings(tmp_path: Path) -> None:
    lines = ["Edit the file:", "# comment of the file", "port = 8443"]
    text = read(draw_pdf(tmp_path / "a.pdf", [paragraph(50, 100, lines)])).text
    assert "\\# comment of the file" in text


def test_a_numbered_list_is_no_table(tmp_path: Path) -> None:
    drawn = [
        Text(x, 100 + 14 * n, text)
        for n in range(4)
        for x, text in ((50, f"{n + 1}."), (80, f"Do the step number {n + 1} now."))
    ]
    text = read(draw_pdf(tmp_path / "a.pdf", [drawn])).text
    assert "2. Do the step number 2 now." in text


def test_chinese_lines_are_joined_without_a_break_in_a_word(tmp_path: Path) -> None:
    lines = ["网关重启之前，先通知值班人员，再检查监", "控面板。确认没有告警以后", "才可以重启。", "第二步：恢复。"]
    text = read(draw_pdf(tmp_path / "a.pdf", [paragraph(50, 100, lines)])).text
    assert text == "".join(lines[:3]) + "\n" + lines[3] + "\n"


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_turned_pages_are_read_upright(tmp_path: Path, rotation: int) -> None:
    path = draw_pdf(tmp_path / "a.pdf", [paragraph(50, 100, LEFT)])
    reader = PdfWriter(clone_from=path)
    page = reader.pages[0]
    # Drawn turned and shown turned back, as scanners and exporters of wide tables do.
    matrix = {90: "0 1 -1 0 600 0", 180: "-1 0 0 -1 600 800", 270: "0 -1 1 0 0 800"}[rotation]
    content = DecodedStreamObject()
    content.set_data(f"{matrix} cm\n".encode() + page.get_contents().get_data())
    page[NameObject("/Contents")] = reader._add_object(content)
    page.rotate(rotation)
    reader.write(path)
    assert read(path).text == "\n".join(LEFT) + "\n"


def test_a_table_over_several_pages_loses_no_row_and_keeps_its_header(tmp_path: Path) -> None:
    columns, rows = [50.0, 200.0, 400.0], [100.0 + 20 * row for row in range(6)]
    names = ["Host", *(f"host{number}" for number in range(1, 15))]
    pages = [
        [
            Text(50, 30, "Inventory of 2024", 8),
            Text(300, 790, str(page + 1), 8),
            *ruled(columns, rows, set()),
            *(Text(54, rows[n] + 14, names[5 * page + n]) for n in range(5)),
            *(Text(204, rows[n] + 14, f"10.0.{page}.{n}" if page + n else "Address") for n in range(5)),
        ]
        for page in range(3)
    ]
    text = read(draw_pdf(tmp_path / "a.pdf", pages)).text
    assert all(f"| {name} |" in text for name in names)
    assert text.count("| Host | Address |\n| --- | --- |") == 3
    assert "Inventory" not in text


NO_TITLES = [
    "about:blank", "Untitled", "untitled-2", "Microsoft Word - runbook.doc", "report final.docx", "C:\\docs\\a b.txt",
    "/srv/a.html", "https://example.org/a", "index.html", "Document1", "PowerPoint Presentation", "无标题文档", "文档1",
    "20240101", "- - -", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "(anonymous)",
]  # fmt: skip


def test_a_stated_title_that_is_none_gives_way_to_the_first_heading(tmp_path: Path) -> None:
    assert [each for each in NO_TITLES if stated_title(each)] == []
    for title in (
        "Node.js in production",
        "Title pages of Debian",
        "Notes: restarts",
        "文档中心运维手册",
        "TCP/IP guide",
    ):
        assert stated_title(title) == title
    drawn = draw_pdf(tmp_path / "a.pdf", [[Text(50, 80, "Relays of the east", 20), *paragraph(50, 120, LEFT)]])
    for stated, expected in (("about:blank", "Relays of the east"), ("Mirrors", "Mirrors")):
        writer = PdfWriter(clone_from=drawn)
        writer.add_metadata({"/Title": stated})
        writer.write(tmp_path / "b.pdf")
        assert read(tmp_path / "b.pdf").title == expected
