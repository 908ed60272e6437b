"""Where a line of Markdown stands: in which list items and quotations, and whether it opens or closes a code block."""

from __future__ import annotations

import re
from dataclasses import dataclass

# What may stand before the content of a line: white space, quotation marks, list markers.
PREFIX = re.compile(r"(?:[ \t]++|>|(?:[-*+]|\d{1,9}[.)])(?=[ \t]))*+")
_OPENING = re.compile(r"(`{3,}(?=[^`\n]*$)|~{3,})")
_MARKER = re.compile(r"([-*+]|\d{1,9}[.)])([ \t]+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Fence:
    """An open code block: its sign and length, the column its content begins at and the quotation it stands in."""

    sign: str
    length: int
    column: int
    quotes: int

    def closes(self, content: str) -> bool:
        """Whether a line, what stands before its column left out, closes the block."""
        stripped = content.strip(" \t\r")
        return (
            len(content) - len(content.lstrip(" ")) <= 3
            and len(stripped) >= self.length
            and set(stripped) == {self.sign}
        )


class Containers:
    """The list items that are open, by the column of their content."""

    def __init__(self) -> None:
        self._columns: list[int] = []

    def enter(self, prefix: str) -> int:
        """Take in what stands before a line's content; returns the column its innermost item's content begins at.

        Whether a list may begin with another number than 1 hangs on what stands before it, and renderers disagree; so
        none does.
        """
        listed = bool(self._columns)
        indent = len(prefix) - len(prefix.lstrip(" \t"))
        while self._columns and self._columns[-1] > indent:
            self._columns.pop()
        for match in _MARKER.finditer(prefix):
            number = match.group(1)[:-1]
            if not listed and number and int(number) != 1:
                break
            # Five spaces or more after a marker begin an indented code block one column behind it.
            space = len(match.group(2))
            self._columns.append(match.end(1) + (space if space <= 4 else 1))
        return self._columns[-1] if self._columns else 0


def open_fence(prefix: str, content: str, column: int) -> Fence | None:
    """The code block that a line opens, `column` being where the innermost list item's content begins.

    None for a line that does not, and for one whose place (a list in a quotation, too far to the right) leaves any
    doubt: it is better shown as it is written than taken for code that it is not.
    """
    match = _OPENING.match(content)
    quotes = prefix.count(">")
    if match is None or (quotes and _MARKER.search(prefix)):
        return None
    inner = prefix.rpartition(">")[2] if quotes else prefix
    if quotes:
        column = 0
        if len(prefix) - len(prefix.lstrip()) > 3 or len(inner) > 4:
            return None
    elif len(inner) - column > 3 or "\t" in prefix:
        return None
    return Fence(sign=match.group()[0], length=len(match.group()), column=column, quotes=quotes)


def inside_quotes(line: str, quotes: int) -> tuple[str, str] | None:
    """A line of a quotation as (marks, rest); None when it has fewer marks than `quotes` and so is outside it."""
    if not quotes:
        return "", line
    match = re.match(rf"(?: {{0,3}}> ?){{{quotes}}}", line)
    return (match.group(), line[match.end() :]) if match else None
