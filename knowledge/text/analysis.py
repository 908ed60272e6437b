"""How text becomes terms: language, word cutting, stems, stop words and identifiers.

Documents and questions go through the same functions, so what a reader types finds what an author wrote.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib import resources
from itertools import chain
from typing import TYPE_CHECKING, Protocol

from knowledge.text.invisible import visible

if TYPE_CHECKING:
    from rjieba import Jieba

    from knowledge.types import Language

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
HAN_WEIGHT = 0.6
"""Words that a Han character counts for in a budget of words."""

_LONGEST_PIECE = 200
_LONGEST_TERM = 80
_HAN_RUN = re.compile(f"[{HAN}]+")
_HAN_CHARACTER = re.compile(f"[{HAN}]")
_OTHER_SCRIPT = re.compile(r"[\u0370-\u1cff\u3040-\u30ff\uac00-\ud7af]")
_LATIN_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]+")
_ACCENTED = re.compile(r"[\u00c0-\u024f]")
FLAG = r"(?<![\w-])-[A-Za-z](?![\w-])"
"""A flag of one letter (`-o`), as a pattern."""
# A run of Han, such a flag, or an identifier: word characters joined by the signs that the lexical index keeps inside a
# token.
_PIECE = re.compile(rf"[{HAN}]+|{FLAG}|[^\W{HAN}]+(?:[-./]+[^\W{HAN}]+)*")
_JOINERS = re.compile(r"[-_./]+")
# fooBar | HTTPRoute; two capitals before a word are left alone (OAuth2, IPv6, PVCs).
_CAMEL_EDGE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z]{3})(?=[A-Z][a-z])")
_MIXED = re.compile(r"[a-z][A-Z]|[A-Z]{3}[a-z]|[A-Za-z][0-9]|[0-9][A-Za-z]")
_PLURAL_ABBREVIATION = re.compile(r"[A-Z]{2,6}s")
_NUMBER = re.compile(r"[0-9.]+")
_BUDGET_WORD = re.compile(rf"[^\s{HAN}]+")

_state = threading.local()


def language_of(text: str) -> Language:
    """The language retrieval should treat `text` as: `zh` when a tenth of its words or more are Han, `other` for a
    script or a Latin language that no English tool serves, otherwise `en`."""
    han = len(_HAN_CHARACTER.findall(text))
    latin = _LATIN_WORD.findall(text)
    other = len(_OTHER_SCRIPT.findall(text))
    if other > 2 * (han + len(latin)) or (other > 2 and other >= han):
        return "other" if other > len(latin) else "en"
    if han * HAN_WEIGHT >= 0.1 * len(latin) and han:
        return "zh"
    accented = sum(1 for word in latin if _ACCENTED.search(word))
    return "other" if len(latin) >= 5 and accented > 0.08 * len(latin) else "en"


def count_words(text: str) -> float:
    """Words of a text as budgets count them: a run without spaces is one, a Han character counts 0.6."""
    return len(_BUDGET_WORD.findall(text)) + HAN_WEIGHT * len(_HAN_CHARACTER.findall(text))


def index_terms(text: str) -> list[str]:
    """The terms of a text in reading order, stop words left out; an identifier is followed by its parts."""
    return list(chain.from_iterable(map(_terms, _pieces(text))))


@lru_cache(maxsize=2048)
def term_set(text: str) -> frozenset[str]:
    """The terms of a text regardless of order; remembered, for an answer compares the same texts again and again."""
    return frozenset(chain.from_iterable(map(_terms, set(_pieces(text)))))


def query_terms(question: str) -> list[str]:
    """The distinct terms of a question in order; none when it holds nothing but stop words."""
    return list(dict.fromkeys(index_terms(question)))


def is_identifier(word: str) -> bool:
    """Whether a word is written like a name of a machine (`proxy_read_timeout`, `kube-apiserver`, `HTTPRoute`)."""
    return bool(_JOINERS.search(word.strip("-_./")) or _MIXED.search(word))


def stem(word: str) -> str:
    """The Snowball stem of a lower-case English word; other words come back as they are."""
    return _stem(word)


@cache
def stop_words() -> frozenset[str]:
    """The stop words of both languages, lower case, not stemmed."""
    text = resources.files("knowledge.text").joinpath("stop_words.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.split() if not line.startswith("#"))


def _pieces(text: str) -> list[str]:
    return _PIECE.findall(unicodedata.normalize("NFKC", visible(text)))


def _terms(piece: str) -> Iterable[str]:
    if piece.startswith("-"):
        return (_flag_term(piece),)
    if piece.isascii() or not _HAN_RUN.match(piece):
        return _latin_terms(piece[:_LONGEST_PIECE])
    return [word for word in _cutter().cut_for_search(piece, hmm=False) if word not in stop_words()]


def _flag_term(flag: str) -> str:
    """`-o` and `-O` are two flags, and an index folds case: a capital has a sign that no other term begins with."""
    return flag if flag.islower() else f"-/{flag[1].lower()}"


@lru_cache(maxsize=65536)
def _latin_terms(piece: str) -> tuple[str, ...]:
    """The piece itself and, when it is an identifier, its parts."""
    whole = piece.strip("_-./")
    if not whole:
        return ()
    if _PLURAL_ABBREVIATION.fullmatch(whole):
        whole = whole[:-1]
    lower = whole.lower()
    parts = [part for word in _JOINERS.split(whole) for part in _camel_parts(word)]
    if len(parts) < 2 or _NUMBER.fullmatch(whole):
        return () if lower in stop_words() else (_stem(lower),)
    terms = [lower] if len(lower) <= _LONGEST_TERM else []
    if lower.isalnum():
        terms = [_stem(lower)] if terms else []
    terms += [_stem(part) for part in parts if len(part) > 1 and part not in stop_words()]
    return tuple(dict.fromkeys(terms))


def _camel_parts(word: str) -> list[str]:
    return [part.lower() for part in _CAMEL_EDGE.split(word) if part]


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    word = word[:_LONGEST_TERM]
    return _stemmer().stemWord(word) if word.isascii() and word.isalpha() else word


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...


def _stemmer() -> _Stemmer:
    # A Snowball stemmer keeps the word it works on in itself: one for each thread.
    if not hasattr(_state, "stemmer"):
        import snowballstemmer  # type: ignore[import-untyped]

        _state.stemmer = snowballstemmer.stemmer("english")
    stemmer: _Stemmer = _state.stemmer
    return stemmer


@cache
def _cutter() -> Jieba:
    import rjieba

    return rjieba.Jieba()
