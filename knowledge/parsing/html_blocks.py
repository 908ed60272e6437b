"""Walks an HTML tree and writes Markdown blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from selectolax.lexbor import LexborNode

from knowledge.parsing.draft import MarkdownWriter, fence

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
_LAYOUT = "h1, h2, h3, h4, pre, ul, ol, p ~ p"


@dataclass(slots=True)
class _List:
    ordered: bool
    number: int = 0
    fresh: bool = False


@dataclass(slots=True)
class _Table:
    rows: list[list[str]] = field(default_factory=list)


class HtmlToMarkdown:
    """Writes the Markdown of one tree. One use each: it carries the state of the walk."""

    def __init__(self, writer: MarkdownWriter) -> None:
        self._writer = writer
        self._inline: list[str] = []
        self._lists: list[_List] = []
        self._items: list[str] = []
        self._quotes = 0
        self._table: _Table | None = None
        self._links: list[tuple[int, str]] = []

    def write(self, root: LexborNode) -> None:
        """Write everything below `root`."""
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
            self._inline.append(" " if self._table else "\n")
        elif tag == "a":
            self._links.append((len(self._inline), node.attributes.get("href") or ""))
        elif tag == "img":
            self._inline.append(node.attributes.get("alt") or "")
        elif tag in _BLOCKS:
            self._enter_block(node, tag)

    def _enter_block(self, node: LexborNode, tag: str) -> None:
        if self._table is not None:
            self._enter_cell(tag)
            return
        self._flush()
        if tag in ("ul", "ol"):
            start = node.attributes.get("start") or "1"
            number = int(start) - 1 if start.isdecimal() and len(start) < 7 else 0
            self._lists.append(_List(ordered=tag == "ol", number=number))
        elif tag == "li" and self._lists:
            self._lists[-1].number += 1
            self._lists[-1].fresh = True
        elif tag == "blockquote":
            self._flush_items()
            self._quotes += 1
        elif tag == "table" and _is_data(node):
            self._table = _Table()

    def _enter_cell(self, tag: str) -> None:
        assert self._table is not None
        if tag == "tr":
            self._table.rows.append([])
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
        if self._table is not None:
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
            self._inline[:] = ["**", self._take(), "**"] if "".join(self._inline).strip() else []
            self._flush()
        else:
            self._flush()

    def _leave_cell(self, node: LexborNode, tag: str) -> None:
        table = self._table
        assert table is not None
        if tag in ("td", "th") and table.rows:
            value = _SPACES.sub(" ", "".join(self._inline)).strip().replace("|", "\\|")
            self._inline.clear()
            table.rows[-1].append(value)
            # A cell over several columns is followed by empty ones, so that columns stay under their headers.
            table.rows[-1].extend([""] * (_span(node, "colspan") - 1))
        elif tag == "caption":
            caption, table_rows = _SPACES.sub(" ", "".join(self._inline)).strip(), table.rows
            self._inline.clear()
            if caption and not table_rows:
                self._emit(caption)
        elif tag == "table":
            self._table = None
            self._inline.clear()
            self._emit(_table_text(table))

    def _code_block(self, node: LexborNode) -> None:
        """Write a <pre> as a fence, with the language its classes or its parents' name."""
        code = "".join(_pre_text(node))
        if not code.strip():
            return
        if self._table is not None:
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
        text = _OWN_ANCHOR.sub(r"\1", self._take().replace("\n", " "))
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


def _children(node: LexborNode) -> Iterator[LexborNode]:
    child = node.first_child
    while child is not None:
        yield child
        child = child.next


def _is_data(table: LexborNode) -> bool:
    """Whether a table holds data; one that holds tables, or no header but headings, lists or code, lays out a page."""
    if len(table.css("table")) > 1 or len(table.css("tr")) < 2:
        return False
    return table.css_first("th") is not None or table.css_first(_LAYOUT) is None


def _span(node: LexborNode, name: str) -> int:
    value = node.attributes.get(name) or "1"
    return min(int(value), 50) if value.isdecimal() and len(value) < 5 and int(value) else 1


def _table_text(table: _Table) -> str:
    rows = [row for row in table.rows if any(row)]
    if not rows:
        return ""
    width = max(len(row) for row in rows)
    lines = ["| " + " | ".join(row + [""] * (width - len(row))) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]])


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
        match = _LANGUAGE.search(each.attributes.get("class") or "")
        language = named or (match.group(1) if match else "")
        if language and language.lower() not in _NO_LANGUAGE:
            return re.sub(r"[^\w+#-]", "", language)[:20]
    return ""
