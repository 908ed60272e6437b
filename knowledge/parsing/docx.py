"""Word documents: paragraphs, headings, lists, code and tables in the order they stand in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import docx
from docx.document import Document
from docx.oxml.ns import qn

from knowledge.config import ParsingLimits
from knowledge.parsing.containers import check_container, parse_xml
from knowledge.parsing.docx_numbering import Label, Numbering, value_of
from knowledge.parsing.draft import Draft, MarkdownWriter, fence, one_line
from knowledge.parsing.markdown import first_heading
from knowledge.parsing.tables import Cell, Row, write_spanning_table
from knowledge.parsing.titles import stated_title

_HEADING = re.compile(r"heading (\d)|标题 ?(\d)|überschrift (\d)|titre (\d)")
_CODE_STYLE = re.compile(r"code|source|preformatted|listing|代码")
_LEFT_OUT = ("}Fallback", "}del", "}moveFrom", "}pPr", "}rPr")
_WRAPPERS = frozenset(map(qn, ("w:sdt", "w:sdtContent", "w:ins", "w:customXml", "w:smartTag")))
_SIGNS = {qn("w:tab"): "\t", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}
_NOTE = qn("w:footnoteReference")
_PICTURES = ("}blip", "}imagedata")
_CHARTS = "{http://schemas.openxmlformats.org/drawingml/2006/chart}chart"
_PLAIN_NUMBER = re.compile(r"\d{1,9}[.)]")
_MOST_NESTED = 4
_MOST_BASES = 20
_LONGEST_LABEL = 120
_LIST_STYLE = re.compile(r"list (?:bullet|number)(?: (\d))?")


class _Word:
    """Reads one document; style and numbering lookups are made once."""

    def __init__(self, document: Document, limits: ParsingLimits) -> None:
        self._limits = limits
        self._writer = MarkdownWriter(limits.max_text_chars)
        self._warnings: list[str] = []
        self._document = document
        self._styles = _styles(document)
        self._numbering = Numbering(document)
        self._list: list[str] = []
        self._indents: list[int] = []
        self._counters: dict[int, int] = {}
        self._notes = _footnotes(document)
        self._cited: list[str] = []
        self._pictures = self._charts = 0
        self._code: list[str] = []
        self.title = ""

    def read(self) -> Draft:
        for element in _body(self._document.element.body):
            if self._writer.full:
                break
            if element.tag == qn("w:p"):
                self._paragraph(element)
            elif element.tag == qn("w:tbl"):
                self._close()
                self._table(element, 0)
        self._close()
        for number in dict.fromkeys(self._cited):
            self._writer.add(f"[^{number}]: {self._notes[number]}")
        self._note_losses()
        return self._writer.draft(title=self.title, warnings=dict.fromkeys(self._warnings))

    def _note_losses(self) -> None:
        if self._pictures:
            self._warnings.append(f"{self._pictures} pictures were not read")
        if self._charts:
            self._warnings.append(f"{self._charts} charts were not read")

    def _paragraph(self, element: Any) -> None:
        style_id = value_of(element, "w:pPr/w:pStyle")
        style = self._styles.get(style_id, "")
        text = "".join(self._text(element))
        if _CODE_STYLE.search(style):
            self._close_list()
            self._code.append(text)
            return
        self._close_code()
        text = text.strip()
        if not text:
            return
        level = _heading_level(style, value_of(element, "w:pPr/w:outlineLvl"))
        label = self._numbering.label(element, style_id)
        if level:
            self._close_list()
            number = f"{label.text} " if label is not None and label.text else ""
            self._writer.add(f"{'#' * level} {one_line(number + text)}")
        elif style == "title":
            self._close_list()
            self.title = self.title or one_line(text)
            self._writer.add(f"# {one_line(text)}")
        elif (marker := self._marker(label, style)) is not None:
            indent, sign = marker
            self._list.append(indent + sign + text.replace("\n", "\n" + indent + " " * len(sign)))
        else:
            self._close_list()
            self._writer.add(text)

    def _marker(self, label: Label | None, style: str) -> tuple[str, str] | None:
        """(indent, sign) of a list item; None for a paragraph outside of lists. Letters and the like, which Markdown
        does not count in, stand before the text."""
        named = _LIST_STYLE.match(style)
        if label is None and named is None:
            return None
        depth = label.depth if label is not None else min(int(named.group(1) or 1) - 1, 8) if named else 0
        text = label.text if label is not None else self._counted(depth) if style.startswith("list number") else ""
        sign = f"{text} " if _PLAIN_NUMBER.fullmatch(text) else "- "
        del self._indents[depth:]
        indent = sum(self._indents)
        self._indents += [len(sign)] * (depth + 1 - len(self._indents))
        return " " * indent, f"{sign}{text} " if sign == "- " and text else sign

    def _counted(self, depth: int) -> str:
        """The number of an item that only its style's name makes one."""
        self._counters = {each: count for each, count in self._counters.items() if each <= depth}
        self._counters[depth] = self._counters.get(depth, 0) + 1
        return f"{self._counters[depth]}."

    def _table(self, table: Any, depth: int) -> None:
        """Write a table, then those nested in its cells, each after what says where it stood."""
        nested: list[tuple[str, Any]] = []
        self._warnings += write_spanning_table(self._writer, self._rows(table, nested, depth), self._limits)
        for where, each in nested:
            if where:
                self._writer.add(f"{where}:")
            self._table(each, depth + 1)

    def _rows(self, table: Any, nested: list[tuple[str, Any]], depth: int) -> list[Row]:
        """The rows of a table, cells merged downwards with the number of rows they cover."""
        grid: list[list[Cell]] = []
        headers: list[bool] = []
        above: dict[int, tuple[int, int]] = {}
        names: list[str] = []
        for row in _children(table, "w:tr"):
            column = _number(value_of(row, "w:trPr/w:gridBefore"), 0)
            cells = [Cell(text="", columns=column)] if column else []
            for cell in _children(row, "w:tc"):
                span = _number(value_of(cell, "w:tcPr/w:gridSpan"), 1)
                if _continues(cell) and column in above:
                    start, place = above[column]
                    grid[start][place] = replace(grid[start][place], rows=grid[start][place].rows + 1)
                else:
                    text = self._cell(cell, nested, depth, names[column : column + 1], cells)
                    above[column] = len(grid), len(cells)
                    cells.append(Cell(text=text, columns=span))
                column += span
            names = names or [
                one_line(each.text, _LONGEST_LABEL) for each in cells for _ in range(min(each.columns, 99))
            ]
            grid.append(cells)
            headers.append(row.find(f"{qn('w:trPr')}/{qn('w:tblHeader')}") is not None)
        return [Row(cells=cells, is_header=is_header) for cells, is_header in zip(grid, headers, strict=True)]

    def _cell(self, cell: Any, nested: list[tuple[str, Any]], depth: int, name: list[str], before: list[Cell]) -> str:
        """The paragraphs of a cell; tables inside it are kept in `nested` with the names of its row and column."""
        parts = []
        for element in _body(cell):
            if element.tag == qn("w:p"):
                parts.append(self._cell_paragraph(element))
            elif depth < _MOST_NESTED:
                names = [before[0].text if before else "", *name]
                where = ", ".join(dict.fromkeys(filter(None, (one_line(each, _LONGEST_LABEL) for each in names))))
                nested.append((where, element))
            else:
                parts += map(self._cell_paragraph, element.iter(qn("w:p")))
        return " ".join(filter(None, parts))

    def _cell_paragraph(self, paragraph: Any) -> str:
        text = "".join(self._text(paragraph)).strip()
        label = self._numbering.label(paragraph, value_of(paragraph, "w:pPr/w:pStyle")) if text else None
        return f"{label.text} {text}" if label is not None and label.text else text

    def _text(self, element: Any) -> Iterator[str]:
        """The words of a paragraph with its links; deleted revisions and fallback copies left out."""
        stack = [iter(element)]
        links: list[tuple[int, str]] = []
        while stack:
            child = next(stack[-1], None)
            if child is None:
                stack.pop()
                if links and links[-1][0] == len(stack):
                    yield f"]({links.pop()[1]})"
                continue
            tag = child.tag
            if tag == qn("w:t"):
                yield child.text or ""
            elif (sign := _SIGNS.get(tag)) is not None:
                yield sign
            elif tag == _NOTE:
                yield self._note(child.get(qn("w:id"), ""))
            elif tag == qn("w:hyperlink") and not links and (target := self._target(child)):
                yield "["
                links.append((len(stack), target))
                stack.append(iter(child))
            elif isinstance(tag, str) and not tag.endswith(_LEFT_OUT):
                self._pictures += tag.endswith(_PICTURES)
                self._charts += tag == _CHARTS
                stack.append(iter(child))
                yield "\n" if tag == qn("w:p") else ""  # a paragraph in another is one of a text box

    def _note(self, number: str) -> str:
        """The sign of a footnote, which is written at the end; "" for one that is missing."""
        if number not in self._notes:
            return ""
        self._cited.append(number)
        return f"[^{number}]"

    def _target(self, hyperlink: Any) -> str:
        relation = self._document.part.rels.get(hyperlink.get(qn("r:id")) or "")
        if relation is None or not relation.is_external:
            return ""
        return re.sub(r"[\s()<>]", lambda match: f"%{ord(match.group()):02X}", relation.target_ref)

    def _close(self) -> None:
        self._close_list()
        self._close_code()

    def _close_list(self) -> None:
        self._indents.clear()
        if self._list:
            self._writer.add("\n".join(self._list))
            self._list.clear()

    def _close_code(self) -> None:
        if any(line.strip() for line in self._code):
            self._writer.add(fence("\n".join(self._code)))
        self._code.clear()


