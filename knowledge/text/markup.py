"""Reading around markup: front matter, text without its signs, anchors."""

from __future__ import annotations

import re
from typing import Any

import yaml

_FRONT_MATTER = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)(?:\r?\n)(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_LARGEST_FRONT_MATTER = 20_000
_MOST_PAIRS = 2_000
_DEEPEST_MATTER = 50
_DEFINITION_LINE = re.compile(r"^\[[^\]\n]+\]:[ \t]+\S.*$", re.MULTILINE)
_ATTRIBUTES = re.compile(r"^\{(?=[^{}\n=]*+=)[^{}\n]*+\}[ \t]*+$|\{#[\w-]++\}", re.MULTILINE)
_SHORTCODE_TITLE = re.compile(r"\{\{[<%]\s{0,100}+[^/\s\"][^>%\"]{0,500}+\"([^\"]{1,500}+)\"[^>%]{0,500}+[%>]\}\}")
_HIDING = re.compile(r"<!--|\{\{[<%]")
_HIDDEN_UP_TO = {"<!--": re.compile("-->"), "{{<": re.compile(r"[%>]\}\}"), "{{%": re.compile(r"[%>]\}\}")}
_TARGET = r"\([^()\s]*(?:\([^()]*\)[^()\s]*)*(?:\s+[\"'][^\"'\n]*[\"'])?\)"
_IMAGE_OR_LINK = re.compile(rf"!?\[([^\[\]]*)\](?:{_TARGET}|\[[^\]]*\])")
_AUTOLINK = re.compile(r"<([a-zA-Z][\w+.-]{0,63}(?:://|@)[^<>\s]{1,300})>")
"""An address in angle brackets is read as it stands; it is no tag."""
_TAG = re.compile(r"</?[a-zA-Z][^<>\n]{0,300}>")
_RULED = r"[ \t]*+:?-{2,}+:?[ \t]*+"
_TABLE_RULE = re.compile(rf"^[ \t]*+(?:\|[ \t]*+)?+:?-{{2,}}+:?[ \t]*+(?:\|{_RULED})*+\|?[ \t]*+$", re.MULTILINE)
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[`~]*[ \t]*(\S*).*$", re.MULTILINE)
_LINE_SIGNS = re.compile(r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]?|[-*+][ \t]+|(?:!!!|\?\?\?\+?|===)[ \t]*)", re.MULTILINE)
_EMPHASIS = re.compile(r"(?<![\w*])(\*|_{1,3})(?=\S)(.{1,1000}?)(?<=\S)\1(?![\w*])")
_RST_ROLE = re.compile(r":[\w-]+:`([^`<]+)(?:<[^`>]*>)?`")
_HEADING_ATTRIBUTES = re.compile(r"\{[#.:][^{}]*\}\s*\Z")
_LONGEST_HEADING = 300
_NOT_IN_ANCHOR = re.compile(r"[^\w\- ]")


class _Loader(yaml.SafeLoader):
    """Safe also from merge keys, which a few lines could make copy each other without end, and from deep nesting."""

    _merged = 0
    _depth = 0

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        super().flatten_mapping(node)
        self._merged += len(node.value)
        if self._merged > _MOST_PAIRS:
            raise yaml.YAMLError("too many merged keys")

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._depth += 1
        if self._depth > _DEEPEST_MATTER:
            raise yaml.YAMLError("nested too deeply")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def front_matter(text: str) -> tuple[dict[str, Any], int]:
    """The YAML front matter of a Markdown text and the offset where the body begins; ({}, 0) without one."""
    match = _FRONT_MATTER.match(text[:_LARGEST_FRONT_MATTER])
    if match is None:
        return {}, 0
    try:
        matter = yaml.load(match.group(1), _Loader)
    except (yaml.YAMLError, ValueError, TypeError):
        return {}, match.end()
    # Two rules with prose between them are not front matter.
    return (matter, match.end()) if isinstance(matter, dict) else ({}, 0)


def plain_text(text: str, markup: str) -> str:
    """A text without the signs of its markup: what a reader sees, for the indexes."""
    if markup == "rst":
        return _RST_ROLE.sub(r"\1", text)
    if markup != "markdown":
        return text
    text = _SHORTCODE_TITLE.sub(r"\1", text)
    text = _ATTRIBUTES.sub("", _DEFINITION_LINE.sub("", _without_hidden(text)))
    text = _IMAGE_OR_LINK.sub(r"\1", _IMAGE_OR_LINK.sub(r"\1", text))
    text = _TABLE_RULE.sub("", _FENCE.sub("", _TAG.sub(" ", _AUTOLINK.sub(r"\1", text))))
    text = _EMPHASIS.sub(r"\2", _LINE_SIGNS.sub("", text).replace("**", ""))
    return _trimmed(text.replace("`", "").replace("|", " "))


def plain_code(text: str) -> str:
    """A code block without its fences."""
    return _trimmed(_FENCE.sub("", text))


def heading_name(written: str) -> str:
    """What a heading is called, from what stands behind its signs in Markdown; at most 300 characters of it."""
    written = _HEADING_ATTRIBUTES.sub("", written[: 4 * _LONGEST_HEADING])
    return plain_text(written, "markdown").strip()[:_LONGEST_HEADING].rstrip()


def slug(heading: str) -> str:
    """The anchor of a heading as GitHub makes it."""
    return _NOT_IN_ANCHOR.sub("", heading.strip().lower()).replace(" ", "-")


def _without_hidden(text: str) -> str:
    """The text without comments and template calls; one that is never closed hides nothing."""
    parts, position = [], 0
    unclosed: set[str] = set()
    match = _HIDING.search(text)
    while match is not None:
        opening, resume = match.group(), match.end()
        closing = None if opening in unclosed else _HIDDEN_UP_TO[opening].search(text, match.end())
        if closing is None:
            unclosed.add(opening)
        else:
            parts.append(text[position : match.start()])
            position = resume = closing.end()
        match = _HIDING.search(text, resume)
    return "".join([*parts, text[position:]]) if parts else text


def _trimmed(text: str) -> str:
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)
