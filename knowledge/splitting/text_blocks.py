"""The blocks of everything that is not Markdown: reStructuredText, plain text, code, YAML, tables and logs."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from itertools import pairwise

from knowledge.splitting.blocks import Block, Kind, line_starts, size_of

_RST_RULE = re.compile(r"([=\-`:'\"~^_*+#<>.])\1{2,}[ \t]*\r?\n?\Z")
_DEFINITION = re.compile(
    r"[ \t]*+(?:(?:export|default|public|private|protected|internal|static|final|abstract|async|pub)[ \t]++)*"
    r"(?:class|def|func(?:tion)?|fn|interface|struct|enum|trait|impl|module|namespace|type|resource|data|variable)\b"
    r"[ \t]++(?:\([^)\n]*\)[ \t]*+)?([\"\w.$:<>/ -]*[\"\w>])"
)
_YAML_KIND = re.compile(r"^kind:[ \t]*[\"']?([\w.-]+)", re.MULTILINE)
_YAML_NAME = re.compile(r"^  name:[ \t]*[\"']?([\w.-]+)", re.MULTILINE)
_LONGEST_LINE = 1_000
"""Characters of a line that are looked at for the name of what begins there."""

_LONGEST_NAME = 300
_DEEPEST = 20
_YAML_BREAK = re.compile(r"---(?:\s|\Z)")


def rst_blocks(text: str) -> Iterator[Block]:
    """Paragraphs and directives of a reStructuredText, under its underlined titles."""
    path: list[tuple[str, str]] = []
    for start, end, lines in _paragraphs(text, indented_follows=True):
        title = _rst_title(lines)
        if title:
            rule, name = title
            signs = [sign for sign, _ in path]
            path = [*(path[: signs.index(rule)] if rule in signs else path)[:_DEEPEST], (rule, name[:_LONGEST_NAME])]
        yield _block(text, start, end, tuple(name for _, name in path), is_heading=bool(title))


def plain_blocks(text: str) -> Iterator[Block]:
    """Paragraphs: lines up to a blank one."""
    return (_block(text, start, end, ()) for start, end, _ in _paragraphs(text))


def line_blocks(text: str, kind: Kind) -> Iterator[Block]:
    """One block for the whole text, to be cut at its lines: tables, logs, JSON."""
    if text.strip():
        yield _block(text, 0, len(text), (), kind=kind)


def code_blocks(text: str) -> Iterator[Block]:
    """Definitions and the lines between them, under the names of the definitions around them."""
    path: list[tuple[int, str]] = []
    for start, end, lines in _paragraphs(text, indented_follows=False):
        definition = next((match for line in lines if (match := _DEFINITION.match(line[:_LONGEST_LINE]))), None)
        indent = min((_indent(line) for line in lines if line.strip()), default=0)
        path = [(depth, name) for depth, name in path if depth < indent][:_DEEPEST]
        if definition:
            name = " ".join(definition.group(1).replace('"', " ").split())
            path.append((_indent(definition.group()), name[:_LONGEST_NAME]))
        yield _block(text, start, end, tuple(name for _, name in path), kind="code")


def yaml_blocks(text: str) -> Iterator[Block]:
    """Top-level entries of each YAML document, under its kind and name when it is a Kubernetes object."""
    starts = line_starts(text)
    edges = [start for start in starts[:-1] if _YAML_BREAK.match(text, start)]
    entries = [start for start in starts[:-1] if text[start] not in " \t\r\n#-]}"]
    for first, last in zip([0, *edges], [*edges, len(text)], strict=True):
        document = text[first:last]
        names = (_YAML_KIND.search(document), _YAML_NAME.search(document))
        heading = " ".join(match.group(1)[:_LONGEST_NAME] for match in names if match)
        inside = entries[bisect.bisect_right(entries, first) : bisect.bisect_left(entries, last)]
        for start, end in zip([first, *inside], [*inside, last], strict=True):
            if text[start:end].strip():
                yield _block(text, start, end, (heading,) if heading else (), kind="code")


def _block(
    text: str, start: int, end: int, path: tuple[str, ...], *, kind: Kind = "prose", is_heading: bool = False
) -> Block:
    return Block(
        start=start, end=end, kind=kind, size=size_of(text[start:end]), heading_path=path, is_heading=is_heading
    )


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _paragraphs(text: str, *, indented_follows: bool = False) -> Iterator[tuple[int, int, list[str]]]:
    """Runs of lines without a blank one; with `indented_follows`, an indented run belongs to the one before it."""
    starts = line_starts(text)
    begin: int | None = None
    lines: list[str] = []
    blank = False
    for start, end in pairwise(starts):
        line = text[start:end]
        if not line.strip():
            blank = True
            continue
        if begin is not None and blank and not (indented_follows and line[0] in " \t"):
            yield begin, start, lines
            begin, lines = None, []
        begin = start if begin is None else begin
        lines.append(line)
        blank = False
    if begin is not None:
        yield begin, len(text), lines


def _rst_title(lines: list[str]) -> tuple[str, str] | None:
    """(the sign of its rule, the title) when the lines are a title: an underline, perhaps an overline too."""
    if len(lines) >= 3 and _RST_RULE.match(lines[0]) and _RST_RULE.match(lines[2]):
        return lines[2][0] * 2, lines[1].strip()
    if len(lines) >= 2 and _RST_RULE.match(lines[1]) and not _RST_RULE.match(lines[0]):
        return lines[1][0], lines[0].strip()
    return None
