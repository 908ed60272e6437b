"""What each format becomes: order, headings, tables, code, links and pages survive."""

from __future__ import annotations

import json
import zipfile
from email.message import EmailMessage
from pathlib import Path

import docx
import openpyxl
import pptx
import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from knowledge.config import ParsingLimits
from knowledge.errors import UnreadableFile
from knowledge.parsing import SUFFIXES, parse, supported
from knowledge.types import ParsedDocument

LIMITS = ParsingLimits()


def parse_text(folder: Path, name: str, content: str | bytes, media_type: str | None = None) -> ParsedDocument:
    path = folder / "file"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return parse(path, name=name, limits=LIMITS, media_type=media_type)


def write_pdf(path: Path, pages: list[list[str]], outline: dict[str, int] | None = None) -> None:
    writer = PdfWriter()
    for lines in pages:
        page = writer.add_blank_page(300, 400)
        stream = DecodedStreamObject()
        shown = " T* ".join(f"({line}) Tj" for line in lines)
        stream.set_data(f"BT /F1 10 Tf 14 TL 20 380 Td {shown} ET".encode("latin-1"))
        font = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Font"),
                NameObject("/Subtype"): NameObject("/Type1"),
                NameObject("/BaseFont"): NameObject("/Helvetica"),
                NameObject("/Encoding"): NameObject("/WinAnsiEncoding"),
            }
        )
        resources = DictionaryObject({NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})})
        page[NameObject("/Resources")] = resources
        page[NameObject("/Contents")] = writer._add_object(stream)
    for title, number in (outline or {}).items():
        writer.add_outline_item(title=title, page_number=number)
    with path.open("wb") as file:
        writer.write(file)


def test_every_suffix_is_supported_whatever_its_case() -> None:
    assert all(supported(f"a{suffix}") and supported(f"A{suffix.upper()}") for suffix in SUFFIXES)
    assert supported("deploy/Dockerfile")
    assert supported("Jenkinsfile")
    assert supported("app.log.3")
    assert not supported("photo.png")
    assert not supported("program.exe")


@pytest.mark.parametrize(
    ("name", "markup"),
    [
        ("a.rst", "rst"),
        ("a.txt", "plain"),
        ("a.py", "code"),
        ("Dockerfile", "code"),
        ("main.tf", "code"),
        ("policy.rego", "code"),
        ("a.yaml", "yaml"),
        ("a.json", "json"),
        ("a.jsonl", "json"),
        ("a.log", "log"),
        ("no-suffix-at-all", "plain"),
        ("a.unknownsuffix", "plain"),
    ],
)
def test_text_is_kept_verbatim_but_for_line_ends(tmp_path: Path, name: str, markup: str) -> None:
    document = parse_text(tmp_path, name, 'first: "line"\r\n\tsecond  \r\n\r\nlast')
    assert document.text == 'first: "line"\n\tsecond  \n\nlast'
    assert document.markup == markup
    assert document.title == name


def test_rst_takes_its_first_underlined_title(tmp_path: Path) -> None:
    text = ".. _top:\n\n=========\nUpgrading\n=========\n\nRun it.\n\nSteps\n-----\n"
    assert parse_text(tmp_path, "a.rst", text).title == "Upgrading"


def test_minified_json_is_indented_so_that_it_can_be_cut(tmp_path: Path) -> None:
    content = json.dumps({"services": [{"name": f"服务{number}", "port": number} for number in range(300)]})
    document = parse_text(tmp_path, "a.json", content)
    assert '"name": "服务7"' in document.text
    assert max(map(len, document.text.split("\n"))) < 100
    assert document.warnings


