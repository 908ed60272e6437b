"""Which tables of a page hold data, and which only lay it out."""

from __future__ import annotations

from dataclasses import dataclass

from selectolax.lexbor import LexborNode

_LAID_OUT = frozenset(("h1", "h2", "h3", "h4", "pre", "ul", "ol"))


@dataclass(slots=True)
class _Facts:
    rows: int = 0
    has_header: bool = False
    has_layout: bool = False
    paragraphs_of: int = -1
    """The parent of the last paragraph met."""

    def is_layout(self) -> bool:
        return self.rows < 2 or (self.has_layout and not self.has_header)

    def note(self, node: LexborNode, tag: str, parent: int) -> None:
        self.rows += tag == "tr"
        self.has_header = self.has_header or tag == "th"
        self.has_layout = self.has_layout or tag in _LAID_OUT or tag == "table"
        if tag == "p":
            self.has_layout = self.has_layout or self.paragraphs_of == parent
            self.paragraphs_of = parent


def laid_out(root: LexborNode) -> frozenset[int]:
    """The ids of tables that lay out a page: of one row, or without header cells but with headings, lists, code,
    several paragraphs or further tables inside. Takes time in proportion to the tables."""
    tables: dict[int, _Facts] = {}
    for outermost in root.css("table"):
        if outermost.mem_id not in tables:
            _look(outermost, tables)
    return frozenset(mem_id for mem_id, facts in tables.items() if facts.is_layout())


def _look(outermost: LexborNode, tables: dict[int, _Facts]) -> None:
    facts = tables[outermost.mem_id] = _Facts()
    stack = [(child, facts, 0) for child in outermost.iter()]
    while stack:
        node, facts, parent = stack.pop()
        tag = node.tag or ""
        facts.note(node, tag, parent)
        if tag == "table":
            facts = tables[node.mem_id] = _Facts()
        mem_id = node.mem_id
        stack.extend((child, facts, mem_id) for child in node.iter())
