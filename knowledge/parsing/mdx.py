"""MDX without its plumbing: imports, exports, comments and the tags of components are nothing to read."""

from __future__ import annotations

import re
from collections.abc import Iterator

_IMPORT = re.compile(r"import\s(?:[\w$*{},\s]{0,500}?\sfrom\s)?\s?[\"'{]|import\s[\w$]{1,100}\s?,\s?\{|import\s\{")
_EXPORT = re.compile(r"export\s(?:const|let|var|function|default|async|class|type|interface|\{|\*)")
_FENCE = re.compile(r" {0,20}(`{3,}|~{3,})")
_PLUMBING = re.compile(
    r"(?P<code>(?<!`)(?P<marks>`++)[^`\n]*+(?P=marks)(?!`))"
    r"|(?P<tag></?[A-Z][\w.]{0,100}(?:\s[^<>]{0,1000})?/?>|</?>)"
)
_LABEL = re.compile(r"\s(?:label|title|summary)\s{0,9}=\s{0,9}\{?[\"']([^\"'\n]{1,200})[\"']")
_LONGEST_STATEMENT = 200
"""Lines that an import or export may take."""


def is_mdx(name: str, text: str) -> bool:
    """Whether a Markdown file is MDX: by its name, or because imports stand where its text begins."""
    if name.lower().endswith(".mdx"):
        return True
    body = text[text.find("\n---", 3) + 4 :] if text.startswith("---\n") else text
    first = next((line for line in body[:5_000].split("\n") if line.strip()), "")
    return first.startswith("import ") and _IMPORT.match(first) is not None and "from" in first


def without_plumbing(text: str) -> str:
    """The text as a reader of the page sees it; code stays as it is, a component's label in place of its tag."""
    return "".join(
        part if is_code else _without_tags(_without_comments(part)) for part, is_code in _parts(text)
    ).lstrip("\n")


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """The text in stretches, those of fenced code told apart; imports and exports are left out."""
    lines = text.split("\n")
    held: list[str] = []
    fence = ""
    index, last = 0, len(lines) - 1
    while index <= last:
        line = lines[index]
        match = _FENCE.match(line)
        if fence:
            held.append(line)
            if match is not None and match.group(1).startswith(fence) and not line.strip().strip(fence[0]):
                yield _joined(held, index == last), True
                held, fence = [], ""
        elif match is not None:
            if held:
                yield _joined(held, False), False
            held, fence = [line], match.group(1)
        elif _IMPORT.match(line) or _EXPORT.match(line):
            index += _length(lines, index) - 1
        else:
            held.append(line)
        index += 1
    if held:
        yield _joined(held, True), bool(fence)


def _joined(lines: list[str], is_last: bool) -> str:
    return "\n".join(lines) + ("" if is_last else "\n")


def _length(lines: list[str], start: int) -> int:
    """How many lines the statement that begins at `start` takes: up to where its brackets are closed, or to the next
    one when they never are."""
    depth = 0
    for count, line in enumerate(lines[start : start + _LONGEST_STATEMENT], start=1):
        if count > 1 and line.startswith(("import ", "export ")):
            break
        depth += sum(map(line.count, "([{")) - sum(map(line.count, ")]}"))
        if depth <= 0:
            return count
    return 1


def _without_comments(text: str) -> str:
    parts, position = [], 0
    while (start := text.find("{/*", position)) >= 0 and (end := text.find("*/}", start)) >= 0:
        parts.append(text[position:start])
        position = end + 3
    return "".join([*parts, text[position:]])


def _without_tags(text: str) -> str:
    def shown(match: re.Match[str]) -> str:
        tag = match["tag"]
        if tag is None:
            return match.group()
        label = _LABEL.search(tag) if not tag.startswith("</") else None
        return f"**{label.group(1)}**" if label is not None else ""

    return _PLUMBING.sub(shown, text)