def test_csv_becomes_tables_that_repeat_their_header(tmp_path: Path) -> None:
    rows = "\n".join(f'host-{number};"a|b\nc";up' for number in range(400))
    document = parse_text(tmp_path, "hosts.csv", f"name;note;state\n{rows}\n")
    assert document.markup == "table"
    assert document.text.startswith("| name | note | state |\n| --- | --- | --- |\n| host-0 | a\\|b c | up |\n")
    assert document.text.count("| name | note | state |") > 3
    assert all(f"| host-{number} |" in document.text for number in range(400))


def test_very_wide_tables_are_records(tmp_path: Path) -> None:
    header = ",".join(f"metric{number}" for number in range(40))
    document = parse_text(tmp_path, "wide.csv", f"{header}\n{','.join(str(n * 2) for n in range(40))}\n")
    assert "- metric39: 78" in document.text


def test_tsv_and_a_header_without_rows(tmp_path: Path) -> None:
    assert parse_text(tmp_path, "a.tsv", "a, b\tc\n1\t2\n").text.startswith("| a, b | c |")
    assert parse_text(tmp_path, "a.csv", "only,header\n").text.startswith("| only | header |")


PAGE = """<!doctype html><html><head><title>Deploy - Docs</title><meta name=description content="How to deploy">
<style>p{}</style></head><body><header><h1>Site header</h1></header><nav><ul><li><a href=a>Menu</a></ul></nav>
<main><h1><a href="#d">Deploy</a><a class=headerlink href=#d>¶</a></h1>
<p>Run <code>kubectl apply</code> with <b>care</b>, see <a href="../guide.html">the guide</a>.</p>
<ol><li>first<ul><li>inner</ul><li>second<pre><code class="language-bash">ls -l
  pwd</code></pre></ol>
<table><tr><th>Name<th>Value<tr><td>a|b<td>1<tr><td colspan=2>wide</table>
<blockquote><p>Note this</blockquote><a href="javascript:alert(1)">click</a>
<table><tr><td><h2>Layout</h2><p>inside</td></tr></table><script>secret()</script></main>
<footer>Imprint</footer></body></html>"""


def test_html_keeps_the_main_part_and_its_structure(tmp_path: Path) -> None:
    document = parse_text(tmp_path, "a.html", PAGE)
    text = document.text
    assert document.title == "Deploy"
    assert document.metadata["description"] == "How to deploy"
    assert text.startswith("# Deploy\n\nRun `kubectl apply` with **care**, see [the guide](../guide.html).\n")
    assert "1. first\n   - inner\n2. second\n   ```bash\n   ls -l\n     pwd\n   ```" in text
    assert "| Name | Value |\n| --- | --- |\n| a\\|b | 1 |\n| wide |  |" in text
    assert "> Note this" in text
    assert "## Layout\n\ninside" in text
    for noise in ("Menu", "Imprint", "Site header", "secret", "javascript", "¶"):
        assert noise not in text
    assert "[#[cfg]](x.html)" in parse_text(tmp_path, "b.html", "<p><a href=x.html>#[cfg]</a></p>").text
    assert [(link.target, text[link.start : link.start + 4]) for link in document.links] == [("../guide.html", "[the")]


def test_html_whose_text_all_stands_in_navigation_is_not_lost(tmp_path: Path) -> None:
    document = parse_text(tmp_path, "a.html", "<body><nav><p>Restart the gateway before the proxy.</p></nav></body>")
    assert document.text == "Restart the gateway before the proxy.\n"


def test_a_page_without_suffix_is_known_by_media_type_or_content(tmp_path: Path) -> None:
    fragment = "<p>Some <em>text</em></p>"
    assert parse_text(tmp_path, "docs/start", fragment, "text/html; charset=utf-8").media_type == "text/html"
    assert parse_text(tmp_path, "docs/start", "<!DOCTYPE html><p>Some text").media_type == "text/html"


