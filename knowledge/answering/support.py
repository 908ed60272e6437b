"""Whether a passage supports a sentence that cites it: checked after a model has written, without a model."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from knowledge.errors import EmbedderUnavailable
from knowledge.ports import Embedder
from knowledge.text.analysis import HAN, is_identifier, language_of, query_terms, stop_words, term_set

SUPPORTED = 0.4
"""Score from which a sentence counts as supported."""

_MARKER = re.compile(r"\[\d+(?:\s*[,，]\s*\d+)*\]|【\d+】")
_NUMBER = re.compile(r"(?<![A-Za-z0-9_])v?(\d+(?:[.,]\d+)*)", re.IGNORECASE)
_FLAG = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*")
_TOKEN = re.compile(rf"[^\W{HAN}][^\s{HAN}，。；：！？、（）()\[\]{{}}<>\"'`|,;!?]*", re.ASCII)
_LINK = re.compile(r"\]\([^)\]\[\s]*+\)")
_VALUES = re.compile(r"(?<![\w-])(true|false)(?![\w-])", re.IGNORECASE)
_PIECE = re.compile(r"[^。！？\n]+[。！？]?")
_STOP = re.compile(r"(?<=[.!?])\s+(?=[A-Z`*\"(])")
_NEGATION = re.compile(
    r"\b(?:not|never|no|cannot|without|nor|none|neither)\b|n't\b|不|没有|无法|无需|未|禁止|切勿|别(?!的)", re.IGNORECASE
)
_ENGLISH_NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve"
_CHINESE_NUMBERS = "零 一 二 三 四 五 六 七 八 九 十"
_NUMBER_WORDS = {
    word: str(value)
    for words in (
        "zero one two three four five six seven eight nine ten eleven twelve",
        "零 一 二 三 四 五 六 七 八 九 十",
    )
    for value, word in enumerate(words.split())
} | {"两": "2"}
_UNRELATED, _SAME = 0.25, 0.75
"""Cosines between which a sentence of another language goes from unrelated to a translation."""
_CONTRADICTED = 0.35
"""What is left of the score of a sentence that states something else than the passage."""
_SAME_WORDING = 0.6
"""Share of common words from which a "not" in only one of two sentences is a contradiction."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SupportVerdict:
    """How far a passage supports a sentence. `score` lies in 0..1; `missing` are numbers, flags and names that the
    sentence states and the passage does not hold: any one of them means not supported."""

    score: float
    supported: bool
    missing: tuple[str, ...] = ()


class Source:
    """A passage that sentences are looked up in; what was read of it for one is kept for the next."""

    def __init__(self, passage: str) -> None:
        self.text = unicodedata.normalize("NFKC", passage)

    @cached_property
    def terms(self) -> frozenset[str]:
        return term_set(self.text)

    @cached_property
    def numbers(self) -> frozenset[str]:
        """Those in digits, and those in words."""
        words = (digits for word, digits in _NUMBER_WORDS.items() if re.search(_whole(word), self.text, re.IGNORECASE))
        return frozenset(_numbers_in_order(self.text)).union(words)

    @cached_property
    def folded(self) -> str:
        return _fold(self.text)

    @cached_property
    def values(self) -> frozenset[str]:
        """Those of true and false that it names."""
        return frozenset(value.lower() for value in _VALUES.findall(self.text))

    @cached_property
    def sentences(self) -> Sequence[str]:
        return _sentences(self.text)

    @cached_property
    def sentence_terms(self) -> Sequence[frozenset[str]]:
        return [term_set(each) for each in self.sentences]


