"""Reading around markup: front matter, text without its signs, anchors."""

from __future__ import annotations

import re
from typing import Any

import yaml

_FRONT_MATTER = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)(?:\r?\n)(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_LARGEST_FRONT_MATTER = 20_000
_HIDDEN = re.compile(r"<!--.*?-->|\{\{[<%].*?[%>]\}\}|^\[[^\]\n]+\]:[ \t]+\S+.*$", re.DOTALL | re.MULTILINE)
_ATTRIBUTES = re.compile(r"^\{[^{}\n]*=[^{}\n]*\}[ \t]*$|\{#[\w-]+\}", re.MULTILINE)
_SHORTCODE_TITLE = re.compile(r"\{\{[<%]\s*[^/][^>%]*?\"([^\"]+)\"[^>%]*[%>]\}\}")
_TARGET = r"\([^()\s]*(?:\([^()]*\)[^()\s]*)*(?:\s+[\"'][^\"'\n]*[\"'])?\)"
_IMAGE_OR_LINK = re.compile(rf"!?\[([^\[\]]*)\](?:{_TARGET}|\[[^\]]*\])")
_TAG = re.compile(r"</?[a-zA-Z][^<>\n]{0,300}>")
_TABLE_RULE = re.compile(r"^[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t]*:?-{2,}:?[ \t]*)*\|?[ \t]*$", re.MULTILINE)
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[`~]*[ \t]*(\S*).*$", re.MULTILINE)
_LINE_SIGNS = re.compile(r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]?|[-*+][ \t]+|(?:!!!|\?\?\?\+?|===)[ \t]*)", re.MULTILINE)
_EMPHASIS = re.compile(r"(?<![\w*])(\*|_{1,3})(?=\S)(.+?)(?<=\S)\1(?![\w*])")
_RST_ROLE = re.compile(r":[\w-]+:`([^`<]+)(?:<[^`>]*>)?`")
_HEADING_ATTRIBUTES = re.compile(r"\s*\{[#.:][^{}]*\}\s*\Z")
_NOT_IN_ANCHOR = re.compile(r"[^\w\- ]")


def front_matter(text: str) -> tuple[dict[str, Any], int]:
    """The YAML front matter of a Markdown text and the offset where the body begins; ({}, 0) without one."""
    match = _FRONT_MATTER.match(text[:_LARGEST_FRONT_MATTER])
    if match is None:
        return {}, 0
    try:
        matter = yaml.safe_load(match.group(1))
    except (yaml.YAMLError, ValueError):
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
    text = _ATTRIBUTES.sub("", _HIDDEN.sub("", text))
    text = _IMAGE_OR_LINK.sub(r"\1", _IMAGE_OR_LINK.sub(r"\1", text))
    text = _TABLE_RULE.sub("", _FENCE.sub("", _TAG.sub(" ", text)))
    text = _EMPHASIS.sub(r"\2", _LINE_SIGNS.sub("", text).replace("**", ""))
    return _trimmed(text.replace("`", "").replace("|", " "))


def plain_code(text: str) -> str:
    """A code block without its fences."""
    return _trimmed(_FENCE.sub("", text))


def heading_name(written: str) -> str:
    """What a heading is called, from what stands behind its signs in Markdown."""
    return plain_text(_HEADING_ATTRIBUTES.sub("", written), "markdown").strip()


def slug(heading: str) -> str:
    """The anchor of a heading as GitHub makes it."""
    return _NOT_IN_ANCHOR.sub("", heading.strip().lower()).replace(" ", "-")


def _trimmed(text: str) -> str:
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)
