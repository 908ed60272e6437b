"""The statements of a finished answer, what each cites, and whether what it cites says so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from agents.citations.code_spans import change
from agents.citations.support import Backing
from agents.events import Cited
from agents.evidence import Citation
from knowledge.answering.places import Place, anchor_with_rows, place_at, places_of
from knowledge.text.sentences import ABBREVIATION
from knowledge.types import Passage

_MARKER = re.compile(r"\[(\d{1,4})\]")
_MARKERS = r"(?:[ \t]{0,9}\[\d{1,4}\])*+"
_LONGEST_ABBREVIATION = 60
"""Characters before a stop that tell whether it ends a sentence, markers included."""
_FENCE = re.compile(r"[ \t>]*(`{3,}|~{3,})")
_FENCE_LINE = re.compile(r"^[ \t>]*(?:`{3,}|~{3,}).*$", re.MULTILINE)
_HEADING = re.compile(r"[ \t>]*#{1,6}[ \t]")
_ROW = re.compile(r"[ \t>]*+\|.*\|[ \t]*+$")
_RULE_ROW = re.compile(r"[ \t>]*+\|?[ \t]*+:?--[-:| \t]*+$")
_PREFIX = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?)?")
_ITEM = re.compile(r"[ \t>]*(?:[-*+]|\d{1,9}[.)])[ \t]")
_ONLY_MARKERS = re.compile(rf"[ \t>]*\[\d{{1,4}}\]{_MARKERS}[ \t]*$")
_SPACED_MARKER = re.compile(r"(?<![ \t])[ \t]*+\[\d{1,4}\]|(?<=[ \t])\[\d{1,4}\]")
# Nothing in it is tried twice: a run of stops is taken whole or not at all.
_STOP = re.compile(
    rf"(?:[。！？]++[”’」』）)\"*_]*+|(?<![.!?])[.!?]++[\"')*_`]*+(?=[ \t]*+\[\d|\s|$)|[;；](?=[ \t]*+\[\d)){_MARKERS}",
    re.MULTILINE,
)
_WORD = re.compile(r"[^\W_]+")
_HAN = re.compile(r"[\u3400-\u9fff]")
_LEADS = re.compile(r"[:：][ \t*_]*$")
_FEWEST_WORDS = 3
"""Shorter statements ("Yes.", "For example") claim nothing that could be looked up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """A sentence, list item, table row or block of code: `answer[start:end]`, markers included; `text` without them."""

    start: int
    end: int
    text: str
    numbers: tuple[int, ...]
    is_code: bool = False


class SupportCheck(Protocol):
    """Says how far each of the passages that a statement cites backs it."""

    def __call__(self, statement: str, passages: Sequence[Passage]) -> Sequence[Backing]: ...


def check_citations(answer: str, passages: Sequence[Passage], check: SupportCheck) -> Cited:
    """Every citation of a finished answer, checked, in reading order; and the statements that carry none.

    Numbers that are no passage's are as if they were not there.
    """
    by_number = {passage.number: passage for passage in passages}
    places = cache(places_of)  # of one passage many statements speak
    citations: list[Citation] = []
    uncited: list[tuple[int, int]] = []
    for statement in cut_statements(answer):
        known = [by_number[number] for number in statement.numbers if number in by_number]
        if known:
            for passage, backing in zip(known, check(statement.text, known), strict=True):
                place = place_at(passage, backing.start, places(passage))
                citations.append(_citation(statement, passage, backing, place))
        elif _claims(statement):
            uncited.append((statement.start, statement.end))
    return Cited(citations=tuple(citations), uncited=tuple(uncited))


def cut_statements(answer: str) -> list[Statement]:
    """The statements of an answer in Markdown, in reading order; headings and the headers of tables are none.

    A line of markers alone belongs to what stands above it.
    """
    return [_statement(answer, start, end, is_code=is_code) for start, end, is_code in _with_markers_below(answer)]


def _with_markers_below(answer: str) -> list[tuple[int, int, bool]]:
    found: list[tuple[int, int, bool]] = []
    for start, end, is_code in _spans(answer):
        if found and not is_code and _ONLY_MARKERS.fullmatch(answer, start, end):
            found[-1] = (found[-1][0], end, found[-1][2])
        else:
            found.append((start, end, is_code))
    return found


