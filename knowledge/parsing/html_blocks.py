"""Walks an HTML tree and writes Markdown blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from selectolax.lexbor import LexborNode

from knowledge.config import ParsingLimits
from knowledge.parsing.draft import MarkdownWriter, fence, one_line
from knowledge.parsing.html_tables import laid_out
from knowledge.parsing.tables import Cell, Row, TableText

_BLOCK_TAGS = (
    "address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer form header "
    "hr html legend li main nav ol p section summary table tbody thead tfoot tr td th ul caption h1 h2 h3 h4 h5 h6"
)
_BLOCKS = frozenset(_BLOCK_TAGS.split())
_HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}
_MARKS = {"strong": "**", "b": "**", "em": "*", "i": "*", "del": "~~", "s": "~~"}
_CODE = frozenset(("code", "kbd", "samp", "tt"))
_LANGUAGE = re.compile(r"(?:^|\s)(?:language|lang|highlight(?:-source)?|brush:)[-\s]?([a-zA-Z0-9+#_]+)")
_NO_LANGUAGE = frozenset(("default", "text", "none", "plaintext", "notranslate", "highlight"))
_SPACES = re.compile(r"[ \t\n\r\f\u00a0]+")
_SAFE_LINK = re.compile(r"(?!\s*(?:javascript|data|vbscript|blob)\s*:)", re.IGNORECASE)
_OWN_ANCHOR = re.compile(r"\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(#[^()\s]*\)")
_MOST_QUOTES = 6
_LONGEST_HEADING = 1_000
_LONGEST_CLASS = 300
_MOST_SPANNED = 1_000


@dataclass(slots=True)
class _List:
    ordered: bool
    number: int = 0
    fresh: bool = False


@dataclass(slots=True)
class _Table:
    """A table being read. One inside a cell of another is written after it, by the name of where it stood."""

    where: str = ""
    rows: list[list[Cell]] = field(default_factory=list)
    headers: list[bool] = field(default_factory=list)
    nested: list[tuple[str, list[str]]] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    """What was read of the cell around a nested table when it began."""


class HtmlToMarkdown:
    """Writes the Markdown of one tree. One use each: it carries the state of the walk."""

    def __init__(self, writer: MarkdownWriter, limits: ParsingLimits, labels: Mapping[int, str]) -> None:
        """`labels`: what to write before a node, by its id (the names of tabs)."""
        self._labels = labels
        self.warnings: list[str] = []
        self._writer = writer
        self._limits = limits
        self._inline: list[str] = []
        self._lists: list[_List] = []
        self._items: list[str] = []
        self._quotes = 0
        self._tables: list[_Table] = []
        self._layouts: frozenset[int] = frozenset()
        self._terms: list[str] = []
        self._links: list[tuple[int, str]] = []

    def write(self, root: LexborNode) -> None:
        """Write everything below `root`."""
        self._layouts = laid_out(root)
        stack = [(root, True)]
        while stack and not self._writer.full:
            node, entering = stack.pop()
            if not entering:
                self._leave(node)
            elif not self._write_whole(node):
                self._enter(node)
                stack.append((node, False))
                stack.extend([(child, True) for child in _children(node)][::-1])
        self._flush()
        self._flush_items()

    def _write_whole(self, node: LexborNode) -> bool:
        """Write what is not walked into: text, code, and plain strong or emphasised words."""
        tag = node.tag or ""
        if tag == "-text":
            self._inline.append(node.text(deep=False))
        elif tag == "pre":
            self._code_block(node)
        elif tag in _CODE:
            self._code_span(node)
        else:
            return tag in _MARKS and self._marked(node, _MARKS[tag])
        return True

    def _enter(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if tag == "br":
            self._inline.append(" " if self._tables else "\n")
        elif tag == "a":
            self._links.append((len(self._inline), node.attributes.get("href") or ""))
        elif tag == "img":
            self._inline.append(node.attributes.get("alt") or "")
        elif tag in _BLOCKS:
            self._enter_block(node, tag)

    def _enter_block(self, node: LexborNode, tag: str) -> None:
        if tag == "table" and node.mem_id not in self._layouts:
            self._enter_table()
            return
        if self._tables:
            self._enter_cell(tag)
            return
        self._flush()
        if label := self._labels.get(node.mem_id):
            self._emit(f"**{label}**")
        if tag in ("ul", "ol"):
            self._emit(self._flush_terms())
            start = node.attributes.get("start") or "1"
            number = int(start) - 1 if start.isdecimal() and len(start) < 7 else 0
            self._lists.append(_List(ordered=tag == "ol", number=number))
        elif tag == "li" and self._lists:
            self._lists[-1].number += 1
            self._lists[-1].fresh = True
        elif tag == "blockquote":
            self._flush_items()
            self._quotes += 1

    def _enter_table(self) -> None:
        if self._tables:
            around = self._tables[-1]
            self._tables.append(_Table(where=_where(around), held=self._inline))
            self._inline = []
        else:
            self._flush()
            self._tables.append(_Table())

    def _enter_cell(self, tag: str) -> None:
        if tag == "tr":
            self._tables[-1].rows.append([])
            self._tables[-1].headers.append(True)
            self._inline.clear()
        elif tag in ("td", "th"):
            self._inline.clear()
        else:
            self._inline.append(" ")

    def _leave(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if tag == "a":
            self._close_link()
        elif tag in _BLOCKS:
            self._leave_block(node, tag)

    def _leave_block(self, node: LexborNode, tag: str) -> None:
        if self._tables:
            self._leave_cell(node, tag)
        elif tag in _HEADINGS:
            self._heading(_HEADINGS[tag])
        elif tag in ("ul", "ol"):
            self._flush()
            if self._lists:
                self._lists.pop()
            if not self._lists:
                self._flush_items()
        elif tag == "blockquote":
            self._flush()
            self._quotes = max(0, self._quotes - 1)
        elif tag == "dt":
            self._leave_term()
        elif tag == "dl":
            self._flush()
            self._emit(self._flush_terms())
        else:
            self._flush()

    def _leave_term(self) -> None:
        term = self._take().replace("\n", " ")
        if term:
            self._terms.append(term)

    def _flush_terms(self) -> str:
        """The terms whose definition comes next, to stand in one paragraph with how it begins: neither is found
        without the other."""
        terms, self._terms = self._terms, []
        return f"**{', '.join(terms)}**:" if terms else ""

    def _leave_cell(self, node: LexborNode, tag: str) -> None:
        table = self._tables[-1]
        if tag in ("td", "th") and table.rows:
            text = _SPACES.sub(" ", "".join(self._inline)).strip()
            self._inline.clear()
            table.rows[-1].append(Cell(text=text, columns=_span(node, "colspan"), rows=_span(node, "rowspan")))
            table.headers[-1] = table.headers[-1] and tag == "th"
        elif tag == "caption":
            caption = _SPACES.sub(" ", "".join(self._inline)).strip()
            self._inline.clear()
            if caption and not table.rows:
                self._tables[-2].nested.append(("", [caption])) if len(self._tables) > 1 else self._emit(caption)
        elif tag == "table":
            self._leave_table(self._tables.pop())

    def _leave_table(self, table: _Table) -> None:
        text = TableText(self._limits)
        rows = zip(table.rows, table.headers, strict=True)
        found = text.blocks(Row(cells=cells, is_header=is_header and bool(cells)) for cells, is_header in rows)
        own = [block.text for block in found]
        self.warnings += text.warnings
        self._inline = table.held
        if self._tables:
            self._tables[-1].nested += [(table.where, own), *table.nested]
            return
        for where, blocks in [("", own), *table.nested]:
            for block in [f"{where}:" if where else "", *blocks]:
                self._emit(block)

    def _code_block(self, node: LexborNode) -> None:
        """Write a <pre> as a fence, with the language its classes or its parents' name."""
        code = "".join(_pre_text(node))
        if not code.strip():
            return
        if self._tables:
            self._inline.append(f"`{_SPACES.sub(' ', code).strip()}`")
            return
        self._flush()
        self._emit(fence(code, _language(node)))

    def _code_span(self, node: LexborNode) -> None:
        """Write inline code; the text inside is kept as it is."""
        code = _SPACES.sub(" ", node.text()).strip()
        if code:
            marks = "``" if "`" in code else "`"
            self._inline.append(f"{marks}{code}{marks}")

    def _marked(self, node: LexborNode, marks: str) -> bool:
        """Write strong or emphasised text that holds nothing else; False when it must be walked instead."""
        child = node.first_child
        if child is None or child.next is not None or not child.is_text_node:
            return False
        text = node.text()
        inner = _SPACES.sub(" ", text).strip()
        if inner:
            self._inline.append(
                f"{' ' if text[0].isspace() else ''}{marks}{inner}{marks}{' ' if text[-1].isspace() else ''}"
            )
        return True

    def _close_link(self) -> None:
        if not self._links:
            return
        start, target = self._links.pop()
        text = _SPACES.sub(" ", "".join(self._inline[start:]))
        label = text.strip().strip("¶").strip()
        if start > len(self._inline):
            return
        target = re.sub(r"\s", "%20", target.strip())
        if not label or label in ("#", "§") or not target or not _SAFE_LINK.match(target):
            self._inline[start:] = [text if label not in ("", "#", "§") else ""]
            return
        if label.count("[") != label.count("]"):
            label = label.replace("[", "\\[").replace("]", "\\]")
        if target.count("(") != target.count(")"):
            target = target.replace("(", "%28").replace(")", "%29")
        spaces = (" " if text[0].isspace() else "", " " if text[-1].isspace() else "")
        self._inline[start:] = [f"{spaces[0]}[{label}]({target}){spaces[1]}"]

    def _heading(self, signs: str) -> None:
        # A heading that links to itself is an anchor to copy, not a link.
        text = _OWN_ANCHOR.sub(r"\1", self._take().replace("\n", " ")[:_LONGEST_HEADING])
        if text:
            self._flush_items()
            self._emit(f"{signs} {text}")

    def _take(self) -> str:
        lines = (_SPACES.sub(" ", line).strip() for line in self._joined().split("\n"))
        self._inline.clear()
        self._links.clear()
        return "\n".join(line for line in lines if line)

    def _joined(self) -> str:
        return "".join(piece if piece == "\n" else _SPACES.sub(" ", piece) for piece in self._inline)

    def _flush(self) -> None:
        text = self._take()
        if text:
            self._emit(text)

    def _emit(self, block: str) -> None:
        """Write a block, or hold it when it is part of a list: a list is one block with its items' lines indented."""
        if terms := self._flush_terms() if block else "":
            block = f"{terms}\n{block}" if block.startswith(("```", "| ", "**")) else f"{terms} {block}"
        if not block:
            return
        if self._lists:
            self._items.append(self._as_item(block))
            return
        quote = "> " * min(self._quotes, _MOST_QUOTES)
        self._writer.add("\n".join(quote + line for line in block.split("\n")) if quote else block)

    def _as_item(self, block: str) -> str:
        current = self._lists[-1]
        indent = sum(3 if outer.ordered else 2 for outer in self._lists[:-1][:8]) * " "
        marker = f"{current.number}. " if current.ordered else "- "
        lead = marker if current.fresh else " " * len(marker)
        current.fresh = False
        lines = block.split("\n")
        rest = indent + " " * len(marker)
        return "\n".join([indent + lead + lines[0], *(rest + line if line else "" for line in lines[1:])])

    def _flush_items(self) -> None:
        if self._items:
            quote = "> " * min(self._quotes, _MOST_QUOTES)
            lines = "\n".join(self._items).split("\n")
            self._items.clear()
            self._writer.add("\n".join(quote + line for line in lines))


