"""Which words of a question name things: how rare each is in everyday language, and which are misspelt."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from knowledge.text.analysis import FLAG, HAN, is_identifier, query_terms, stop_words
from knowledge.text.common_words import word_ranks
from knowledge.text.expansion import slips

_WORD = re.compile(rf"{FLAG}|[A-Za-z0-9_][\w./-]*|[{HAN}]+", re.ASCII)
_SENTENCE_END = frozenset(".?!。！？:：")
_BEFORE_WORD = frozenset(" \"'`(（“")
_COMMON_RANK = 1000
"""Words commoner than the one of this rank name nothing."""
_UNKNOWN_RANK = 30_000
_DERIVED_RANK = 1500
"""A word made from a common one by an ending ("reachable") is at least so rare."""
_ENDINGS = re.compile(
    "(?:s|es|ed|d|ing|ers?|ors?|ly|able|ible|ness|ments?|ions?|tion|ations?|ive|al|ally|ity|ful|less|y|ish|i[sz](?:e|ed|ing))$"
)
_HAN_RARITY = 0.15
"""Han words are mostly everyday language beside the Latin names that stand among them."""
_NUMBER_RARITY = 0.3
_PLAIN_RARITY = 0.7
"""The most that a word counts for that is not written like a name."""
_EVERYDAY_RARITY = 0.1
"""Words joined by hyphens that are all commoner than this name nothing together either ("top-level", "on-call")."""
_JOINED = re.compile(r"[a-z]+(?:-[a-z]+)+")


@dataclass(frozen=True, slots=True)
class Word:
    """A content word of a question as written, with its terms; `rarity` (0..1) is how likely it names a thing."""

    text: str
    terms: tuple[str, ...]
    rarity: float


def words_of(question: str) -> list[Word]:
    """The distinct content words of a question in order, stop words left out."""
    words: dict[str, Word] = {}
    for match in _WORD.finditer(question):
        text = match.group().rstrip(".-/")
        begins = _begins_sentence(question, match.start())
        if re.match(f"[{HAN}]", text):
            for term in query_terms(text):
                if term not in stop_words():
                    words.setdefault(term, Word(term, (term,), _HAN_RARITY))
        elif text and text.lower() not in stop_words():
            named = _is_written_as_name(text, begins=begins)
            terms = tuple(query_terms(text))
            if terms:
                words.setdefault(
                    text if text[0] == "-" else text.lower(), Word(text, terms, 1.0 if named else rarity(text.lower()))
                )
    return list(words.values())


def _is_written_as_name(text: str, *, begins: bool) -> bool:
    if _JOINED.fullmatch(text) and _joined_rarity(text) < _EVERYDAY_RARITY:
        return False
    return is_identifier(text) or text[0] == "-" or (text[0].isupper() and (not begins or text[1:2].isupper()))


def _joined_rarity(text: str) -> float:
    return max(map(rarity, text.split("-")))


def _begins_sentence(question: str, at: int) -> bool:
    while at and question[at - 1] in _BEFORE_WORD:
        at -= 1
    return not at or question[at - 1] in _SENTENCE_END


@lru_cache(maxsize=16384)
def rarity(word: str) -> float:
    """How rare a lower-case word is in everyday English: from 0 for a common one to 0.7 for one that is in no list."""
    if word.replace(".", "").isdigit():
        return _NUMBER_RARITY
    if len(word) < 2:
        return 0.0
    if _JOINED.fullmatch(word):
        return _joined_rarity(word)
    share = math.log(max(_rank(word), 1) / _COMMON_RANK) / math.log(_UNKNOWN_RANK / _COMMON_RANK)
    return _PLAIN_RARITY * max(0.0, min(1.0, share))


def is_misspelt(word: str, known: Collection[str]) -> bool:
    """Whether a word is one slip of the keyboard away from one of `known` or from a common English word."""
    low, common = word.lower(), word_ranks()
    return low not in common and any(each in known or each in common for each in slips(low) if each != low)


def _rank(word: str) -> int:
    ranks = word_ranks()
    candidates = [ranks.get(word, _UNKNOWN_RANK)]
    for at in range(3, len(word)):
        root = word[:at]
        if _ENDINGS.fullmatch(word, at):
            undoubled = root[:-1] if root[-1] == root[-2] else root
            forms = (root, root + "e", undoubled, root[:-1] + "y" if root.endswith("i") else root)
            candidates += [max(ranks[form], _DERIVED_RANK) for form in forms if form in ranks]
    return min(candidates)
