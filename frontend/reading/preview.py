"""The quote of a citation as a tree of elements for its card: tables as tables, code as code, nothing foreign."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

LONGEST = 1_500
"""Characters of a quote that are shown."""
_WRITTEN = frozenset(
    {"", "md", "mdx", "markdown", "html", "htm", "pdf", "docx", "pptx", "xlsx", "eml", "epub", "ipynb", "txt"}
)
"""Endings of files whose text is Markdown or prose; others are shown letter by letter."""
_TAGS = {
    "paragraph": "p", "heading": "h", "bullet_list": "ul", "ordered_list": "ol", "list_item": "li",
    "blockquote": "blockquote", "table": "table", "thead": "thead", "tbody": "tbody", "tr": "tr", "th": "th",
    "td": "td", "strong": "strong", "em": "em", "s": "s",
}  # fmt: skip

Tree = list[Any]
"""Texts, and `[tag, [children]]`; the card makes elements of those tags that it knows."""


@lru_cache(maxsize=1_024)
def preview(quote: str, path: str) -> Tree:
    """What the card of a citation shows of its quote."""
    text = quote[:LONGEST]
    ending = path.rpartition("/")[2].rpartition(".")[2].lower() if "." in path else ""
    if ending not in _WRITTEN:
        return [["pre", [text]]]
    return list(_children(SyntaxTreeNode(_parser().parse(_with_head(text)))))


def _with_head(text: str) -> str:
    """Rows cut out of a table as a table of their own."""
    lines = text.strip("\n").split("\n")
    is_rows = all(line.startswith("|") for line in lines)
    if not is_rows or (len(lines) > 1 and not lines[1].strip("|:- ")):
        return text
    columns = max(1, lines[0].count("|") - 1)
    return "\n".join(["|" * (columns + 1), "|" + "---|" * columns, *lines])


def _children(node: SyntaxTreeNode) -> Iterator[Any]:
    for child in node.children:
        kind = child.type
        if kind in _TAGS:
            inside = list(_children(child))
            if inside and not (kind == "thead" and not _has_text(inside)):
                yield [_TAGS[kind], inside]
        elif kind in ("fence", "code_block"):
            yield ["pre", [child.content]]
        elif kind == "code_inline":
            yield ["code", [child.content]]
        elif kind == "image":
            yield f"🖼 {child.content}"
        elif kind in ("softbreak", "hardbreak"):
            yield "\n" if kind == "hardbreak" else " "
        elif child.children:
            yield from _children(child)
        elif kind in ("text", "html_block", "html_inline"):
            yield child.content


def _has_text(nodes: Tree) -> bool:
    return any(node.strip() if isinstance(node, str) else _has_text(node[1]) for node in nodes)


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
