"""Whatever a file holds, parsing it ends in a document or in UnreadableFile with a sentence that names the file."""

from __future__ import annotations

import contextlib
import io
import json
import re
import tempfile
import threading
import zipfile
from pathlib import Path

import docx
import openpyxl
import pptx
import psutil
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pypdf import PdfWriter

from knowledge.config import MEGABYTE, ParsingLimits
from knowledge.errors import FileTooLarge, ParserCrashed, UnreadableFile
from knowledge.parsing import SUFFIXES, IsolatedParser, parse
from knowledge.splitting.splitter import split_document
from knowledge.types import ParsedDocument

LIMITS = ParsingLimits()


def parse_bytes(content: bytes, name: str, limits: ParsingLimits = LIMITS) -> ParsedDocument:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(content)
        return parse(path, name=name, limits=limits)


def check(document: ParsedDocument) -> None:
    """What every consumer of a document relies on."""
    json.dumps(document.metadata, allow_nan=False).encode()
    for text in (document.text, document.title, *document.warnings):
        text.encode("utf-8")
        assert not re.search(r"[\x00\r]", text)
    offsets = [offset for offset, _ in document.pages]
    assert offsets == sorted(offsets)
    assert all(0 <= offset <= len(document.text) for offset in offsets)
    assert all(0 <= link.start < len(document.text) for link in document.links)


def check_or_named_error(content: bytes, name: str) -> None:
    problem = ""
    try:
        check(parse_bytes(content, name))
    except UnreadableFile as error:
        problem = str(error)
    assert not problem or problem.startswith(name)


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def docx_bytes() -> bytes:
    buffer = io.BytesIO()
    document = docx.Document()
    document.add_heading("Title", 1)
    document.add_table(rows=2, cols=2).cell(0, 0).text = "a"
    document.save(buffer)
    return buffer.getvalue()


def xlsx_bytes() -> bytes:
    buffer = io.BytesIO()
    workbook = openpyxl.Workbook()
    workbook.active.append(["name", 1])
    workbook.save(buffer)
    return buffer.getvalue()


def pptx_bytes() -> bytes:
    buffer = io.BytesIO()
    deck = pptx.Presentation()
    deck.slides.add_slide(deck.slide_layouts[0]).shapes.title.text = "Title"
    deck.save(buffer)
    return buffer.getvalue()


