"""Where the knowledge floor reads text from outside: every format, and the splitter after it."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path

import docx
import openpyxl
import pptx
from openpyxl.chart import BarChart

from knowledge.config import ParsingLimits
from knowledge.errors import UnreadableFile
from knowledge.parsing.pdf_picture import draw_page
from knowledge.parsing.reading import parse
from knowledge.splitting.splitter import split
from knowledge.text.markup import front_matter, plain_text
from knowledge.text.sentences import split_sentences
from tests.growth.harness import TextPath
from tests.pdf_files import Drawn, Text, draw_pdf

LIMITS = ParsingLimits()
_numbers = count()


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


def _written(content: bytes, name: str) -> Path:
    path = Path(_folder().name, f"{next(_numbers)}-{name}")
    path.write_bytes(content)
    return path


def _read(path: Path) -> None:
    """Parse and split a file; a named refusal is an answer, too."""
    with suppress(UnreadableFile):
        split(parse(path, name=path.name, limits=LIMITS))


def _file(name: str, make: Callable[[int], str | bytes], largest: int = 1_000_000) -> TextPath:
    def written(size: int) -> Path:
        content = make(size)
        return _written(content.encode() if isinstance(content, str) else content, name)

    return TextPath("", written, _read, largest)


def _repeated(unit: str, before: str = "", after: str = "") -> Callable[[int], str]:
    return lambda size: before + unit * max(1, size // len(unit)) + after


MARKUP = {
    "words": "word ", "long line": "x", "spaces": " ", "tabs": "\t", "blank lines": "\n", "hashes": "#",
    "headings": "# a\n", "one heading": "# a\n\n## b\n", "named headings": "# one two three\n\nx\n",
    "heading tails": " #", "heading attributes": " {#a", "brackets": "[", "closed brackets": "[]", "links": "[a](",
    "references": "[a][b] ", "definitions": "[a]: b\n", "images": "![", "backticks": "`", "code spans": "`a``b```c",
    "odd backticks": "a`", "stars": "*", "emphasis": "*a ", "strong": "**a ", "underscores": "_a ", "quotes": "> ",
    "quoted lines": "> a\n", "nested lists": "- ", "list items": "- a\n", "numbers": "1. a\n", "fences": "```\n",
    "tildes": "~~~ a\n", "comments": "<!--", "closed comments": "<!--a-->", "shortcodes": "{{<",
    "percents": "{{% a \"",
    "shortcode titles": '{{< a "b',
    "containers": ":::", "container lines": "::: a\n\n", "admonitions": "!!! a\n\n    b\n\n",
    "admonition bodies": "    b\n\n",
    "tags": "<a", "closed tags": "<a>",
    "attributes": "{=", "attribute lines": "{a=\n",
   
    "rules": "- - ", "table rules": "|--", "table rows": "|a|b|\n", "table spaces": "--  ",
    "bars": "|", "setext": "a\n===\n",
    "underlines": "a\n-\n", "roles": ":a:`", "addresses": "https://", "entities": "&#", "backslashes": "\\",
    "parentheses": "(", "link targets": "[](a(b)", "html": "<div>\n", "scripts": "<script>", "imports": "import a\n",
    "expressions": "{/* ", "elements": "<Tabs ", "html anchors": "<a href=", "sentences": "Yes. No! 好。", "han": "文",
    "stops": ".", "abbreviations": "e.g. A ", "dashes": "-",
}  # fmt: skip


def _markdown() -> list[TextPath]:
    paths = [_named(f"markdown/{name}", _file("a.md", _repeated(unit))) for name, unit in MARKUP.items()]
    table = _file("a.md", _repeated("|a|b|\n", "|a|b|\n|-|-|\n"))
    lists = _file("a.md", lambda size: "".join(f"{'  ' * (n % 40)}- a\n" for n in range(size // 44)))
    return [*paths, _named("markdown/table", table), _named("markdown/deep lists", lists)]


def _plain_text() -> list[TextPath]:
    return [
        TextPath(f"plain text/{name}", _repeated(unit), lambda text: plain_text(text, "markdown"))
        for name, unit in MARKUP.items()
    ]


def _front_matter() -> list[TextPath]:
    units = {
        "merges": "m: {<<: [*a, *a, *a]}\n", "aliases": "- *a\n", "flows": "[", "flow keys": "? ", "colons": "a: ",
        "keys": "k: v\n", "quotes": "'", "tags": "!a ", "anchors": "&a ", "folded": ">-\n a\n",
    }  # fmt: skip

    def made(unit: str) -> Callable[[int], str]:
        return lambda size: f"---\na: &a {{x: 1}}\n{unit * (size // len(unit))}\n---\n"

    paths = [TextPath(f"front matter/{name}", made(unit), front_matter, 19_000) for name, unit in units.items()]

    def layers(size: int) -> str:
        lines = (f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 9)}]}}" for n in range(1, max(2, size // 60)))
        return "---\nm0: &m0 {x: 1}\n" + "\n".join(lines) + "\n---\n"

    return [*paths, TextPath("front matter/layers of merges", layers, front_matter, 19_000)]


def _named(name: str, path: TextPath) -> TextPath:
    return TextPath(name, path.make, path.run, path.largest)


SENTENCES = {
    "stops": "Yes. No! 好。", "dots": ".", "abbreviations": "e.g. A ", "quotes": ".\"", "spaces": ".  ", "han": "。",
}  # fmt: skip
HTML = {
    "divisions": "<div>", "inline": "<b>", "paragraphs": "<p>a</p>", "links": "<a href=x>a", "closed": "</b>",
    "comments": "<!--",
    "scripts": "<script>", "styles": "<style ", "quotes": "<a '", "double quotes": '<a "', "less": "<",
    "lists": "<ul><li>",
    "items": "<li>a", "quotations": "<blockquote>a", "tables": "<table><tr><td>", "cells": "<td>a",
    "rows": "<tr><td>a</tr>",
    "headings": "<h1>a</h1>", "nested headings": "<h2><a href='#x'>[", "code": "<code>`", "fences": "<pre>```</pre>",
    "terms": "<dt>a", "definitions": "<dl><dt>a<dd>b</dl>", "tabs": "<div role=tab>a</div><div role=tabpanel>b</div>",
    "hidden": "<div hidden>a</div>", "folded": "<div class=tab hidden>a", "entities": "&amp;", "breaks": "a<br>",
    "navigation": "<nav>a", "main": "<main>a", "classes": "<pre class='language- language-'>a</pre>",
    "spaces": " <b> ",
}  # fmt: skip
SPANS = {
    "columns": "<td colspan=999>a", "rows": "<tr><td rowspan=999>a</tr>",
    "both": "<tr><td colspan=99 rowspan=99>a</tr>",
    "headers": "<tr><th colspan=9>a</tr>", "nested": "<td>a<table><tr><th>b<tr><td>c</table>",
}  # fmt: skip
TEXTS = {
    "rst": {"titles": "a\n=\n", "rules": "=\n", "indents": "  a\n\n", "roles": ":a:`b`", "words": "a "},
    "txt": {"words": "word ", "line": "x", "lines": "a\n\n", "stops": ". ", "han": "。"},
    "py": {"definitions": "def a\n\n", "spaces": "class  ", "words": "static ", "indents": "\n\n    def b(",
        "brackets": "fn ("},
    "yaml": {"documents": "---\n", "kinds": "kind: a\n---\n", "entries": "a: b\n", "flows": "a: [",
        "names": "kind: a\n  name: b\n"},
    "json": {"brackets": "[", "values": "[1,", "objects": '{"a":', "line": "1 "},
    "jsonl": {"lines": '{"a": 1}\n'},
    "log": {"lines": "2024 ERROR a\n", "escapes": "\x1b[", "titles": "\x1b]a", "line": "a="},
    "csv": {"commas": ",", "rows": "a,b\n", "quotes": '"', "fields": '"a""', "bars": "|", "blank": "\n",
        "gaps": "a,b\n\n", "broken fields": '"a\n",b\n'},
    "tsv": {"rows": "a\tb\n"},
}  # fmt: skip
CHART = {
    "points": ('<pt idx="{}"><v>1</v></pt>', "<ser><val><numLit>", "</numLit></val></ser>"),
    "series": ('<ser><val><numLit><pt idx="{}"><v>1</v></pt></numLit></val></ser>',),
    "levels": (
        '<pt idx="{}"><v>a</v></pt>',
        '<ser><val><numLit><pt idx="1"><v>1</v></pt></numLit></val><cat><lvl><pt idx="1"><v>b</v></pt></lvl><lvl>',
        "</lvl></cat></ser>",
    ),
}
MAIL = {
    "addresses": "a <b@c>, ", "comments": "(", "quotes": '"', "words": "=?utf-8?q?a?= ", "groups": "a:",
    "dots": "a.", "spaces": " ",
}  # fmt: skip


def _pages() -> list[TextPath]:
    paths = [_named(f"html/{name}", _file("a.html", _repeated(unit, "<html>"))) for name, unit in HTML.items()]
    for name, unit in SPANS.items():
        made = _repeated(unit, "<table><tr><th>a<th>b<tr><td>c<td>d", "</table>")
        paths.append(_named(f"html/spans/{name}", _file("a.html", made)))
    return paths


def _texts() -> list[TextPath]:
    return [
        _named(f"{suffix}/{name}", _file(f"a.{suffix}", _repeated(unit)))
        for suffix, units in TEXTS.items()
        for name, unit in units.items()
    ]


def _mail() -> list[TextPath]:
    paths = [
        _named(f"mail/{field}/{name}", _file("a.eml", _repeated(unit, f"{field}: ", "\n\nbody\n")))
        for field in ("To", "Subject", "Content-Type", "Content-Disposition")
        for name, unit in MAIL.items()
    ]
    parts = _repeated("Content-Type: multipart/mixed; boundary=b\n\n--b\n")
    lines = _repeated("a: b\n")
    return [*paths, _named("mail/parts", _file("a.eml", parts)), _named("mail/headers", _file("a.eml", lines))]


def _notebooks() -> list[TextPath]:
    def made(unit: str, kind: str) -> Callable[[int], str]:
        cell = {"cell_type": kind, "source": unit, "outputs": []}
        return lambda size: json.dumps({"cells": [cell] * (size // len(json.dumps(cell)))})

    return [
        _named(f"notebook/{kind}", _file("a.ipynb", made(unit, kind)))
        for kind, unit in (("code", "a```b"), ("markdown", "# a"), ("heading", "a"))
    ]


def _mdx() -> list[TextPath]:
    units = {
        "imports": "import a from 'b';\n", "open imports": "import {\n", "exports": "export const a = {\n",
        "comments": "{/*",
        "tags": "<Tab ", "labels": '<Tab label="a" ', "elements": "<Tab>", "code spans": "`a``", "fences": "```\n",
        "labels only": " label=",
    }  # fmt: skip
    return [_named(f"mdx/{name}", _file("a.mdx", _repeated(unit))) for name, unit in units.items()]


def _word(body: str) -> bytes:
    return _office("docx", "word/document.xml", "</w:body>", body)


def _office(suffix: str, member: str, before: str, content: str) -> bytes:
    """A file of an office program with more XML put into one of its members."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(_template(suffix))) as source, zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            data = source.read(name)
            if name == member:
                place = data.rindex(before.encode())
                data = data[:place] + content.encode() + data[place:]
            archive.writestr(name, data)
    return target.getvalue()