def _spans(answer: str) -> Iterator[tuple[int, int, bool]]:
    paragraph: list[tuple[int, int]] = []
    lines = list(_lines(answer))
    at = 0
    while at < len(lines):
        start, end = lines[at]
        line = answer[start:end]
        if fence := _FENCE.match(line):
            yield from _sentences(answer, paragraph)
            paragraph = []
            last = _fence_end(answer, lines, at, fence.group(1))
            yield start, lines[last][1], True
            at = last + 1
            continue
        row, heading = _ROW.match(line), _HEADING.match(line)
        if not line.strip() or row or heading or _ITEM.match(line) or _ONLY_MARKERS.match(line):
            yield from _sentences(answer, paragraph)
            paragraph = []
        if row:
            below = answer[slice(*lines[at + 1])] if at + 1 < len(lines) else ""
            if not _RULE_ROW.match(line) and not _RULE_ROW.match(below):
                yield start, end, False
        elif line.strip() and not heading:
            paragraph.append((start, end))
        at += 1
    yield from _sentences(answer, paragraph)


def _lines(answer: str) -> Iterator[tuple[int, int]]:
    start = 0
    for line in answer.split("\n"):
        yield start, start + len(line)
        start += len(line) + 1


def _fence_end(answer: str, lines: Sequence[tuple[int, int]], opening: int, signs: str) -> int:
    for at in range(opening + 1, len(lines)):
        line = answer[slice(*lines[at])].strip(" \t>")
        if len(line) >= len(signs) and set(line) == {signs[0]}:
            return at
    return len(lines) - 1


def _sentences(answer: str, paragraph: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, bool]]:
    """The sentences of the lines of a paragraph or list item."""
    if not paragraph:
        return
    prefix = _PREFIX.match(answer, paragraph[0][0])
    begin, stop = (prefix.end() if prefix else paragraph[0][0]), paragraph[-1][1]
    # Stops inside code end no sentence.
    masked = change(answer[begin:stop], code=lambda span: "x" * len(span), outside=lambda text: text)
    at, sentence = begin, 0
    for match in _STOP.finditer(masked):
        nearby = masked[max(sentence, match.end() - _LONGEST_ABBREVIATION) : match.end()]
        if not ABBREVIATION.search(_MARKER.sub("", nearby).rstrip()):
            yield from _trimmed(answer, at, begin + match.end())
            at, sentence = begin + match.end(), match.end()
    yield from _trimmed(answer, at, stop)


def _trimmed(answer: str, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
    text = answer[start:end]
    if text.strip():
        yield start + len(text) - len(text.lstrip()), start + len(text.rstrip()), False


def _statement(answer: str, start: int, end: int, *, is_code: bool) -> Statement:
    text = answer[start:end]
    body, behind = text, text
    if is_code:
        closing = text.rstrip().rfind("\n[")
        body, behind = (text[:closing], text[closing:]) if closing > 0 and _MARKER.search(text, closing) else (text, "")
    outside_code = change(behind, code=lambda _span: "", outside=lambda text: text)
    numbers = tuple(dict.fromkeys(int(number) for number in _MARKER.findall(outside_code)))
    body = (
        _FENCE_LINE.sub("", body)
        if is_code
        else change(body, code=lambda span: span, outside=lambda text: _SPACED_MARKER.sub("", text))
    )
    return Statement(start=start, end=end, text=body.strip(), numbers=numbers, is_code=is_code)


def _claims(statement: Statement) -> bool:
    """Whether a statement without a citation lacks one: lead-ins, code and a word or two do not."""
    if statement.is_code or _LEADS.search(statement.text):
        return False
    return len(_WORD.findall(_HAN.sub(" ", statement.text))) + len(_HAN.findall(statement.text)) / 2 >= _FEWEST_WORDS


def _citation(statement: Statement, passage: Passage, backing: Backing, place: Place) -> Citation:
    return cite(
        passage,
        number=passage.number,
        heading_path=place.heading_path,
        anchor=place.anchor,
        quote=passage.text[backing.start - passage.start : backing.end - passage.start],
        start=backing.start,
        answer_start=statement.start,
        answer_end=statement.end,
        support=backing.support,
        supported=backing.supported,
    )


def cite(
    passage: Passage,
    *,
    number: int,
    heading_path: tuple[str, ...],
    anchor: str,
    quote: str,
    start: int,
    answer_start: int,
    answer_end: int,
    support: float = 1.0,
    supported: bool = True,
) -> Citation:
    """A citation of `quote`, which stands at offset `start` of the passage's document, by a part of the answer. Rows of
    a sheet that the quote is from are added to the `anchor`."""
    return Citation(
        number=number,
        document_id=passage.document.id,
        knowledge_base_id=passage.document.knowledge_base_id,
        path=passage.document.path,
        title=passage.document.title,
        url=passage.document.url,
        heading_path=heading_path,
        anchor=anchor_with_rows(passage, anchor, start, start + len(quote)),
        quote=quote,
        start=start,
        end=start + len(quote),
        answer_start=answer_start,
        answer_end=answer_end,
        support=support,
        supported=supported,
    )