def pdf_bytes(password: str = "") -> bytes:
    buffer = io.BytesIO()
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    writer.write(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_an_empty_file_is_reported_by_name(suffix: str) -> None:
    with pytest.raises(UnreadableFile, match=rf"notes{re.escape(suffix)} is empty"):
        parse_bytes(b"", f"notes{suffix}")


@pytest.mark.parametrize("content", [b" \n\n ", b"\xef\xbb\xbf", b"<html><body></body></html>"])
def test_a_file_without_text_is_reported(content: bytes) -> None:
    with pytest.raises(UnreadableFile, match="holds no text"):
        parse_bytes(content, "a.html")


def test_too_large_a_file_is_not_even_read() -> None:
    with pytest.raises(FileTooLarge, match=r"big\.txt has 2\.0 MB; at most 1\.0 MB"):
        parse_bytes(b"x" * 2 * MEGABYTE, "big.txt", ParsingLimits(max_file_bytes=MEGABYTE))


def test_a_missing_file_and_a_folder_are_unreadable(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.md", tmp_path):
        with pytest.raises(UnreadableFile):
            parse(path, name="gone.md", limits=LIMITS)


@pytest.mark.parametrize(
    ("name", "content", "reason", "code"),
    [
        ("a.pdf", b"%PDF-1.7\nnonsense", "damaged|no pages|cannot be found", "file_damaged"),
        ("a.pdf", b"not a pdf at all", "damaged", "file_damaged"),
        ("a.pdf", pdf_bytes(), "no text: it looks scanned", "file_scanned"),
        ("a.pdf", pdf_bytes("secret"), "encrypted", "file_encrypted"),
        ("a.docx", b"PK\x03\x04broken", "damaged", "file_damaged"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "damaged", "file_damaged"),
        ("a.xlsx", zipped({"xl/workbook.xml": b"<broken"}), "damaged", "file_damaged"),
        ("a.pptx", zipped({"hello.txt": b"hello"}), "damaged", "file_damaged"),
        ("a.epub", zipped({"mimetype": b"application/epub+zip"}), "damaged", "file_damaged"),
        ("a.ipynb", b'{"cells": 5}', "not a notebook", "unreadable_file"),
        ("a.ipynb", b"{", "not valid JSON", "file_damaged"),
        ("a.txt", b"\x7fELF\x02\x01\x01" + bytes(200), "binary", "file_not_text"),
        ("picture", b"\x89PNG\r\n\x1a\n" + bytes(200), "binary", "file_not_text"),
        ("a.bin", bytes(range(256)) * 20, "binary", "file_not_text"),
        ("a.png", b"\x89PNG\r\n\x1abad", "is a picture", "file_not_text"),
        ("logs.tgz", b"only words", "is an archive", "file_not_text"),
    ],
)
def test_broken_and_encrypted_files_say_what_is_wrong(name: str, content: bytes, reason: str, code: str) -> None:
    with pytest.raises(UnreadableFile, match=reason) as caught:
        parse_bytes(content, name)
    assert str(caught.value).startswith(name)
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["a.docx", "a.xlsx", "a.pptx", "a.epub"])
def test_a_zip_bomb_inside_an_office_file_is_refused(name: str) -> None:
    bomb = zipped({"word/document.xml": bytes(30 * MEGABYTE), "xl/a.xml": b"", "META-INF/container.xml": b""})
    with pytest.raises(FileTooLarge, match="zip bomb"):
        parse_bytes(bomb, name)
    with pytest.raises(FileTooLarge, match="unpacks to"):
        parse_bytes(bomb, name, ParsingLimits(max_unpacked_bytes=MEGABYTE))
    with pytest.raises(FileTooLarge, match="files inside"):
        parse_bytes(bomb, name, ParsingLimits(max_members=2))


def test_entities_in_office_xml_are_refused() -> None:
    source = docx_bytes()
    laughs = '<!DOCTYPE a [<!ENTITY a "ha">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
    )
    with zipfile.ZipFile(io.BytesIO(source)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for evil in (f"{laughs}]><a>&j;</a>".encode(), f"{laughs}]><a>&j;</a>".encode("utf-16")):
        with pytest.raises(UnreadableFile, match="document type"):
            parse_bytes(zipped({**members, "word/document.xml": evil}), "a.docx")


def test_entities_in_a_book_are_not_expanded() -> None:
    laughs = '<!DOCTYPE a [<!ENTITY a "haha"><!ENTITY b "&a;&a;&a;"><!ENTITY x SYSTEM "file:///etc/passwd">]>'
    members = {
        "META-INF/container.xml": b'<container><rootfiles><rootfile full-path="b.opf"/></rootfiles></container>',
        "b.opf": f'{laughs}<package xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>&b;&x;</dc:title>'
        '<item id="a" href="a.xhtml"/><itemref idref="a"/></package>'.encode(),
        "a.xhtml": f"{laughs}<html><body>chapter &b; &x;</body></html>".encode(),
    }
    document = parse_bytes(zipped(members), "a.epub")
    assert "haha" not in document.title + document.text
    assert "root:" not in document.title + document.text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.html", b"<div>" * 200_000 + b"deep"),
        ("a.html", b"<b>" * 100_000 + b"deep"),
        ("a.html", b"<table><tr><td>" * 700 + b"deep"),
        ("a.html", b"<ul><li>" * 700 + b"deep"),
        ("a.html", b"<blockquote>" * 700 + b"deep"),
        ("a.html", b"<a href='" * 50_000 + b"deep"),
        ("a.json", b"[" * 200_000 + b"1" + b"]" * 200_000),
        ("a.yaml", b"a: " + b"{a: " * 50_000),
        ("a.md", b"> " * 50_000 + b"deep"),
        ("a.md", b"---\na: " + b"[" * 19_000 + b"\n---\ndeep"),
        ("a.ipynb", b'{"cells": ' + b"[" * 200_000),
        ("a.eml", b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(2_000))),
    ],
)
def test_deep_nesting_ends_in_text_or_in_a_named_error(name: str, content: bytes) -> None:
    check_or_named_error(content, name)


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.json", "a.py", "a.log", "a.csv"])
def test_fifty_megabytes_on_one_line(name: str) -> None:
    document = parse_bytes(b"word, " * (50 * MEGABYTE // 6), name)
    check(document)
    assert document.text.startswith(("word", "| word"))


def test_a_hundred_thousand_columns_are_cut_with_a_warning() -> None:
    header = ",".join(f"c{number}" for number in range(100_000))
    document = parse_bytes(f"{header}\n{header}\n".encode(), "a.csv")
    check(document)
    assert document.warnings == ("columns after the first 1,000 were left out",)


def test_an_open_quote_does_not_lose_the_rest_of_the_table() -> None:
    document = parse_bytes(b'a,b\n1,"open\n' + b"2,3\n" * 50_000, "a.csv")
    assert document.text.count("2,3") == 50_000


def test_lone_surrogates_and_nuls_cannot_get_through() -> None:
    cells = [{"cell_type": "markdown", "source": "a\ud800b\x00c"}]
    document = parse_bytes(json.dumps({"cells": cells}).encode(), "a.ipynb")
    assert document.text == "a\ufffdbc\n"
    check(parse_bytes(b"\xed\xa0\x80 cesu \x00 text with words around it", "a.txt"))
    check(parse_bytes(b"# t\n", "\ud800\x00bad\nname.md"))


def test_a_name_with_a_path_is_shown_without_it() -> None:
    with pytest.raises(UnreadableFile) as caught:
        parse_bytes(b"", "../../etc/passwd")
    assert str(caught.value) == "passwd is empty."


VALID = {".docx": docx_bytes(), ".xlsx": xlsx_bytes(), ".pptx": pptx_bytes(), ".pdf": pdf_bytes("x")}


@settings(max_examples=150, deadline=None)
@given(content=st.binary(max_size=3_000), suffix=st.sampled_from([*sorted(SUFFIXES), ".bin", ""]))
@example(content=b"\x00", suffix=".md")
@example(content=b"%PDF-", suffix=".txt")
@example(content=b"PK\x03\x04", suffix="")
def test_any_bytes_under_any_name(content: bytes, suffix: str) -> None:
    check_or_named_error(content, f"f{suffix}")


@settings(max_examples=80, deadline=None)
@given(
    suffix=st.sampled_from(sorted(VALID)),
    position=st.floats(0, 1),
    patch=st.binary(min_size=1, max_size=30),
    cut=st.integers(0, 200),
)
def test_damaged_copies_of_good_files(suffix: str, position: float, patch: bytes, cut: int) -> None:
    content = VALID[suffix]
    start = int(position * len(content))
    damaged = content[:start] + patch + content[start + len(patch) :]
    check_or_named_error(damaged[: len(damaged) - cut], f"f{suffix}")


@settings(max_examples=150, deadline=None)
@given(
    suffix=st.sampled_from([".md", ".html", ".rst", ".csv", ".json", ".ipynb", ".eml", ".yaml"]),
    pieces=st.lists(
        st.sampled_from(
            ["# a", "\n", "---\n", "```", "[", "](", ")", "<table>", "<tr><td>", "</a>", "<pre>", "<li>", "<a href=x>",
             "|", '"', ",", "{", "}", "Content-Type: text/html\n\n", "\u4e2d", "title: ", "<nav>", "&#0;", "&#xD800;",
             "\x1b[", "`"]
        ),
        max_size=40,
    ),
)  # fmt: skip
def test_any_mixture_of_markup(suffix: str, pieces: list[str]) -> None:
    check_or_named_error("".join(pieces).encode(), f"f{suffix}")


def test_isolated_parsing_gives_what_parsing_gives(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(docx_bytes())
    (tmp_path / "a.md").write_text("---\ntitle: 标题\n---\n[a](b.md)\n")
    (tmp_path / "a.html").write_text("<h1>T</h1><p>text <a href=x.html>link</a></p>")
    with IsolatedParser() as parser:
        for path in sorted(tmp_path.iterdir()):
            isolated = parser.read(path, name=path.name, limits=LIMITS)
            assert isolated == split_document(parse(path, name=path.name, limits=LIMITS))
        (tmp_path / "a.docx").write_bytes(b"PK\x03\x04")
        with pytest.raises(UnreadableFile, match=r"a\.docx is damaged"):
            parser.read(tmp_path / "a.docx", name="a.docx", limits=LIMITS)


def parsers() -> set[psutil.Process]:
    found = set()
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):  # it may end meanwhile
            if "knowledge.parsing.worker" in child.cmdline():
                found.add(child)
    return found


def test_a_parser_killed_between_two_files_costs_none_of_them(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A\n\ntext\n")
    others = parsers()
    with IsolatedParser() as parser:
        first = parser.read(tmp_path / "a.md", name="a.md", limits=LIMITS)
        for child in parsers() - others:
            child.kill()
        assert parser.read(tmp_path / "a.md", name="a.md", limits=LIMITS) == first


def test_a_file_whose_parsers_are_killed_fails_with_its_name_and_the_next_is_read(tmp_path: Path) -> None:
    (tmp_path / "heavy.md").write_bytes(b"word " * (10 * MEGABYTE // 5))
    (tmp_path / "light.md").write_text("light\n")
    others = parsers()
    killed: set[psutil.Process] = set()
    failed = threading.Event()

    def kill_all() -> None:
        while not failed.wait(timeout=0.01):
            for child in parsers() - others - killed:
                child.kill()
                killed.add(child)

    killer = threading.Thread(target=kill_all)
    with IsolatedParser() as parser:
        killer.start()
        try:
            with pytest.raises(ParserCrashed, match=r"heavy\.md could not be read: its parser was killed \(signal 9\)"):
                parser.read(tmp_path / "heavy.md", name="heavy.md", limits=LIMITS)
        finally:
            failed.set()
            killer.join()
        assert len(killed) == 2
        assert parser.read(tmp_path / "light.md", name="light.md", limits=LIMITS).document.text == "light\n"


def test_a_file_that_takes_too_long_or_too_much_is_reported_and_the_next_one_is_read(tmp_path: Path) -> None:
    heavy, light = tmp_path / "heavy.xlsx", tmp_path / "light.html"
    row = b"<row>" + b"<c t='inlineStr'><is><t>cell</t></is></c>" * 50 + b"</row>"
    with zipfile.ZipFile(io.BytesIO(xlsx_bytes())) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    sheet = members["xl/worksheets/sheet1.xml"]
    start = sheet.index(b"<sheetData>") + len(b"<sheetData>")
    members["xl/worksheets/sheet1.xml"] = sheet[:start] + row * 20_000 + sheet[start:]
    heavy.write_bytes(zipped(members))
    light.write_text("<p>light</p>")
    with IsolatedParser() as parser:
        with pytest.raises(UnreadableFile, match=r"heavy\.xlsx could not be read: .* longer than 2 s"):
            parser.read(heavy, name="heavy.xlsx", limits=ParsingLimits(max_seconds=2, max_ratio=10_000))
        assert parser.read(light, name="light.html", limits=LIMITS).document.text == "light\n"
        little = ParsingLimits(max_memory_bytes=120 * MEGABYTE, max_ratio=10_000)
        with pytest.raises(UnreadableFile):
            parser.read(heavy, name="heavy.xlsx", limits=little)
        assert parser.read(light, name="light.html", limits=LIMITS).document.text == "light\n"


def test_plain_files_are_read_in_the_child_too(tmp_path: Path) -> None:
    heavy, light = tmp_path / "heavy.md", tmp_path / "light.md"
    heavy.write_bytes(b"word " * (30 * MEGABYTE // 5))
    light.write_text("light\n")
    with IsolatedParser() as parser:
        with pytest.raises(UnreadableFile, match=r"heavy\.md"):
            parser.read(heavy, name="heavy.md", limits=ParsingLimits(max_memory_bytes=200 * MEGABYTE))
        assert [chunk.text for chunk in parser.read(light, name="light.md", limits=LIMITS).chunks] == ["light\n"]


def test_more_text_than_is_indexed_of_one_file_is_refused_by_name() -> None:
    with pytest.raises(FileTooLarge, match=r"long\.txt holds 2,000 characters of text; at most 1,000"):
        parse_bytes(b"word " * 400, "long.txt", ParsingLimits(max_text_chars=1_000))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("long.csv", b"host,port\n" + b"db,5432\n" * 400),
        ("long.html", b"<p>" + b"word " * 400),
        ("long.eml", b"Subject: word\n\n" + b"word " * 400),
    ],
)
def test_what_is_cut_to_the_limit_is_not_refused_for_it(name: str, content: bytes) -> None:
    for most in range(200, 212):
        document = parse_bytes(content, name, ParsingLimits(max_text_chars=most))
        assert len(document.text) <= most
        assert f"cut after {most} characters" in document.warnings


@pytest.mark.parametrize("depth", [5, 12, 40])
def test_merge_keys_in_front_matter_cannot_grow(depth: int) -> None:
    layers = "\n".join(f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 9)}]}}" for n in range(1, depth))
    document = parse_bytes(f"---\nm0: &m0 {{x: 1}}\n{layers}\n---\n# Body\n".encode(), "a.md")
    assert len(str(document.metadata)) < 30_000
    assert document.title == "Body"


def test_front_matter_that_cannot_be_read_is_said() -> None:
    assert parse_bytes(b"---\na: [\n---\n# Body\n", "a.md").warnings == ("its front matter could not be read",)


WIDE = "<tr>" + "<td colspan=1000>a" * 60
OUTPUT = {
    "a.html": [
        "<table><tr><th>a" + WIDE + "<tr><td>b" * 2_000 + "</table>",
        "<table>" + "<tr><td rowspan=9999 colspan=500>a<td>b" * 2_000 + "</table>",
        "<table><tr>" + "<th>name" * 1_000 + "<tr><td>1" * 5_000 + "</table>",
        "<table><tr><th>" + "n" * 20_000 + "<th>b" + ("<tr><td>" + "v" * 1_900 + "<td>c") * 300 + "</table>",
    ],
    "a.csv": [
        ",".join(["n" * 5_000] * 100) + "\n" + "1\n" * 20_000,
        ",".join(["n" * 300] * 1_000) + "\n" + (",".join("1" * 1_000) + "\n") * 300,
        "n" * 100_000 + ",b\n" + ("v" * 1_900 + ",1\n") * 300,
        ",".join("a" * 24) + "\n" + "1\n" * 50_000,
    ],
    "a.json": ["[" * 400 + "1," * 50_000 + "1" + "]" * 400],
    "a.md": ["# " + "h" * 2_000 + "\n\n" + "## x\n\ny\n\n" * 20_000,
             "---\ntitle: " + "t" * 15_000 + "\n---\n" + "# a\n\nb\n\n" * 20_000],
    "a.py": ["".join(f"{' ' * n}class {'N' * 200}:\n\n" for n in range(300)) + "x = 1\n\n" * 20_000],
    "a.yaml": ["kind: " + "k" * 5_000 + "\n" + "a: b\n" * 50_000],
    "a.rst": ["t" * 5_000 + "\n" + "=" * 5_000 + "\n\n" + "x\n\n" * 50_000],
}  # fmt: skip


@pytest.mark.parametrize(("name", "content"), [(name, content) for name, each in OUTPUT.items() for content in each])
def test_what_is_made_of_a_file_is_bounded_by_its_size(name: str, content: str) -> None:
    document = split_document(parse_bytes(content.encode(), name))
    made = len(document.document.text)
    searched = sum(len(chunk.search_text) + sum(map(len, chunk.heading_path)) for chunk in document.chunks)
    assert made <= 6 * len(content) + 100_000
    assert searched <= 8 * len(content) + 300_000


def refers_often(suffix: str, times: int) -> bytes:
    """A book, deck or workbook that names the one part that it has so many times."""
    if suffix == "epub":
        items = '<item id="a" href="a.xhtml"/>' + "".join(f'<item id="b{n}" href="a.xhtml#{n}"/>' for n in range(times))
        spine = '<itemref idref="a"/>' * times + "".join(f'<itemref idref="b{n}"/>' for n in range(times))
        return zipped(
            {
                "META-INF/container.xml": b'<c><rootfile full-path="b.opf"/></c>',
                "b.opf": f"<package><manifest>{items}</manifest><spine>{spine}</spine></package>".encode(),
                "a.xhtml": b"<p>once " + b"word " * 2_000,
            }
        )
    member, first, last = {
        "pptx": ("ppt/presentation.xml", b"<p:sldId ", b"/>"),
        "xlsx": ("xl/workbook.xml", b"<sheet ", b"/>"),
    }[suffix]
    with zipfile.ZipFile(io.BytesIO(pptx_bytes() if suffix == "pptx" else xlsx_bytes())) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    text = members[member]
    start = text.index(first)
    end = text.index(last, start) + len(last)
    return zipped({**members, member: text[:start] + text[start:end] * times + text[end:]})


@pytest.mark.parametrize("suffix", ["epub", "pptx", "xlsx"])
def test_a_part_that_is_named_over_and_over_is_read_once(suffix: str) -> None:
    once = parse_bytes(refers_often(suffix, 1), f"a.{suffix}")
    assert parse_bytes(refers_often(suffix, 300), f"a.{suffix}").text == once.text


def test_spans_that_are_not_laid_out_are_said() -> None:
    content = OUTPUT["a.html"][1]
    assert any("span many columns" in warning for warning in parse_bytes(content.encode(), "a.html").warnings)
    assert any("header row was not repeated" in w for w in parse_bytes(OUTPUT["a.csv"][2].encode(), "a.csv").warnings)