def _where(table: _Table) -> str:
    """The names of the row and the column that the next cell of a table stands in."""
    row = table.rows[-1] if table.rows else []
    column = table.rows[0][len(row) : len(row) + 1] if len(table.rows) > 1 else []
    return one_line(", ".join(dict.fromkeys(each.text for each in (*row[:1], *column) if each.text)))


def _children(node: LexborNode) -> Iterator[LexborNode]:
    child = node.first_child
    while child is not None:
        yield child
        child = child.next


def _span(node: LexborNode, name: str) -> int:
    value = node.attributes.get(name) or "1"
    return min(int(value), _MOST_SPANNED) if value.isdecimal() and len(value) < 5 and int(value) else 1


def _pre_text(node: LexborNode) -> Iterator[str]:
    stack = [node]
    while stack:
        each = stack.pop()
        if each.tag == "-text":
            yield each.text(deep=False)
        elif each.tag == "br":
            yield "\n"
        stack.extend([*_children(each)][::-1])


def _language(node: LexborNode) -> str:
    candidates = [node.first_child, node, node.parent, node.parent.parent if node.parent else None]
    for each in candidates:
        if each is None or not each.is_element_node:
            continue
        named = each.attributes.get("data-lang") or each.attributes.get("data-language") or ""
        match = _LANGUAGE.search((each.attributes.get("class") or "")[:_LONGEST_CLASS])
        language = named or (match.group(1) if match else "")
        if language and language.lower() not in _NO_LANGUAGE:
            return re.sub(r"[^\w+#-]", "", language)[:20]
    return ""
