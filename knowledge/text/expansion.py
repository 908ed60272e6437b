"""What else a question might have said: the trade's synonyms and translations, from a table in plain text."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import ascii_lowercase

from knowledge.text.analysis import HAN, index_terms, query_terms

Phrase = tuple[str, ...]
"""Consecutive terms, as analysis makes them."""

_LONGEST_PHRASE = 3
_LONGEST_ABBREVIATION = 3
_SHORTEST_SLIP = 5
_LONGEST_SLIP = 20
_HAN_CHARACTER = re.compile(f"[{HAN}]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Concept:
    """A part of a question: the terms it was asked with, and the phrases that say the same (possibly none)."""

    terms: Phrase
    variants: tuple[Phrase, ...] = ()

    def every_term(self) -> Iterator[str]:
        """The terms asked with and those of the variants."""
        yield from self.terms
        for variant in self.variants:
            yield from variant


def concepts_of(question: str) -> tuple[Concept, ...]:
    """The question's terms, each in exactly one concept; those found in the thesaurus bring their variants.

    English brings no other English, which an embedder knows better, except for abbreviations of up to three letters.
    """
    terms = query_terms(question)
    concepts = list(_known(index_terms(question), set(terms)))
    covered = {term for concept in concepts for term in concept.terms}
    return (*concepts, *(Concept(terms=(term,)) for term in terms if term not in covered))


def slips(word: str) -> Iterator[str]:
    """What a word may have been meant to be: every string one letter more, fewer or other, or two swapped, away.

    Nothing for short words and names of machines. The first letter is taken to be right.
    """
    if not (_SHORTEST_SLIP <= len(word) <= _LONGEST_SLIP and word.isascii() and word.isalpha()):
        return
    for place in range(1, len(word) + 1):
        before, after = word[:place], word[place:]
        yield from (before + letter + after for letter in ascii_lowercase)
        if after:
            yield before + after[1:]
            yield from (before + letter + after[1:] for letter in ascii_lowercase if letter != after[0])
        if len(after) > 1 and after[0] != after[1]:
            yield before + after[1] + after[0] + after[2:]


def _known(sequence: Sequence[str], wanted: set[str]) -> Iterator[Concept]:
    """Concepts of the thesaurus that stand in a sequence of terms, longer ones first, no term used twice."""
    for length in range(_LONGEST_PHRASE, 0, -1):
        for start in range(len(sequence) - length + 1):
            phrase = tuple(sequence[start : start + length])
            variants = tuple(each for each in _thesaurus().get(phrase, ()) if _helps(phrase, each))
            if variants and wanted.issuperset(phrase):
                wanted = wanted.difference(phrase)
                yield Concept(terms=tuple(dict.fromkeys(phrase)), variants=variants)


def _helps(phrase: Phrase, variant: Phrase) -> bool:
    return _is_han(phrase) or _is_han(variant) or _is_abbreviation(phrase) or _is_abbreviation(variant)


def _is_han(phrase: Phrase) -> bool:
    return any(_HAN_CHARACTER.search(term) for term in phrase)


def _is_abbreviation(phrase: Phrase) -> bool:
    return len(phrase) == 1 and len(phrase[0]) <= _LONGEST_ABBREVIATION


@cache
def _thesaurus() -> Mapping[Phrase, tuple[Phrase, ...]]:
    """Each phrase of the table with the others of its groups, in the table's order."""
    others: defaultdict[Phrase, dict[Phrase, None]] = defaultdict(dict)
    text = resources.files("knowledge.text").joinpath("thesaurus.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            members = {tuple(index_terms(member)): None for member in line.split(" | ")}
            members.pop((), None)
            for member in members:
                others[member].update({other: None for other in members if other != member})
    return {phrase: tuple(variants) for phrase, variants in others.items()}
