"""HTML into Markdown: the main part of a page, with its headings, code, tables, lists and links.

selectolax reads the page; trees are walked without recursion, because a page may nest as deep as it likes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from selectolax.lexbor import LexborHTMLParser, LexborNode

from knowledge.config import ParsingLimits
from knowledge.parsing.draft import Draft, MarkdownWriter, one_line
from knowledge.parsing.html_blocks import HtmlToMarkdown
from knowledge.parsing.markdown import first_heading

_NEVER_TEXT = (
    "script, style, template, svg, math annotation, iframe, object, canvas, audio, video, select, input, textarea"
)
_AROUND = (
    "nav, footer, [role=navigation], [role=contentinfo], [role=search], [role=tablist], .tabbed-labels, "
    ".headerlink, .skip-link, .breadcrumb, .breadcrumbs, .edit-this-page, .pagination-nav, "
    ".linenos, .lineno, button, dialog"
)
_FOLDED = re.compile(r"tab|pane|collaps|accordion|fold|expand|details|toggle", re.IGNORECASE)
_OUTSIDE_MAIN = "header, aside, [role=banner], [role=complementary], .sidebar, .toc, #toc"
_MAIN = (
    "main article", "article.markdown-body", "[role=main]", "main", ".markdown-body", ".md-content", ".td-content",
    ".theme-doc-markdown", ".rst-content", "article", "#main-content", "#content", ".content",
)  # fmt: skip
_TABS = (("[role=tab]", "[role=tabpanel]"), (".tabbed-labels label", ".tabbed-block"))
_MAIN_SHARE = 0.25
_SHORT = 50
_TOO_DEEP = 800
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)(?:[^<>\"']|\"[^\"]*\"|'[^']*')*+(/?)>")
_MARK = re.compile(r"<(?:!--|(?:script|style)(?=[\s>])|[!/?a-zA-Z])", re.IGNORECASE)
_NOT_NESTING = (
    "area base br col embed hr img input link meta source track wbr p li dt dd tr td th thead tbody tfoot option body "
    "html head colgroup"
)
_UNNESTED = frozenset(_NOT_NESTING.split())
_FIRST_HEADING = re.compile(r"^# [^\n]+", re.MULTILINE)
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w-]{2,20})", re.IGNORECASE)


def read_html(text: str, limits: ParsingLimits) -> Draft:
    """The main part of a page as Markdown; the whole body when no main part stands out."""
    if _is_too_deep(text):
        writer = MarkdownWriter(limits.max_text_chars)
        writer.add(_stripped(text))
        return writer.draft(warnings=["nested too deeply; only its text was kept"])
    tree = LexborHTMLParser(text)
    metadata = _metadata(tree)
    body = tree.body or tree.root
    if body is None:
        return Draft(text="", metadata=metadata)
    _drop(tree, _NEVER_TEXT)
    labels = _tab_labels(tree)
    writer, warnings = _written(_main_part(tree, body), limits, labels)
    if writer.offset < _SHORT:
        # Everything stood in what looked like navigation: better the whole page than an empty one.
        tree = LexborHTMLParser(text)
        _drop(tree, _NEVER_TEXT)
        whole, noted = _written(tree.body or tree.root or body, limits, {})
        writer, warnings = (whole, noted) if whole.offset > writer.offset else (writer, warnings)
    draft = writer.draft(metadata=metadata, warnings=dict.fromkeys(warnings))
    draft.title = _title(draft.text, metadata)
    return draft


def _written(root: LexborNode, limits: ParsingLimits, labels: Mapping[int, str]) -> tuple[MarkdownWriter, list[str]]:
    writer = MarkdownWriter(limits.max_text_chars)
    markdown = HtmlToMarkdown(writer, limits, labels)
    markdown.write(root)
    return writer, markdown.warnings


def _tab_labels(tree: LexborHTMLParser) -> dict[int, str]:
    """The name of each tab by the id of the node it opens: as the page ties them, else in their order."""
    labels: dict[int, str] = {}
    for tabs_selector, panels_selector in _TABS:
        tabs, panels = tree.css(tabs_selector), tree.css(panels_selector)
        opened = {tab.attributes.get("aria-controls") or "": tab for tab in tabs}
        named = {tab.attributes.get("id") or "": tab for tab in tabs}
        for number, panel in enumerate(panels):
            tied = named.get(panel.attributes.get("aria-labelledby") or " ")
            tab = tied or opened.get(panel.attributes.get("id") or " ")
            if tab is None and len(tabs) == len(panels):
                tab = tabs[number]
            if tab is not None and (label := one_line(tab.text(), 100)):
                labels[panel.mem_id] = label
    return labels


def declared_charset(head: bytes) -> str:
    """The encoding a page declares in its first bytes, or ""."""
    match = _CHARSET.search(head[:4096])
    return match.group(1).decode("ascii") if match else ""


def _is_too_deep(text: str) -> bool:
    """Whether open tags pile up so high that building the tree would take quadratic time."""
    if text.count("<") < _TOO_DEEP:
        return False
    depth = 0
    for match in _TAG.finditer(text):
        closing, tag, empty = match.groups()
        if empty or tag.lower() in _UNNESTED:
            continue
        depth = max(0, depth - 1) if closing else depth + 1
        if depth > _TOO_DEEP:
            return True
    return False


def _stripped(text: str) -> str:
    """The text between the tags, that of scripts, styles and comments left out."""
    from html import unescape

    parts, position, lower = [], 0, text.lower()
    ends = {"<!--": "-->", "<script": "</script", "<style": "</style"}
    missing: set[str] = set()
    while (match := _MARK.search(lower, position)) is not None:
        parts.append(text[position : match.start()])
        end = ends.get(match.group(), ">")
        found = -1 if end in missing else lower.find(end, match.end())
        if found < 0:
            missing.add(end)
        position = match.end() if found < 0 else found + len(end)
    parts.append(text[position:])
    lines = (line.strip() for line in unescape("\n".join(parts)).split("\n"))
    return "\n\n".join(line for line in lines if line)


def _drop(tree: LexborHTMLParser, selector: str, keep: re.Pattern[str] | None = None) -> None:
    """Take what a selector finds out of the tree, but for nodes whose attributes read like `keep`."""
    found = tree.css(selector)
    if keep is not None:
        found = [node for node in found if not keep.search(" ".join(map(str, node.attributes.values()))[:1_000])]
    ids = {node.mem_id for node in found}
    # Freeing a node frees what is inside it: outermost nodes only, chosen before the first is freed.
    for node in [node for node in found if not _is_inside(node, ids)]:
        node.decompose()


def _is_inside(node: LexborNode, ids: set[int]) -> bool:
    parent = node.parent
    while parent is not None and parent.mem_id not in ids:
        parent = parent.parent
    return parent is not None


def _main_part(tree: LexborHTMLParser, body: LexborNode) -> LexborNode:
    _drop(tree, _AROUND)
    everything = len(body.text_lexbor())
    for selector in _MAIN:
        found = tree.css(selector)
        if len(found) == 1 and len(found[0].text_lexbor()) >= max(_SHORT, _MAIN_SHARE * everything):
            return found[0]
    _drop(tree, _OUTSIDE_MAIN)
    # What a page hides in its main part opens at a click; elsewhere only what looks like that.
    _drop(tree, "[hidden]", keep=_FOLDED)
    return body


def _metadata(tree: LexborHTMLParser) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    for key, selector, attribute in (
        ("description", "meta[name=description]", "content"),
        ("canonical_url", "link[rel=canonical]", "href"),
        ("site", "meta[property='og:site_name']", "content"),
        ("page_title", "title", ""),
    ):
        node = tree.css_first(selector)
        value = "" if node is None else node.attributes.get(attribute) if attribute else node.text()
        if value and value.strip():
            metadata[key] = one_line(value, 1_000)
    return metadata


def _title(text: str, metadata: dict[str, Any]) -> str:
    """The first main heading of what was kept (that of the site stands outside), else what the browser tab says."""
    main = _FIRST_HEADING.search(text)
    heading = first_heading(main.group() if main else text)
    page = str(metadata.get("page_title", ""))
    return heading if main or page.casefold().startswith(heading.casefold() or "\n") else page