@cache
def _template(suffix: str) -> bytes:
    buffer = io.BytesIO()
    if suffix == "docx":
        docx.Document().save(buffer)
    elif suffix == "xlsx":
        workbook = openpyxl.Workbook()
        workbook.active.append(["a", 1])
        workbook.active.add_chart(BarChart())
        workbook.save(buffer)
    else:
        deck = pptx.Presentation()
        deck.slides.add_slide(deck.slide_layouts[6]).shapes.add_textbox(0, 0, 9, 9).text_frame.text = "a"
        deck.save(buffer)
    return buffer.getvalue()


def _office_files() -> list[TextPath]:
    text = "<w:p><w:r><w:t>{}</w:t></w:r></w:p>"
    cell = "<w:tc><w:tcPr>{}</w:tcPr><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc>"
    word = {
        "paragraphs": text.format("a"), "rows": f"<w:tbl><w:tr>{cell.format('')}</w:tr></w:tbl>",
        "spans": "<w:tbl><w:tr>" + cell.format('<w:gridSpan w:val="999"/>') * 3 + "</w:tr></w:tbl>",
        "headings": '<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>a</w:t></w:r></w:p>',
        "items": '<w:p><w:pPr><w:pStyle w:val="ListNumber"/></w:pPr><w:r><w:t>a</w:t></w:r></w:p>',
        "breaks": "<w:p><w:r><w:br/><w:t>a</w:t></w:r></w:p>",
    }  # fmt: skip
    merged = "<w:tr>" + cell.format("<w:vMerge/>") * 2 + "</w:tr>"
    paths = [_named(f"docx/{name}", _file("a.docx", _in_word(unit))) for name, unit in word.items()]
    paths.append(_named("docx/merged rows", _file("a.docx", _in_word(merged, "<w:tbl>", "</w:tbl>"))))
    rows = '<row><c t="inlineStr"><is><t>a</t></is></c></row>'
    sheet = {
        "rows": rows,
        "gaps": f"{rows}<row/>",
        "cells": "<row>" + "<c><v>1</v></c>" * 9 + "</row>",
        "formulas": "<row><c><f>1</f></c></row>",
    }
    paths += [_named(f"xlsx/{name}", _file("a.xlsx", _in_sheet(unit))) for name, unit in sheet.items()]
    paths.append(_named("xlsx/merges", _file("a.xlsx", _merges, 400_000)))
    paths += [_named(f"xlsx/chart {name}", _file("a.xlsx", _in_chart(*each))) for name, each in CHART.items()]
    paths.append(_named("csv/one run of rows", _file("a.csv", _repeated("b\n", f"{'a' * 50_000}\n"))))
    shape = (
        '<p:sp><p:nvSpPr><p:cNvPr id="9" name="a"/><p:cNvSpPr/><p:nvPr/></p:nvSpPr><p:spPr/>'
        "<p:txBody><a:bodyPr/><a:p><a:r><a:t>a</a:t></a:r></a:p></p:txBody></p:sp>"
    )
    in_slide = _repeated(shape)

    def slides(size: int) -> bytes:
        return _office("pptx", "ppt/slides/slide1.xml", "</p:spTree>", in_slide(size))

    return [*paths, _named("pptx/shapes", _file("a.pptx", slides))]


