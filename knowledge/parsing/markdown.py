"""Markdown, kept verbatim: its title, its front matter and its links."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from knowledge.parsing.draft import Draft, json_safe, one_line
from knowledge.parsing.mdx import is_mdx, without_plumbing
from knowledge.text.markup import front_matter
from knowledge.types import Link

_TOML_MATTER = re.compile(r"\A\+\+\+[ \t]*\n(.*?)\n\+\+\+[ \t]*(?:\n|\Z)", re.DOTALL)
_LARGEST_MATTER = 20_000
_TITLE_KEYS = ("title", "Title", "linkTitle", "sidebar_label", "name")
_FENCE = re.compile(r"^[ \t>]*(?:[-*+][ \t]+)?(`{3,}|~{3,})([^\n]*)$", re.MULTILINE)
_ATX = re.compile(r"^ {0,3}(#{1,6})[ \t]+(\S[^\n]*)$", re.MULTILINE)
_SETEXT = re.compile(r"^ {0,3}(\S[^\n]*)\n {0,3}(?:=+|-+)[ \t]*$", re.MULTILINE)
_HTML_HEADING = re.compile(r"<h[12][^<>]*>([^<]{1,300})", re.IGNORECASE)
_HEADING_TAIL = re.compile(r"[ \t]+#+[ \t]*$|[ \t]*\{[#.:][^{}\n]*\}[ \t]*$")
_CODE_SPAN = re.compile(r"(?<!`)(`++)[^`\n]*+\1(?!`)")

# Every repetition is possessive or bounded: text made to backtrack costs a constant for each character.
_LABEL = r"((?:[^\[\]\\\n]|\\.|\n(?!\n)|!\[[^\[\]\n]{0,300}\]\([^()\n]{0,500}\)|\[[^\[\]\n]{0,100}\]){0,500}+)"
_TARGET = r"(?:<([^<>\n]{0,2000})>|((?:[^\s()<>]|\([^\s()]{0,500}\)){1,2000}+))"
_INLINE = re.compile(rf"(?<!!)\[{_LABEL}\]\([ \t]*{_TARGET}(?:[ \t\n]+(?:\"[^\"\n]*+\"|'[^'\n]*+'))?[ \t]*\)")
_REFERENCE = re.compile(r"(?<![!\\\]])\[([^\[\]\n]{1,300})\](?:\[([^\[\]\n]{0,300})\])?(?![(:\[])")
_DEFINITION = re.compile(r"^ {0,3}\[([^\[\]\n]{1,300})\]:[ \t]+<?([^\s<>]{1,2000}+)", re.MULTILINE)
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^\s<>]{1,2000})>")
_ANCHOR_TAG = re.compile(
    r"<a\s[^<>]{0,300}?href\s*=\s*[\"']([^\"'\n]{1,2000})[\"'][^<>]{0,300}>([^<]{0,300})", re.IGNORECASE
)
_BARE = re.compile(r"(?<![\w(<\"'\[=/.])https?://[^\s<>()\"'`\]]{3,2000}+")
_UNREAD_MATTER = "its front matter could not be read"
_LONGEST_HEADING = 1_000
_MOST_LINKS = 20_000
_LINKED_PART = 4_000_000
"""Characters of a text that are searched for links; what is longer is a dump, not a page."""


def read_markdown(text: str, name: str = "") -> Draft:
    """The text as it is (of MDX what its readers see), with the title of its front matter or its first heading."""
    if is_mdx(name, text):
        text = without_plumbing(text)
    metadata, warnings = _metadata(text)
    title = next((str(metadata[key]) for key in _TITLE_KEYS if isinstance(metadata.get(key), (str, int))), "")
    return Draft(text=text, title=title or first_heading(text), metadata=metadata, warnings=warnings)


def first_heading(text: str) -> str:
    """The first heading outside of code, without its signs; "" when the first 100,000 characters have none."""
    head = without_code(text[:100_000])
    matches = [match for pattern in (_ATX, _SETEXT, _HTML_HEADING) if (match := _first(pattern, head)) is not None]
    if not matches:
        return ""
    first = min(matches, key=lambda match: match.start())
    title = first.group(first.lastindex or 0)[:_LONGEST_HEADING]
    return one_line(_without_signs(_HEADING_TAIL.sub("", _HEADING_TAIL.sub("", title))))


def links_of(text: str) -> tuple[Link, ...]:
    """The links of a Markdown text outside of code, in order; images are none. `start` is where the link begins."""
    if "[" not in text and "<" not in text and "http" not in text:
        return ()
    text = text[:_LINKED_PART]
    masked = without_code(text, spans=True)
    links: dict[int, Link] = {}
    for link in _links(masked, text):
        links.setdefault(link.start, link)
        if len(links) >= _MOST_LINKS:
            break
    return tuple(links[start] for start in sorted(links))


def without_code(text: str, *, spans: bool = False) -> str:
    """The text with fenced code (and code spans) blanked out, every offset unchanged."""
    if "```" in text or "~~~" in text:
        parts, position = [], 0
        for start, end in _fences(text):
            parts += [text[position:start], _blank(text[start:end])]
            position = end
        text = "".join([*parts, text[position:]])
    return _CODE_SPAN.sub(lambda match: _blank(match.group()), text) if spans and "`" in text else text


def _metadata(text: str) -> tuple[dict[str, Any], list[str]]:
    try:
        if (toml := _TOML_MATTER.match(text[:_LARGEST_MATTER])) is not None:
            return json_safe(tomllib.loads(toml.group(1))), []
        matter, end = front_matter(text)
        return json_safe(matter), [_UNREAD_MATTER] if end and not matter else []
    except (ValueError, RecursionError, OverflowError):
        return {}, [_UNREAD_MATTER]


def _fences(text: str) -> Iterator[tuple[int, int]]:
    opened: re.Match[str] | None = None
    for match in _FENCE.finditer(text):
        marks, rest = match.groups()
        if opened is None:
            if marks[0] == "~" or "`" not in rest:
                opened = match
        elif marks.startswith(opened.group(1)) and not rest.strip():
            yield opened.start(), match.end()
            opened = None
    if opened is not None:
        yield opened.start(), len(text)


def _blank(text: str) -> str:
    return "\n".join(" " * len(line) for line in text.split("\n"))


def _first(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    body = 0
    if text.startswith("---\n") and (end := text.find("\n---", 3)) > 0:
        body = end + 4  # the rule that closes front matter would make its last line a heading
    return pattern.search(text, body)


def _without_signs(title: str) -> str:
    title = re.sub(r"!?\[([^\[\]]*)\]\([^()]*\)", r"\1", title)
    title = re.sub(r"(?<!\w)(_{1,2})(?=[^\s_])(.+?)(?<=[^\s_])\1(?!\w)", r"\2", title)
    return re.sub(r"[*`]+|<[^<>]{1,200}>", "", title)


def _links(masked: str, text: str) -> Iterator[Link]:
    for match in _INLINE.finditer(masked):
        yield _link(match.group(2) or match.group(3), text[match.start(1) : match.end(1)], match.start())
    targets = {_key(match.group(1)): match.group(2) for match in _DEFINITION.finditer(masked)}
    if targets:
        for match in _REFERENCE.finditer(masked):
            if (target := targets.get(_key(match.group(2) or match.group(1)))) is not None:
                yield _link(target, text[match.start(1) : match.end(1)], match.start())
    for match in _AUTOLINK.finditer(masked):
        yield _link(match.group(1), match.group(1), match.start())
    for match in _ANCHOR_TAG.finditer(masked):
        yield _link(match.group(1), match.group(2), match.start())
    for match in _BARE.finditer(masked):
        target = match.group().rstrip(".,;:!?*_，。；：！？")
        if not masked.startswith("]:", match.start() - 3):
            yield _link(target, target, match.start())


def _link(target: str, text: str, start: int) -> Link:
    return Link(target=target.strip(), text=one_line(text), start=start)


def _key(label: str) -> str:
    return " ".join(label.lower().split())