def supports(sentence: str, passage: str | Source, embedder: Embedder | None = None) -> SupportVerdict:
    """Judge whether `passage` says what `sentence` says.

    Numbers, versions, flags, identifiers and true/false of the sentence must stand in the passage; of its other words
    a share, which is the score. With an `embedder` that knows both languages meaning counts as well as wording, so
    that a sentence in one language may rest on a passage in another. A sentence that states nothing is supported.
    """
    stated = _LINK.sub("]", _MARKER.sub(" ", unicodedata.normalize("NFKC", sentence))).strip()
    source = passage if isinstance(passage, Source) else Source(passage)
    missing = tuple(_missing(stated, source))
    terms = [term for term in query_terms(stated) if not term.replace(".", "").isdigit()]
    if not terms and not missing:
        return SupportVerdict(score=1.0, supported=True)
    wording = _coverage(terms, source.terms)
    meaning = _meaning(stated, source, embedder) if wording < SUPPORTED else 0.0
    score = max(wording, meaning)
    if missing or _is_denied(stated, source):
        score *= _CONTRADICTED
    return SupportVerdict(score=score, supported=score >= SUPPORTED and not missing, missing=missing)


def _missing(sentence: str, passage: Source) -> Iterable[str]:
    """Numbers, flags, names and truth values that only the sentence has, each once."""
    yield from dict.fromkeys(number for number in _numbers_in_order(sentence) if number not in passage.numbers)
    yield from dict.fromkeys(name for name in _names(sentence) if _fold(name).removesuffix("s") not in passage.folded)
    yield from dict.fromkeys(value for value in _VALUES.findall(sentence) if value.lower() not in passage.values)


def _names(sentence: str) -> Iterable[str]:
    yield from (flag for flag in _FLAG.findall(sentence) if flag.startswith("--"))
    for match in _TOKEN.finditer(_FLAG.sub(" ", sentence)):
        token = match.group().strip("*_.:=-/~…")
        if len(token) > 2 and is_identifier(token) and not _NUMBER.fullmatch(token) and _is_written_as_name(token):
            yield token


def _is_written_as_name(token: str) -> bool:
    """Leaves out what writers join freely: well-known, up-to-date, read/write, 5s, 4KB."""
    joined = re.fullmatch(r"[a-z]+(?:[-/][a-z]+)+", token)
    if joined and (len(re.split("[-/]", token)) == 2 or set(re.split("[-/]", token)) & stop_words()):
        return False
    if re.fullmatch(r"\d+(?:[.,]\d+)*[a-zA-Z%]{1,3}|[A-Z][a-z]+(?:-[A-Za-z][a-z]+)+", token):
        return False
    return bool(re.search(r"[A-Za-z]", token))


def _numbers_in_order(text: str) -> list[str]:
    return [match.group(1).replace(",", "").rstrip(".") for match in _NUMBER.finditer(text)]


def _whole(word: str) -> str:
    return re.escape(word) if re.match(f"[{HAN}]", word) else rf"\b{word}\b"


def _fold(text: str) -> str:
    return re.sub(r"[\s`*\\]+", "", text).lower()


def _coverage(terms: Sequence[str], held: Collection[str]) -> float:
    return sum(term in held for term in terms) / len(terms) if terms else 0.0


def _meaning(sentence: str, passage: Source, embedder: Embedder | None) -> float:
    """How close the nearest sentences of the passage come in meaning, 0..1; 0 without an able embedder."""
    if embedder is None or not {language_of(sentence), language_of(passage.text)} <= embedder.languages:
        return 0.0
    pieces = passage.sentences
    try:
        vectors = embedder.embed_documents([*pieces, *(f"{a} {b}" for a, b in pairwise(pieces))])
        cosine = float((vectors @ embedder.embed_query(sentence)).max()) if pieces else 0.0
    except EmbedderUnavailable:
        return 0.0
    return max(0.0, min(1.0, (cosine - _UNRELATED) / (_SAME - _UNRELATED)))


def _sentences(text: str) -> list[str]:
    return [part.strip() for piece in _PIECE.findall(text) for part in _STOP.split(piece) if part.strip()]


def _is_denied(sentence: str, passage: Source) -> bool:
    """Whether the sentence of the passage worded most alike says "not" where this one does not, or the reverse."""
    terms = query_terms(sentence)
    if not terms:
        return False
    shares = [_coverage(terms, held) for held in passage.sentence_terms]
    alike = max(shares, default=0.0)
    best = passage.sentences[shares.index(alike)] if shares else ""
    return alike >= _SAME_WORDING and bool(_NEGATION.search(best)) != bool(_NEGATION.search(sentence))
