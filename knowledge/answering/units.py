"""Cutting a passage into the pieces an answer is made of: sentences, list items, table rows and blocks of code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Literal

from knowledge.answering.places import Place, code_before, places_of
from knowledge.text.analysis import count_words
from knowledge.text.sentences import split_sentences

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

    from knowledge.types import Passage

Block = Literal["sentence", "code", "table", "list"]

_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])\s")
_IMAGES = re.compile(r"(?:\[?!\[[^\]]*\](?:\([^)]*\)|\[[^\]]*\])(?:\]\([^)]*\))?\s*)+")
# Nothing to read alone on its line: images, comments, tags, template calls, imports, an admonition's opening line.
_SILENT = re.compile(
    r"(?:<!--.*-->|\{\{.*\}\}|\{%.*%\}|\{/\*.*\*/\}|</?[A-Za-z][^>]*>|(?:import|export)\s[^\n]*[;'\"}]"
    r"|(?:!!!|\?\?\?\+?|:::)[^\n]*|>\s*\[!\w+\]|[-*_=>\s]++)\s*+"
)
_CODE_SUFFIX = re.compile(
    r"\.(?:ya?ml|jsonl?|toml|ini|cfg|conf|properties|env|sh|py|go|js|ts|java|rb|rs|c|h|cpp|sql|tf|lua|log)$",
    re.IGNORECASE,
)
_ROW = re.compile(r"[ \t]*\|.*\|[ \t]*")
_INTRODUCES = re.compile(r"[:：]\s*+[*_`]*+\s*+$")
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_LONGEST_ITEM = 60
"""Words up to which a list item or a quotation stays in one piece."""
LONGEST_CODE = 120
"""Words up to which a block of code stays in one piece; a longer one is offered by groups of lines."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """A piece of a passage that can stand in an answer.

    `text` is `passage.text[start:end]`, under `heading_path`. `lead` is the position, in the list of units, of the one
    that introduces it: the line before a list or a block of code, the header of a table. `group` is shared by the
    pieces of one paragraph, list, table or block of code, `whole` by all that stands inside one block of the page: a
    list with the code and the lists in it. `header` is the header row of a row whose table began before the passage.
    """

    text: str
    start: int
    end: int
    block: Block
    group: int
    whole: int
    heading_path: tuple[str, ...]
    anchor: str
    words: float
    lead: int | None = None
    is_header: bool = False
    header: str = ""
    is_step: bool = False

    @property
    def heading(self) -> str:
        """The nearest heading above, or ""."""
        return self.heading_path[-1] if self.heading_path else ""


@dataclass(slots=True)
class _Cutter:
    text: str
    places: Sequence[Place]
    longest_code: int
    offset: int = 0
    units: list[Unit] = field(default_factory=list)
    line_starts: list[int] = field(default_factory=list)
    group: int = 0
    whole: int = 0
    is_step: bool = False

    def cut(self, nodes: Sequence[SyntaxTreeNode], markdown: str, offset: int) -> None:
        """Walk the blocks of a Markdown text that begins at `offset`."""
        self.offset = offset
        self.line_starts = [offset + at for at in (0, *accumulate(len(line) + 1 for line in markdown.split("\n")))]
        for node in nodes:
            self.whole += 1
            self.walk([node])

    def walk(self, nodes: Sequence[SyntaxTreeNode], parent: int | None = None) -> None:
        for node in nodes:
            if node.map is None:
                continue
            self.group += 1
            start, end = self._span(node.map)
            match node.type:
                case "paragraph" | "html_block":
                    self._add_paragraph(start, end, parent)
                case "fence" | "code_block":
                    self._add_code(start, end, node, parent)
                case "bullet_list" | "ordered_list":
                    self._add_list(node, start, parent)
                case "table":
                    self._add_table(node, start, parent)
                case "blockquote":
                    self._add_quote(node, start, end, parent)

    def _span(self, lines: tuple[int, int]) -> tuple[int, int]:
        return self.line_starts[lines[0]], min(self.line_starts[lines[1]], len(self.text))

    def add(
        self, start: int, end: int, block: Block, lead: int | None = None, *, is_header: bool = False, header: str = ""
    ) -> int | None:
        """A unit of what stands there; its position, or None when there is nothing to read."""
        raw = self.text[start:end]
        indented = block == "code" or (block == "list" and _ITEM.match(raw))
        start += len(raw) - len(raw.lstrip("\n" if indented else None))
        end = start + len(self.text[start:end].rstrip())
        piece = self.text[start:end]
        if not piece or (block in ("sentence", "list") and _SILENT.fullmatch(piece)):
            return None
        place = self._place(start)
        self.units.append(
            Unit(
                text=piece,
                start=start,
                end=end,
                block=block,
                group=self.group,
                whole=self.whole,
                heading_path=place.heading_path,
                anchor=place.anchor,
                words=count_words(piece),
                lead=lead,
                is_header=is_header,
                header=header,
                is_step=self.is_step,
            )
        )
        return len(self.units) - 1

    def _place(self, start: int) -> Place:
        return next((place for place in reversed(self.places) if place.start <= start), self.places[0])

    def _add_paragraph(self, start: int, end: int, parent: int | None) -> None:
        lines = self.text[start:end].rstrip("\n").split("\n")
        if all(_ROW.fullmatch(line) for line in lines):
            # Rows of a table whose header stands before the passage.
            self.add_rows(start, end, self.header_at(start))
        else:
            self._add_sentences(start, end, parent)

    def add_rows(self, start: int, end: int, header: str) -> None:
        """Each line as a row of a table with that header."""
        for line in self.text[start:end].splitlines(keepends=True):
            self.add(start, start + len(line), "table", header=header)
            start += len(line)

    def header_at(self, start: int) -> str:
        return next((place.header for place in reversed(self.places) if place.start <= start), "")

    def _add_sentences(self, start: int, end: int, lead: int | None, block: Block = "sentence") -> int | None:
        first = None
        if _IMAGES.fullmatch(self.text[start:end].strip()):
            return None
        for begin, stop in split_sentences(self.text, start, end):
            added = self.add(begin, stop, block, lead)
            first = added if first is None else first
        return first

    def _add_code(self, start: int, end: int, node: SyntaxTreeNode, parent: int | None) -> None:
        lead = self._introduction(parent, start)
        if node.type == "code_block" and self._after_admonition(start):
            self._add_sentences(start, end, parent)
        elif count_words(self.text[start:end]) <= self.longest_code:
            self.add(start, end, "code", lead)
        else:
            self.add_lines(*self._inside_fence(node, start, end), lead)

    def add_lines(self, start: int, end: int, lead: int | None = None) -> None:
        """Code by groups of its lines."""
        for begin, stop in _line_groups(self.text, start, end):
            self.add(begin, stop, "code", lead)

    def _inside_fence(self, node: SyntaxTreeNode, start: int, end: int) -> tuple[int, int]:
        if node.type != "fence" or node.map is None:
            return start, end
        closed = self.text[start:end].rstrip().endswith(node.markup) and node.map[1] - node.map[0] > 2
        return self.line_starts[node.map[0] + 1], self.line_starts[node.map[1] - 1] if closed else end

    def _add_list(self, node: SyntaxTreeNode, start: int, parent: int | None) -> None:
        lead = self._introduction(parent, start)
        group, was_step = self.group, self.is_step
        self.is_step = was_step or node.type == "ordered_list"
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
                own = self.add(start, end, "list", lead)
            else:
                own = self._add_sentences(start, end, lead, "list")
            self.walk(item.children[1:], own)
        self.group += 1
        self.is_step = was_step

    def _add_table(self, node: SyntaxTreeNode, start: int, parent: int | None) -> None:
        lead = self._introduction(parent, start)
        group = self.group
        rows = [row for part in node.children for row in part.children if row.map]
        header = None
        for position, row in enumerate(rows):
            assert row.map is not None
            self.group = group
            # markdown-it's header row ends before the line of dashes, which belongs to it.
            lines = (row.map[0], row.map[0] + (2 if position == 0 else 1))
            added = self.add(*self._span(lines), "table", header if position else lead, is_header=position == 0)
            header = added if position == 0 else header

    def _add_quote(self, node: SyntaxTreeNode, start: int, end: int, parent: int | None) -> None:
        if count_words(self.text[start:end]) <= _LONGEST_ITEM and all(c.type == "paragraph" for c in node.children):
            self.add(start, end, "sentence", parent)
        else:
            self.walk(node.children, parent)

    def _introduction(self, parent: int | None, start: int) -> int | None:
        """The unit just above that introduces what follows: one that ends with a colon or is one short line."""
        if parent is not None or not self.units:
            return parent
        above = self.units[-1]
        close = above.heading_path == self._place(start).heading_path and above.group >= self.group - 1
        leads = above.block == "sentence" and (_INTRODUCES.search(above.text) or above.words <= 25)
        return len(self.units) - 1 if close and leads else None

    def _after_admonition(self, start: int) -> bool:
        above = self.text[:start].rstrip().rsplit("\n", 1)[-1].lstrip()
        return above.startswith(("!!!", "???", ":::"))


def cut_units(passage: Passage, longest_code: int = LONGEST_CODE) -> list[Unit]:
    """The units of a passage in reading order, offsets counted from its start; headings and images are left out.

    A block of code of more than `longest_code` words is several.
    """
    cutter = _Cutter(passage.text, places_of(passage), longest_code)
    if _CODE_SUFFIX.search(passage.document.path):
        cutter.add_lines(0, len(passage.text))
        return cutter.units
    from markdown_it.tree import SyntaxTreeNode

    begin = code_before(passage)
    if begin:
        cutter.add_lines(0, begin)
    front = _FRONT_MATTER.match(passage.text) if passage.start == 0 else None
    begin = front.end() if front else begin
    # Only line numbers are taken from the parser, which would count a lone carriage return as a line of its own.
    lines = passage.text[begin:].replace("\r\n", " \n").replace("\r", " ")
    cutter.cut(SyntaxTreeNode(_parser().parse(lines)).children, lines, begin)
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
