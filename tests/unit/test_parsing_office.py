"""Office files as their programs show them: numbers before paragraphs, cells that span, numbers with their signs."""

from __future__ import annotations

from pathlib import Path

import docx
import openpyxl
import pptx
import pytest
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn
from pptx.chart.data import CategoryChartData, XyChartData
from pptx.enum.chart import XL_CHART_TYPE

from knowledge.config import ParsingLimits
from knowledge.parsing import parse
from knowledge.types import ParsedDocument

LIMITS = ParsingLimits()


def read(path: Path) -> ParsedDocument:
    return parse(path, name=path.name, limits=LIMITS)


def numbered(document: docx.document.Document, number: int, levels: list[tuple[str, str]], start: str = "") -> None:
    """Add list `number` to a document: the format and the text of each level."""
    shapes = "".join(
        f'<w:lvl w:ilvl="{depth}"><w:start w:val="1"/><w:numFmt w:val="{shape}"/><w:lvlText w:val="{text}"/></w:lvl>'
        for depth, (shape, text) in enumerate(levels)
    )
    root = document.part.numbering_part.element
    abstract = parse_xml(f'<w:abstractNum {nsdecls("w")} w:abstractNumId="{number}">{shapes}</w:abstractNum>')
    root.insert(0, abstract)
    override = f'<w:lvlOverride w:ilvl="0"><w:startOverride w:val="{start}"/></w:lvlOverride>' if start else ""
    root.append(
        parse_xml(f'<w:num {nsdecls("w")} w:numId="{number}"><w:abstractNumId w:val="{number}"/>{override}</w:num>')
    )


def put_in(paragraph: docx.text.paragraph.Paragraph, number: int, depth: int = 0) -> None:
    properties = paragraph._p.get_or_add_pPr()
    properties.append(
        parse_xml(f'<w:numPr {nsdecls("w")}><w:ilvl w:val="{depth}"/><w:numId w:val="{number}"/></w:numPr>')
    )


def test_word_numbers_headings_and_items_as_it_shows_them(tmp_path: Path) -> None:
    document = docx.Document()
    numbered(document, 901, [("decimal", "%1"), ("decimal", "%1.%2")])
    numbered(document, 902, [("decimal", "%1."), ("lowerLetter", "%2)"), ("lowerRoman", "(%3)")])
    numbered(document, 903, [("chineseCounting", "第%1步"), ("bullet", "•")], start="3")
    for text, depth in [("Plan", 0), ("Scope", 1), ("Build", 0), ("Order", 1), ("Limits", 1)]:
        put_in(document.add_heading(text, level=depth + 1), 901, depth)
    for text, depth in [("stop", 0), ("drain", 1), ("wait", 2), ("note", 1), ("start", 0)]:
        put_in(document.add_paragraph(text), 902, depth)
    document.add_paragraph("Then:")
    for text, depth in [("检查", 0), ("日志", 1), ("结束", 0)]:
        put_in(document.add_paragraph(text), 903, depth)
    document.save(str(tmp_path / "a.docx"))
    text = read(tmp_path / "a.docx").text
    assert "# 1 Plan\n\n## 1.1 Scope\n\n# 2 Build\n\n## 2.1 Order\n\n## 2.2 Limits" in text
    assert "1. stop\n   - a) drain\n     - (i) wait\n   - b) note\n2. start\n" in text
    assert "- 第三步 检查\n  - 日志\n- 第四步 结束" in text


