"""Cutting a passage into the pieces an answer is made of: sentences, list items, table rows and blocks of code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Literal

from knowledge.text.analysis import count_words
from knowledge.text.sentences import split_sentences

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

    from knowledge.types import Passage

Block = Literal["sentence", "code", "table", "list"]

_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])\s")
_IMAGES = re.compile(r"(?:\[?!\[[^\]]*\](?:\([^)]*\)|\[[^\]]*\])(?:\]\([^)]*\))?\s*)+")
# Nothing to read alone on its line: images, comments, tags, template calls, the opening line of an admonition.
_SILENT = re.compile(
    r"(?:<!--.*-->|\{\{.*\}\}|\{%.*%\}|</?[A-Za-z][^>]*>"
    r"|(?:!!!|\?\?\?\+?|:::)[^\n]*|>\s*\[!\w+\]|[-*_=>\s]+)\s*"
)
_CODE_SUFFIX = re.compile(
    r"\.(?:ya?ml|jsonl?|toml|ini|cfg|conf|properties|env|sh|py|go|js|ts|java|rb|rs|c|h|cpp|sql|tf|lua|log)$",
    re.IGNORECASE,
)
_INTRODUCES = re.compile(r"[:：]\s*[*_`]*\s*$")
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_LONGEST_ITEM = 60
"""Words up to which a list item or a quotation stays in one piece."""
_LONGEST_CODE = 60
"""Words up to which a block of code stays in one piece; a longer one is offered by groups of lines as well."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """A piece of a passage that can stand in an answer.

    `text` is `passage.text[start:end]`. `lead` is the position, in the list of units, of the one that introduces it:
    the line before a list or a block of code, the header of a table. `group` is shared by the pieces of one paragraph,
    list, table or block of code; `heading` is the nearest heading above it inside the passage, or "".
    """

    text: str
    start: int
    end: int
    block: Block
    group: int
    heading: str
    words: float
    lead: int | None = None
    is_header: bool = False


@dataclass(slots=True)
class _Cutter:
    text: str
    units: list[Unit] = field(default_factory=list)
    line_starts: list[int] = field(default_factory=list)
    heading: str = ""
    group: int = 0

    def __post_init__(self) -> None:
        self.line_starts = [0, *accumulate(len(line) for line in self.text.split("\n") for line in [line + "\n"])]

    def walk(self, nodes: Sequence[SyntaxTreeNode], parent: int | None = None) -> None:
        for node in nodes:
            if node.map is None:
                continue
            self.group += 1
            start, end = self._span(node.map)
            match node.type:
                case "heading":
                    self.heading = self.text[start:end].strip("#=- \n")
                case "paragraph" | "html_block":
                    self._add_sentences(start, end, parent)
                case "fence" | "code_block":
                    self._add_code(start, end, node, parent)
                case "bullet_list" | "ordered_list":
                    self._add_list(node, parent)
                case "table":
                    self._add_table(node, parent)
                case "blockquote":
                    self._add_quote(node, start, end, parent)

    def _span(self, lines: tuple[int, int]) -> tuple[int, int]:
        return self.line_starts[lines[0]], min(self.line_starts[lines[1]], len(self.text))

    def _add(
        self, start: int, end: int, block: Block, lead: int | None = None, *, is_header: bool = False
    ) -> int | None:
        raw = self.text[start:end]
        indented = block == "code" or (block == "list" and _ITEM.match(raw))
        start += len(raw) - len(raw.lstrip("\n" if indented else None))
        end = start + len(self.text[start:end].rstrip())
        piece = self.text[start:end]
        if not piece or (block in ("sentence", "list") and _SILENT.fullmatch(piece)):
            return None
        self.units.append(
            Unit(
                text=piece,
                start=start,
                end=end,
                block=block,
                group=self.group,
                heading=self.heading,
                words=count_words(piece),
                lead=lead,
                is_header=is_header,
            )
        )
        return len(self.units) - 1

    def _add_sentences(self, start: int, end: int, lead: int | None, block: Block = "sentence") -> int | None:
        first = None
        if _IMAGES.fullmatch(self.text[start:end].strip()):
            return None
        for begin, stop in split_sentences(self.text, start, end):
            added = self._add(begin, stop, block, lead)
            first = added if first is None else first
        return first

    def _add_code(self, start: int, end: int, node: SyntaxTreeNode, parent: int | None) -> None:
        lead = self._introduction(parent)
        if node.type == "code_block" and self._after_admonition(start):
            self._add_sentences(start, end, parent)
        elif count_words(self.text[start:end]) <= _LONGEST_CODE:
            self._add(start, end, "code", lead)
        else:
            for begin, stop in _line_groups(self.text, *self._inside_fence(node, start, end)):
                self._add(begin, stop, "code", lead)

    def _inside_fence(self, node: SyntaxTreeNode, start: int, end: int) -> tuple[int, int]:
        if node.type != "fence" or node.map is None:
            return start, end
        closed = self.text[start:end].rstrip().endswith(node.markup) and node.map[1] - node.map[0] > 2
        return self.line_starts[node.map[0] + 1], self.line_starts[node.map[1] - 1] if closed else end

    def _add_list(self, node: SyntaxTreeNode, parent: int | None) -> None:
        lead = self._introduction(parent)
        group = self.group
        for item in node.children:
            if item.map is None:
                continue
            self.group = group
            head = item.children[0] if item.children else None
            if head is None or head.map is None or head.type != "paragraph":
                self.walk(item.children, lead)
                continue
            start, end = self._span((item.map[0], head.map[1]))
            if count_words(self.text[start:end]) <= _LONGEST_ITEM:
                own = self._add(start, end, "list", lead)
            else:
                own = self._add_sentences(start, end, lead, "list")
            self.walk(item.children[1:], own)
        self.group += 1

    def _add_table(self, node: SyntaxTreeNode, parent: int | None) -> None:
        lead = self._introduction(parent)
        group = self.group
        rows = [row for part in node.children for row in part.children if row.map]
        header = None
        for position, row in enumerate(rows):
            assert row.map is not None
            self.group = group
            # markdown-it's header row ends before the line of dashes, which belongs to it.
            lines = (row.map[0], row.map[0] + (2 if position == 0 else 1))
            added = self._add(*self._span(lines), "table", header if position else lead, is_header=position == 0)
            header = added if position == 0 else header

    def _add_quote(self, node: SyntaxTreeNode, start: int, end: int, parent: int | None) -> None:
        if count_words(self.text[start:end]) <= _LONGEST_ITEM and all(c.type == "paragraph" for c in node.children):
            self._add(start, end, "sentence", parent)
        else:
            self.walk(node.children, parent)

    def _introduction(self, parent: int | None) -> int | None:
        """The unit just above that introduces what follows: one that ends with a colon or is one short line."""
        if parent is not None or not self.units:
            return parent
        above = self.units[-1]
        close = above.heading == self.heading and above.block == "sentence" and above.group >= self.group - 1
        return len(self.units) - 1 if close and (_INTRODUCES.search(above.text) or above.words <= 25) else None

    def _after_admonition(self, start: int) -> bool:
        above = self.text[:start].rstrip().rsplit("\n", 1)[-1].lstrip()
        return above.startswith(("!!!", "???", ":::"))


def cut_units(passage: Passage) -> list[Unit]:
    """The units of a passage in reading order, offsets counted from its start; headings and images are left out."""
    cutter = _Cutter(passage.text)
    if _CODE_SUFFIX.search(passage.document.path):
        for start, end in _line_groups(passage.text, 0, len(passage.text)):
            cutter._add(start, end, "code")
        return cutter.units
    from markdown_it.tree import SyntaxTreeNode

    front = _FRONT_MATTER.match(passage.text) if passage.start == 0 else None
    blank = "\n" * front.group().count("\n") if front else ""
    markdown = blank + passage.text[front.end() :] if front else passage.text
    # Only line numbers are taken from the parser, which would count a lone carriage return as a line of its own.
    lines = markdown.replace("\r\n", "\n").replace("\r", " ")
    cutter.walk(SyntaxTreeNode(_parser().parse(lines)).children)
    return cutter.units


def introduces(unit: Unit) -> bool:
    """Whether a unit says nothing without what follows it."""
    return unit.block in ("sentence", "list") and bool(_INTRODUCES.search(unit.text))


def _line_groups(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Runs of lines of about 25 words, cut at blank lines and at lines that are not indented when there are some."""
    begin, position, words = start, start, 0.0
    for line in text[start:end].splitlines(keepends=True):
        fresh = not line.strip() or not line[0].isspace()
        if words and (words >= 25 or (fresh and words >= 12)):
            yield begin, position
            begin, words = position, 0.0
        words += count_words(line)
        position += len(line)
    if text[begin:end].strip():
        yield begin, end


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # Blocks are all that is asked of it: what stands inside a line is not parsed.
    return MarkdownIt("commonmark", {"html": True}).enable("table").disable(["inline", "text_join"])
