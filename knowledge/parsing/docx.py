"""Word documents: paragraphs, headings, lists, code and tables in the order they stand in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docx
from docx.document import Document
from docx.oxml.ns import qn

from knowledge.config import ParsingLimits
from knowledge.parsing.containers import check_container
from knowledge.parsing.draft import Draft, MarkdownWriter, fence, one_line
from knowledge.parsing.plain import write_table

_HEADING = re.compile(r"heading (\d)|标题 ?(\d)|überschrift (\d)|titre (\d)")
_CODE_STYLE = re.compile(r"code|source|preformatted|listing|代码")
_LEFT_OUT = ("}Fallback", "}del", "}moveFrom", "}pPr", "}rPr")
_LIST_STYLE = re.compile(r"list (?:bullet|number)(?: (\d))?")


class _Word:
    """Reads one document; style and numbering lookups are made once."""

    def __init__(self, document: Document, limits: ParsingLimits) -> None:
        self._limits = limits
        self._writer = MarkdownWriter(limits.max_text_chars)
        self._warnings: list[str] = []
        self._document = document
        self._styles = _styles(document)
        self._ordered = _ordered_lists(document)
        self._list: list[str] = []
        self._counters: dict[tuple[str, int], int] = {}
        self._code: list[str] = []
        self.title = ""

    def read(self) -> Draft:
        for element in _body(self._document):
            if self._writer.full:
                break
            if element.tag == qn("w:p"):
                self._paragraph(element)
            elif element.tag == qn("w:tbl"):
                self._close()
                self._warnings += write_table(self._writer, _rows(element), self._limits)
        self._close()
        return self._writer.draft(title=self.title, warnings=dict.fromkeys(self._warnings))

    def _paragraph(self, element: Any) -> None:
        style = self._styles.get(_value(element, "w:pPr/w:pStyle"), "")
        text = "".join(self._text(element))
        if _CODE_STYLE.search(style):
            self._close_list()
            self._code.append(text)
            return
        self._close_code()
        text = text.strip()
        if not text:
            return
        level = _heading_level(style, _value(element, "w:pPr/w:outlineLvl"))
        if level:
            self._close_list()
            self._writer.add(f"{'#' * level} {one_line(text)}")
        elif style == "title":
            self._close_list()
            self.title = self.title or one_line(text)
            self._writer.add(f"# {one_line(text)}")
        elif (marker := self._marker(element, style)) is not None:
            indent, sign = marker
            self._list.append(indent + sign + text.replace("\n", "\n" + indent + " " * len(sign)))
        else:
            self._close_list()
            self._writer.add(text)

    def _marker(self, element: Any, style: str) -> tuple[str, str] | None:
        """(indent, sign) of a list item; None for a paragraph outside of lists."""
        number = _value(element, "w:pPr/w:numPr/w:numId")
        named = _LIST_STYLE.match(style)
        if number == "0" or (not number and named is None):
            return None
        level = _value(element, "w:pPr/w:numPr/w:ilvl")
        depth = int(level) if level.isdecimal() else int(named.group(1) or 1) - 1 if named else 0
        depth = min(depth, 8)
        ordered = self._ordered.get((number, depth), style.startswith("list number"))
        if not ordered:
            return "  " * depth, "- "
        self._counters = {key: count for key, count in self._counters.items() if key[1] <= depth}
        self._counters[number, depth] = self._counters.get((number, depth), 0) + 1
        return "   " * depth, f"{self._counters[number, depth]}. "

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
            elif tag == qn("w:tab"):
                yield "\t"
            elif tag in (qn("w:br"), qn("w:cr")):
                yield "\n"
            elif tag == qn("w:hyperlink") and not links and (target := self._target(child)):
                yield "["
                links.append((len(stack), target))
                stack.append(iter(child))
            elif isinstance(tag, str) and not tag.endswith(_LEFT_OUT):
                stack.append(iter(child))

    def _target(self, hyperlink: Any) -> str:
        relation = self._document.part.rels.get(hyperlink.get(qn("r:id")) or "")
        if relation is None or not relation.is_external:
            return ""
        return re.sub(r"[\s()<>]", lambda match: f"%{ord(match.group()):02X}", relation.target_ref)

    def _close(self) -> None:
        self._close_list()
        self._close_code()

    def _close_list(self) -> None:
        if self._list:
            self._writer.add("\n".join(self._list))
            self._list.clear()

    def _close_code(self) -> None:
        if any(line.strip() for line in self._code):
            self._writer.add(fence("\n".join(self._code)))
        self._code.clear()


def read_docx(path: Path, name: str, limits: ParsingLimits) -> Draft:
    """A Word document as Markdown. Raises UnreadableFile for one that is damaged or encrypted."""
    check_container(path, name, limits)
    document = docx.Document(str(path))
    draft = _Word(document, limits).read()
    properties = document.core_properties
    draft.title = draft.title or one_line(properties.title or "")
    draft.metadata = {
        key: one_line(value) for key in ("author", "subject", "keywords") if (value := getattr(properties, key, ""))
    }
    return draft


def _body(document: Document) -> Iterator[Any]:
    """Paragraphs and tables of the body, those inside content controls and revisions included."""
    stack = [iter(document.element.body)]
    while stack:
        child = next(stack[-1], None)
        if child is None:
            stack.pop()
        elif child.tag in (qn("w:p"), qn("w:tbl")):
            yield child
        elif child.tag in (qn("w:sdt"), qn("w:sdtContent"), qn("w:ins"), qn("w:customXml"), qn("w:smartTag")):
            stack.append(iter(child))


def _rows(table: Any) -> Iterator[list[str]]:
    for row in table.iterchildren(qn("w:tr")):
        yield [" ".join(_words(cell)) for cell in row.iterchildren(qn("w:tc"))]


def _words(cell: Any) -> Iterator[str]:
    """The paragraphs of a cell as text; those of tables inside it too."""
    for paragraph in cell.iter(qn("w:p")):
        text = "".join(node.text or "" for node in paragraph.iter(qn("w:t")))
        if text.strip():
            yield text.strip()


def _styles(document: Document) -> dict[str, str]:
    """Style names in lower case by style id."""
    return {
        style.get(qn("w:styleId"), ""): (_value(style, "w:name") or "").lower()
        for style in document.styles.element.iterchildren(qn("w:style"))
    }


def _heading_level(style: str, outline: str) -> int:
    match = _HEADING.match(style)
    level = int(next(filter(None, match.groups()))) if match else int(outline) + 1 if outline.isdecimal() else 0
    return min(level, 6) if level < 10 else 0


def _ordered_lists(document: Document) -> dict[tuple[str, int], bool]:
    """Whether list `numId` counts at a level, as numbering.xml says."""
    try:
        numbering = document.part.numbering_part.element
    except (KeyError, NotImplementedError, AttributeError):
        return {}
    formats: dict[str, dict[int, bool]] = {}
    for abstract in numbering.iterchildren(qn("w:abstractNum")):
        levels = {
            int(level.get(qn("w:ilvl"), "0")): _value(level, "w:numFmt") not in ("bullet", "none", "")
            for level in abstract.iterchildren(qn("w:lvl"))
            if level.get(qn("w:ilvl"), "0").isdecimal()
        }
        formats[abstract.get(qn("w:abstractNumId"), "")] = levels
    return {
        (number.get(qn("w:numId"), ""), depth): ordered
        for number in numbering.iterchildren(qn("w:num"))
        for depth, ordered in formats.get(_value(number, "w:abstractNumId"), {}).items()
    }


def _value(element: Any, path: str) -> str:
    """The w:val of a descendant, or ""."""
    for step in path.split("/"):
        element = element.find(qn(step))
        if element is None:
            return ""
    return str(element.get(qn("w:val")) or "")