def read_docx(path: Path, name: str, limits: ParsingLimits) -> Draft:
    """A Word document as Markdown. Raises UnreadableFile for one that is damaged or encrypted."""
    limits = check_container(path, name, limits)
    document = docx.Document(str(path))
    draft = _Word(document, limits).read()
    properties = document.core_properties
    draft.title = draft.title or stated_title(one_line(properties.title or "")) or first_heading(draft.text)
    draft.metadata = {
        key: one_line(value) for key in ("author", "subject", "keywords") if (value := getattr(properties, key, ""))
    }
    return draft


def _body(parent: Any) -> Iterator[Any]:
    """Paragraphs and tables of a body or cell, those inside content controls and revisions included."""
    return _unwrapped(parent, frozenset((qn("w:p"), qn("w:tbl"))))


def _children(parent: Any, name: str) -> Iterator[Any]:
    return _unwrapped(parent, frozenset((qn(name),)))


def _unwrapped(parent: Any, wanted: frozenset[str]) -> Iterator[Any]:
    stack = [iter(parent)]
    while stack:
        child = next(stack[-1], None)
        if child is None:
            stack.pop()
        elif child.tag in wanted:
            yield child
        elif child.tag in _WRAPPERS:
            stack.append(iter(child))


def _continues(cell: Any) -> bool:
    """Whether a cell only goes on with the one above it."""
    merge = cell.find(f"{qn('w:tcPr')}/{qn('w:vMerge')}")
    return merge is not None and merge.get(qn("w:val"), "continue") == "continue"


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isdecimal() and len(text) < 5 else otherwise


