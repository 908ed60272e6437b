"""What stands for a whole text in a list: a title for a conversation, an excerpt for what was found."""

from __future__ import annotations

import re

from knowledge.text.markup import plain_text

_CITED = re.compile(r" ?\[\d{1,3}\]")
_READ = 400
"""Characters on either side of what was found that an excerpt is made of."""

TITLE_CHARS = 80


def excerpt(text: str, words: str, around: int = 40) -> str:
    """The words in a text with what stands around them: one line of whole words, as they read, without the signs of
    Markdown and the numbers of citations."""
    near = max(0, text.lower().find(words.lower()) - _READ)
    far = near + 2 * _READ + len(words)
    shown = " ".join(_CITED.sub("", plain_text(text[near:far], "markdown")).split())
    if words.lower() not in shown.lower():
        shown = " ".join(text[near:far].split())
    at = max(0, shown.lower().find(words.lower()))
    start, end = max(0, at - around), at + len(words) + around
    while 0 < start < at and _is_within_word(shown, start):
        start += 1
    while at + len(words) < end < len(shown) and _is_within_word(shown, end):
        end -= 1
    before, after = near or start, far < len(text) or end < len(shown)
    return f"{'…' if before else ''}{shown[start:end].strip()}{'…' if after else ''}"


def _is_within_word(text: str, at: int) -> bool:
    """Whether a cut here goes through a word; between Chinese characters one may be made."""
    return all(sign.isascii() and not sign.isspace() for sign in text[at - 1 : at + 1])


def title_of(question: str) -> str:
    """A conversation's title from its first question: one line, at most 80 characters, cut at a word if it can be."""
    line = " ".join(question.split())
    if len(line) <= TITLE_CHARS:
        return line
    cut_at = line.rfind(" ", TITLE_CHARS // 2, TITLE_CHARS)
    return line[: cut_at if cut_at > 0 else TITLE_CHARS - 1].rstrip() + "…"