def _in_word(unit: str, before: str = "", after: str = "") -> Callable[[int], bytes]:
    made = _repeated(unit, before, after)
    return lambda size: _word(made(size))


def _in_sheet(unit: str) -> Callable[[int], bytes]:
    made = _repeated(unit)
    return lambda size: _office("xlsx", "xl/worksheets/sheet1.xml", "</sheetData>", made(size))


def _in_chart(unit: str, before: str = "", after: str = "") -> Callable[[int], bytes]:
    def made(size: int) -> bytes:
        points = "".join(unit.format(number) for number in range(max(1, size // len(unit))))
        return _office("xlsx", "xl/charts/chart1.xml", "</plotArea>", f"{before}{points}{after}")

    return made


def _merges(size: int) -> bytes:
    count = size // 60
    rows = "".join(f'<row r="{n}"><c r="A{n}"><v>{n}</v></c></row>' for n in range(2, count))
    merges = "".join(f'<mergeCell ref="A{n}:ZZ{n + 999}"/>' for n in range(2, count))
    return _office(
        "xlsx", "xl/worksheets/sheet1.xml", "</sheetData>", f"{rows}</sheetData><mergeCells>{merges}</mergeCells><!--"
    )


def _pdf_pages() -> list[TextPath]:
    folder = Path(_folder().name)

    def drawn(page: Callable[[int], list[Text | Drawn]]) -> Callable[[int], bytes]:
        def made(size: int) -> bytes:
            items = page(max(1, size // 40))
            pages = [items[start : start + 200] for start in range(0, len(items), 200)]
            return draw_pdf(folder / "drawn.pdf", pages).read_bytes()

        return made

    shapes: dict[str, Callable[[int], list[Text | Drawn]]] = {
        "lines": lambda count: [Text(50, 20 + n % 70 * 10, f"line {n} of words") for n in range(count)],
        "words": lambda count: [Text(n % 60 * 9, 20 + n % 200 // 60 * 9, "a") for n in range(count)],
        "sizes": lambda count: [Text(50, 20 + n % 70 * 10, "a", 5 + n % 97) for n in range(count)],
        "hyphens": lambda count: [Text(50, 20 + n % 70 * 10, "part-") for n in range(count)],
        "rules": lambda count: [Drawn(n % 60 * 9, 0, n % 60 * 9, 700) for n in range(count)] + [Text(9, 9, "a")],
    }
    paths = [_named(f"pdf/{name}", _file("a.pdf", drawn(page), 400_000)) for name, page in shapes.items()]

    def one_page(size: int) -> bytes:
        words = [Text(9, 9 + n % 700, "ab cd") for n in range(size // 40)]
        return draw_pdf(folder / "drawn.pdf", [words]).read_bytes()

    def marked(size: int) -> Path:
        return draw_pdf(folder / "marked.pdf", [[Text(9, 9 + n % 700, "ab cd") for n in range(size // 40)]])

    def mark(path: Path) -> object:
        return draw_page(path, path.name, 1, quote="abcdabcdab. cdabcdabce; " * 300, picture=False)

    return [*paths, _named("pdf/one page", _file("a.pdf", one_page)), TextPath("pdf/marked page", marked, mark)]


def _books() -> list[TextPath]:
    def made(size: int) -> bytes:
        count = size // 120
        items = "".join(f'<item id="i{n}" href="{n}.xhtml"/>' for n in range(count))
        references = "".join(f'<itemref idref="i{n}"/>' for n in range(count))
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("META-INF/container.xml", '<c><rootfile full-path="b.opf"/></c>')
            archive.writestr("b.opf", f"<package><manifest>{items}</manifest><spine>{references}</spine></package>")
            for n in range(count):
                archive.writestr(f"{n}.xhtml", "<p>a chapter</p>")
        return buffer.getvalue()

    return [_named("epub/chapters", _file("a.epub", made, 400_000))]


PATHS = [
    *(
        TextPath(f"sentences/{name}", _repeated(unit), lambda text: list(split_sentences(text, 0, len(text))))
        for name, unit in SENTENCES.items()
    ),
    *_markdown(),
    *_plain_text(),
    *_front_matter(),
    *_mdx(),
    *_texts(),
    *_pages(),
    *_mail(),
    *_notebooks(),
    *_office_files(),
    *_pdf_pages(),
    *_books(),
]