def _footnotes(document: Document) -> dict[str, str]:
    """The text of each footnote by its number."""
    for relation in document.part.rels.values():
        if relation.reltype.endswith("/footnotes") and not relation.is_external:
            root = parse_xml(relation.target_part.blob)
            notes = [] if root is None else root.iterchildren(qn("w:footnote"))
            texts = ((each.get(qn("w:id"), ""), " ".join("".join(each.itertext(qn("w:t"))).split())) for each in notes)
            return {number: text for number, text in texts if number.isdecimal() and text}
    return {}


def _styles(document: Document) -> dict[str, str]:
    """Style names in lower case by style id; a style made from a heading, title, list or code goes by that name."""
    styles = {style.get(qn("w:styleId"), ""): style for style in document.styles.element.iterchildren(qn("w:style"))}
    return {each: _style_name(each, styles) for each in styles}


def _style_name(style_id: str, styles: dict[str, Any]) -> str:
    own, each = "", style_id
    for _ in range(_MOST_BASES):
        style = styles.get(each)
        if style is None:
            break
        name = value_of(style, "w:name").lower()
        own = own or name
        if name == "title" or any(pattern.match(name) for pattern in (_HEADING, _LIST_STYLE, _CODE_STYLE)):
            return name
        outline = value_of(style, "w:pPr/w:outlineLvl")
        if outline.isdecimal() and int(outline) < 9:
            return f"heading {int(outline) + 1}"
        each = value_of(style, "w:basedOn")
    return own


def _heading_level(style: str, outline: str) -> int:
    match = _HEADING.match(style)
    level = int(next(filter(None, match.groups()))) if match else int(outline) + 1 if outline.isdecimal() else 0
    return min(level, 6) if level < 10 else 0