def test_pdf_has_pages_headings_of_its_outline_and_no_running_heads(tmp_path: Path) -> None:
    body = [f"Body {word} of this part" for word in ("text", "line", "word", "note")]
    pages = [["Operator manual", f"Chapter {n}", f"Start of {n}", *body, f"Page {n}"] for n in range(1, 7)]
    write_pdf(tmp_path / "a.pdf", pages, {"Chapter 2": 1})
    document = parse(tmp_path / "a.pdf", name="a.pdf", limits=LIMITS)
    assert [label for _, label in document.pages] == ["1", "2", "3", "4", "5", "6"]
    assert "Operator manual" not in document.text
    assert "Page 3" not in document.text
    assert "# Chapter 2\n" in document.text
    offset = {label: start for start, label in document.pages}["4"]
    assert document.text.index("Start of 4") - offset < 40


def test_pdf_under_another_name_is_still_a_pdf(tmp_path: Path) -> None:
    write_pdf(tmp_path / "a", [["Some words in it"]])
    assert "Some words" in parse(tmp_path / "a", name="manual.txt", limits=LIMITS).text


def test_docx_keeps_headings_lists_tables_and_links_in_order(tmp_path: Path) -> None:
    document = docx.Document()
    document.core_properties.title = "Runbook"
    document.add_heading("Restart", level=1)
    document.add_paragraph("Before you start.")
    document.add_paragraph("stop it", style="List Number")
    document.add_paragraph("start it", style="List Number")
    table = document.add_table(rows=2, cols=2)
    for index, value in enumerate(["Port", "Use", "8080", "API | web"]):
        table.cell(index // 2, index % 2).text = value
    document.add_heading("After", level=2)
    document.add_paragraph("look", style="List Bullet")
    document.save(str(tmp_path / "a.docx"))
    parsed = parse(tmp_path / "a.docx", name="a.docx", limits=LIMITS)
    assert parsed.title == "Runbook"
    assert parsed.text == (
        "# Restart\n\nBefore you start.\n\n1. stop it\n2. start it\n\n"
        "| Port | Use |\n| --- | --- |\n| 8080 | API \\| web |\n\n## After\n\n- look\n"
    )


def test_pptx_has_a_section_a_slide_with_tables_and_notes(tmp_path: Path) -> None:
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = "Incident review"
    slide.placeholders[1].text = "what happened\nwhat we learned"
    slide.notes_slide.notes_text_frame.text = "say thanks"
    second = deck.slides.add_slide(deck.slide_layouts[6])
    cells = second.shapes.add_table(2, 2, 0, 0, 100, 100).table
    cells.cell(0, 0).text, cells.cell(1, 0).text = "service", "gateway"
    deck.save(str(tmp_path / "a.pptx"))
    parsed = parse(tmp_path / "a.pptx", name="a.pptx", limits=LIMITS)
    assert parsed.title == "Incident review"
    assert "## Incident review\n\n- what happened\n- what we learned\n\nNotes: say thanks\n" in parsed.text
    assert "## Slide 2\n\n| service |\n| --- |\n| gateway |" in parsed.text
    assert [label for _, label in parsed.pages] == ["1", "2"]


def test_xlsx_has_a_section_a_sheet_and_leaves_hidden_ones_out(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.title = "Hosts"
    sheet.append(["name", "port", None])
    sheet.append(["gateway", 8080.0, None])
    hidden = workbook.create_sheet("Secrets")
    hidden.append(["password"])
    hidden.sheet_state = "hidden"
    workbook.create_sheet("Empty")
    workbook.save(tmp_path / "a.xlsx")
    parsed = parse(tmp_path / "a.xlsx", name="a.xlsx", limits=LIMITS)
    assert parsed.text == "## Hosts\n\n| name | port |\n| --- | --- |\n| gateway | 8080 |\n"
    assert parsed.pages == ((0, "Hosts"),)
    assert any("hidden" in warning for warning in parsed.warnings)


def test_epub_chapters_follow_the_spine(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.epub", "w") as book:
        book.writestr("mimetype", "application/epub+zip")
        container = '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
        book.writestr("META-INF/container.xml", container)
        book.writestr(
            "OPS/book.opf",
            '<package xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:title>SRE notes</dc:title></metadata>'
            '<manifest><item id="b" href="two%20.xhtml"/><item id="a" href="one.xhtml"/></manifest>'
            '<spine><itemref idref="a"/><itemref idref="b"/><itemref idref="gone"/></spine></package>',
        )
        book.writestr("OPS/one.xhtml", "<html><body><h1>One</h1><p>first chapter</p></body></html>")
        book.writestr("OPS/two .xhtml", "<html><body><h1>Two</h1><p>second chapter</p></body></html>")
    parsed = parse(tmp_path / "a.epub", name="a.epub", limits=LIMITS)
    assert parsed.title == "SRE notes"
    assert parsed.text == "# One\n\nfirst chapter\n\n# Two\n\nsecond chapter\n"
    assert parsed.pages == ((0, "One"), (parsed.text.index("# Two"), "Two"))


def test_mail_has_subject_headers_body_and_names_of_attachments(tmp_path: Path) -> None:
    message = EmailMessage()
    message["Subject"] = "网关重启"
    message["From"] = "Ops <ops@example.com>"
    message["To"] = "dev@example.com"
    message.set_content("plain body\n")
    message.add_alternative("<p>html body</p>", subtype="html")
    message.add_attachment(b"\x00\x01", maintype="application", subtype="zip", filename="logs.zip")
    parsed = parse_text(tmp_path, "a.eml", bytes(message))
    assert parsed.title == "网关重启"
    assert "- From: Ops <ops@example.com>" in parsed.text
    assert "plain body" in parsed.text
    assert "html body" not in parsed.text
    assert "- logs.zip" in parsed.text


def test_notebook_cells_code_and_what_it_printed(tmp_path: Path) -> None:
    notebook = {
        "nbformat": 4,
        "metadata": {"language_info": {"name": "python"}},
        "cells": [
            {"cell_type": "markdown", "source": ["# Load\n", "test"]},
            {
                "cell_type": "code",
                "source": "print(1)",
                "outputs": [{"output_type": "stream", "text": ["1\n"]}, {"data": {"image/png": "AAAA"}}],
            },
            {"cell_type": "code", "source": "x", "outputs": [{"ename": "NameError", "evalue": "x", "traceback": []}]},
        ],
    }
    parsed = parse_text(tmp_path, "a.ipynb", json.dumps(notebook))
    assert parsed.title == "Load"
    assert "```python\nprint(1)\n```\n\n```\n1\n```" in parsed.text
    assert "NameError: x" in parsed.text
    assert "AAAA" not in parsed.text


def test_office_files_are_read_from_paths_without_an_ending(tmp_path: Path) -> None:
    document, workbook, deck = docx.Document(), openpyxl.Workbook(), pptx.Presentation()
    document.add_paragraph("words")
    workbook.active.append(["words"])
    deck.slides.add_slide(deck.slide_layouts[0]).shapes.title.text = "words"
    for made, name in ((document, "a.docx"), (workbook, "a.xlsx"), (deck, "a.pptx")):
        made.save(str(tmp_path / name))
        (tmp_path / name).rename(tmp_path / "4f53cda18c2baa0c")
        assert "words" in parse(tmp_path / "4f53cda18c2baa0c", name=name, limits=LIMITS).text
        assert "words" in parse(tmp_path / "4f53cda18c2baa0c", name="download", limits=LIMITS).text


@pytest.mark.parametrize(("name", "better"), [("a.doc", ".docx"), ("b.XLS", ".xlsx"), ("c.ppt", ".pptx")])
def test_formats_of_the_past_are_refused_with_what_to_do(tmp_path: Path, name: str, better: str) -> None:
    with pytest.raises(UnreadableFile, match=rf"{name}.*save it as \{better}"):
        parse_text(tmp_path, name, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100))