def test_word_tables_keep_what_cells_cover_and_what_is_nested(tmp_path: Path) -> None:
    document = docx.Document()
    table = document.add_table(rows=5, cols=3)
    values = ["Team", "Tool", "Seats", "core", "lint", "4", "", "scan", "6", "edge", "none", "", "web", "", "2"]
    for index, value in enumerate(values):
        table.cell(index // 3, index % 3).text = value
    table.cell(1, 0).merge(table.cell(2, 0))
    table.cell(3, 1).merge(table.cell(3, 2))
    run = table.cell(4, 1).paragraphs[0].add_run("ship")
    run.add_break()
    run.add_text("yard")
    inner = table.cell(4, 2).add_table(rows=2, cols=2)
    for index, value in enumerate(["Plan", "Price", "gold", "9"]):
        inner.cell(index // 2, index % 2).text = value
    document.save(str(tmp_path / "a.docx"))
    assert read(tmp_path / "a.docx").text == (
        "| Team | Tool | Seats |\n| --- | --- | --- |\n| core | lint | 4 |\n| core | scan | 6 |\n"
        "| edge | none | none |\n| web | ship yard | 2 |\n\nweb, Seats:\n\n"
        "| Plan | Price |\n| --- | --- |\n| gold | 9 |\n"
    )


def test_a_title_row_over_a_word_table_stands_before_it(tmp_path: Path) -> None:
    document = docx.Document()
    table = document.add_table(rows=3, cols=2)
    for index, value in enumerate(["Ports of the day", "", "Name", "Port", "gate", "8443"]):
        table.cell(index // 2, index % 2).text = value
    table.cell(0, 0).merge(table.cell(0, 1))
    document.save(str(tmp_path / "a.docx"))
    expected = "Ports of the day\n\n| Name | Port |\n| --- | --- |\n| gate | 8443 |\n"
    assert read(tmp_path / "a.docx").text == expected


def test_pictures_in_word_are_said_to_be_lost(tmp_path: Path) -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("See the drawing.")
    drawing = f'<w:drawing {nsdecls("w", "a", "r")}><a:blip r:embed="rId99"/></w:drawing>'
    paragraph.add_run()._r.append(parse_xml(drawing))
    assert paragraph._p.find(f".//{qn('a:blip')}") is not None
    document.save(str(tmp_path / "a.docx"))
    assert read(tmp_path / "a.docx").warnings == ("1 pictures were not read",)


def test_excel_shows_signs_merged_cells_and_formulas_without_a_value(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    rows = [
        ["Losses", None, None],
        ["Area", "Rate", "Disk"],
        ["north", 0.075, 16],
        [None, 0.1234567, 5],
        ["sum", "=SUM(B3:B4)", 2.5],
    ]
    for row in rows:
        sheet.append(row)
    sheet.merge_cells("A1:C1")
    sheet.merge_cells("A3:A4")
    for place, shape in (("B3", "0.0%"), ("B4", "0%"), ("C3", '0 "TiB"'), ("C4", "[$€-407] #,##0.00"), ("C5", "0.0")):
        sheet[place].number_format = shape
    workbook.save(tmp_path / "a.xlsx")
    document = read(tmp_path / "a.xlsx")
    assert document.text == (
        "## Sheet\n\nLosses\n\n| Area | Rate | Disk |\n| --- | --- | --- |\n| north | 7.5% | 16 TiB |\n"
        "| north | 12.34567% | € 5 |\n| sum | =SUM(B3:B4) | 2.5 |\n"
    )
    assert [warning for warning in document.warnings if "1 formulas have no stored value" in warning]


@pytest.mark.parametrize("kind", [XL_CHART_TYPE.COLUMN_CLUSTERED, XL_CHART_TYPE.LINE, XL_CHART_TYPE.PIE])
def test_charts_of_slides_are_tables(tmp_path: Path, kind: XL_CHART_TYPE) -> None:
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    data = CategoryChartData()
    data.categories = ["May", "June"]
    data.add_series("eu-west", (12.5, 14))
    chart = slide.shapes.add_chart(kind, 0, 0, 4_000_000, 3_000_000, data).chart
    chart.has_title = True
    chart.chart_title.text_frame.text = "Latency by month"
    deck.save(str(tmp_path / "a.pptx"))
    text = read(tmp_path / "a.pptx").text
    assert "Latency by month\n\n| category | eu-west |\n| --- | --- |\n| May | 12.5 |\n| June | 14 |" in text


def test_charts_of_points_and_merged_cells_of_slides(tmp_path: Path) -> None:
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    data = XyChartData()
    data.add_series("load").add_data_point(1, 2.5)
    slide.shapes.add_chart(XL_CHART_TYPE.XY_SCATTER, 0, 0, 4_000_000, 3_000_000, data)
    table = slide.shapes.add_table(3, 2, 0, 0, 100, 100).table
    for index, value in enumerate(["Zone", "Host", "a", "one", "", "two"]):
        table.cell(index // 2, index % 2).text = value
    table.cell(1, 0).merge(table.cell(2, 0))
    deck.save(str(tmp_path / "a.pptx"))
    text = read(tmp_path / "a.pptx").text
    assert "| 1 | 2.5 |" in text
    assert "| a | one |\n| a | two |" in text


def test_styles_made_from_headings_are_headings(tmp_path: Path) -> None:
    document = docx.Document()
    own = document.styles.add_style("Acme Chapter", WD_STYLE_TYPE.PARAGRAPH)
    own.base_style = document.styles["Heading 2"]
    outlined = document.styles.add_style("Acme Part", WD_STYLE_TYPE.PARAGRAPH)
    outlined.element.get_or_add_pPr().append(parse_xml(f'<w:outlineLvl {nsdecls("w")} w:val="0"/>'))
    document.add_paragraph("Part", style="Acme Part")
    document.add_paragraph("Chapter", style="Acme Chapter")
    document.save(str(tmp_path / "a.docx"))
    assert read(tmp_path / "a.docx").text == "# Part\n\n## Chapter\n"
