"""What a question is about by name, and whether what was found is about that."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import chain

from knowledge.answering.asking import manner_of
from knowledge.answering.units import Unit
from knowledge.answering.vocabulary import Word, is_misspelt, words_of
from knowledge.text.analysis import HAN, is_identifier, language_of, term_set
from knowledge.types import Hit

# A number with its unit, a version, a share of a whole, a date or a time: circumstances, not what a question is about.
_QUANTITY = re.compile(
    r"v?\d+(?:\.(?:\d+|x)){0,2}[a-zA-Z%]{0,3}|\d+/\d+|\d{4}-\d\d-\d\d\w{0,10}|\d\d?(?::\d\d){1,2}\w{0,3}", re.ASCII
)
_SPAN = re.compile(r"`([^`\n]++)`")
_WORDS = re.compile(r"\S[ \t].")
_HAN_WORD = re.compile(f"[{HAN}]")
_PROMPT = re.compile(r"^[ \t]*+\$ ", re.MULTILINE)

NAMED = 0.99
"""Rarity from which a word is taken for a name: it is written like one."""
PERHAPS_NAMED = 0.6
"""Rarity from which a word may be a name that was not written like one."""
MOST_NAMES = 12
"""A question that names more is a log or a listing: its names are circumstances, not its subject."""
READ = 2
"""Pieces of the best page, the best ones, in which the product must be named that is asked how to be used."""
FEW = 3
"""An identifier that so few of the chunks found hold points to them."""
KNOWN = FEW + 1
"""A name that so many of the chunks found hold is known to the documents, whichever page answers."""
COMMON = 0.5
"""A name that more than this share of the chunks found holds stands everywhere and points to none of them."""
OWN = 0.4
"""The share of the chunks found from which a name that they hold is a subject of the documents' own."""
TOLD = 0.7
"""The share of what else is asked, by weight, that a chunk says beside the name when it is about that."""


def missing_names(question: str, hits: Sequence[Hit], rarity: float = NAMED) -> tuple[Word, ...]:
    """The names in a question that the documents do not know: few of the chunks found hold them, and none of the best
    page, not even in parts. None when it names too many to be about all of them. Of less `rarity`, also words that may
    be names."""
    names = [word for word in words_of(question) if word.rarity >= rarity]
    if not hits or len(names) > MOST_NAMES:
        return ()
    names = [word for word in names if not _QUANTITY.fullmatch(word.text)]
    page = [hit for hit in hits if hit.document.id == hits[0].document.id]
    held = frozenset(chain.from_iterable(term_set(hit.chunk.search_text) for hit in page))
    return tuple(
        word
        for word in names
        if not _holds(held, word) and not is_misspelt(word.text, ()) and _count(word, hits) < KNOWN
    )


def named_in_passing(question: str, hits: Sequence[Hit], weights: Mapping[str, float]) -> bool:
    """Whether a question asks how to do something with a product that the best page only mentions: no piece that
    names it holds most of what is to be done. `weights` are those of the question's terms."""
    words = words_of(question)
    names = [word for word in words if word.rarity >= NAMED and word.text.isalpha() and word.text[0].isupper()]
    if not hits or len(names) > MOST_NAMES or manner_of(question) != "procedure":
        return False
    page = [term_set(hit.chunk.search_text) for hit in hits if hit.document.id == hits[0].document.id][:READ]
    return any(
        _count(name, hits) <= OWN * len(hits)
        and not _told_of(name, [word for word in words if word is not name], page, weights)
        for name in names
    )


def _count(word: Word, hits: Sequence[Hit]) -> int:
    """How many of the chunks found hold a word."""
    return sum(_holds(term_set(hit.chunk.search_text), word) for hit in hits)


def _told_of(
    name: Word, others: Sequence[Word], chunks: Sequence[frozenset[str]], weights: Mapping[str, float]
) -> bool:
    asked = [word for word in others if not is_misspelt(word.text, ())]
    total = sum(weights.get(word.terms[0], 0.0) for word in asked)
    told = [
        sum(weights.get(word.terms[0], 0.0) for word in asked if _holds(chunk, word))
        for chunk in chunks
        if _holds(chunk, name)
    ]
    return max(told, default=0.0) >= TOLD * total


def points_to(question: str, hit: Hit, hits: Sequence[Hit]) -> bool:
    """Whether a chunk holds an identifier of the question (a code, an address, a flag) that few chunks found hold."""
    own = term_set(hit.chunk.search_text)
    return any(
        word.terms[0] in own and sum(word.terms[0] in term_set(each.chunk.search_text) for each in hits) <= FEW
        for word in words_of(question)
        if is_identifier(word.text) and any(sign.isdigit() or sign in "_-" for sign in word.text)
    )


def in_another_language(question: str, hits: Sequence[Hit]) -> bool:
    """Whether nothing but a name that stands everywhere in what was found ties a Chinese question to the best page: it
    is not in Chinese, and of the words of the question it holds at most one, which half of the chunks hold, too."""
    words = words_of(question)
    if not hits or not any(_HAN_WORD.match(word.text) for word in words):
        return False
    page = [hit.chunk.search_text for hit in hits if hit.document.id == hits[0].document.id]
    held = frozenset(chain.from_iterable(map(term_set, page)))
    shared = [word for word in words if _holds(held, word)]
    telling = len(shared) > 1 or any(_count(word, hits) <= COMMON * len(hits) for word in shared)
    return not telling and language_of("\n".join(page)) != "zh"


def is_command(unit: Unit) -> bool:
    """Whether a piece says what to run: code, or a command inside a line."""
    if unit.block == "code" or _PROMPT.search(unit.text):
        return True
    return any(_WORDS.search(span) for span in _SPAN.findall(unit.text))


def _holds(held: frozenset[str], word: Word) -> bool:
    return word.terms[0] in held or (len(word.terms) > 1 and held.issuperset(word.terms[1:]))
