"""Choosing the pieces of an answer within its budget of words, and putting them back in reading order."""

from __future__ import annotations

from collections.abc import Sequence

from knowledge.answering.evidence import Piece
from knowledge.answering.units import introduces
from knowledge.types import AnswerSegment

LEAST_WORDS = 6.0
"""Room smaller than this is not worth filling."""
LEAST_SHARE = 0.5
"""A piece worth less than this share of the best one is no part of the answer, even when there is room."""
REPEATED = 0.6
"""A piece that shares so much of its terms with one already chosen says nothing new."""

TRANSLATED = 0.62
"""Cosine above which a piece in another language is a translation. Nine in ten paragraphs of the guide are nearer to
their translation by the built-in encoder; the nearest other paragraph of that language is at .57 for 99 in 100."""


def pick(pieces: Sequence[Piece], budget: float) -> list[int]:
    """Positions of the pieces to quote, ascending: the best that fit, each with the line or header that introduces it,
    and a line that introduces something with that.

    The best piece is taken even when it alone is longer than the budget.
    """
    chosen: set[int] = set()
    room = budget
    introduced = _introduced(pieces)
    ranked = sorted(range(len(pieces)), key=lambda each: -pieces[each].value)
    for at in ranked:
        if room < LEAST_WORDS or pieces[at].value < LEAST_SHARE * pieces[ranked[0]].value:
            break
        others = [pieces[other] for other in chosen]
        if at in chosen or _repeats(pieces[at], others) or _translates(pieces[at], others):
            continue
        lead = pieces[at].lead
        wanted = {at} if lead is None else {at, lead} - chosen
        words = sum(pieces[each].unit.words for each in wanted)
        if words > room and pieces[at].unit.words <= room:
            wanted, words = {at}, pieces[at].unit.words
        if at in introduced and not chosen & set(introduced[at]):
            followers = _fitting(pieces, introduced[at], room - words)
            if not followers and chosen:
                continue
            wanted |= followers
            words = sum(pieces[each].unit.words for each in wanted)
        if words <= room or not chosen:
            chosen |= wanted
            room -= words
    return sorted(chosen)


def _introduced(pieces: Sequence[Piece]) -> dict[int, list[int]]:
    """What each line that ends with a colon and each header of a table introduces, in reading order."""
    found: dict[int, list[int]] = {
        at: [] for at, piece in enumerate(pieces) if piece.unit.is_header or introduces(piece.unit)
    }
    for at, piece in enumerate(pieces):
        if piece.lead in found:
            found[piece.lead].append(at)
        elif at - 1 in found and not found[at - 1] and _follows(pieces[at - 1], piece):
            found[at - 1].append(at)  # a paragraph: its first piece
    for followers in found.values():
        for header in [at for at in followers if pieces[at].unit.is_header]:
            followers += found[header]
    return found


def _follows(before: Piece, after: Piece) -> bool:
    return before.passage.number == after.passage.number and before.title == after.title


def _fitting(pieces: Sequence[Piece], positions: Sequence[int], room: float) -> set[int]:
    """The first of these pieces, as many as fit; a header of a table only with a row."""
    fitting: list[int] = []
    for at in positions:
        room -= pieces[at].unit.words
        if room < 0:
            break
        fitting.append(at)
    if fitting and pieces[fitting[-1]].unit.is_header:
        fitting.pop()
    return set(fitting)


def segments(pieces: Sequence[Piece], chosen: Sequence[int]) -> tuple[AnswerSegment, ...]:
    """The chosen pieces as quotations, grouped by passage, the passage of the best piece first, in reading order.

    Neighbours of one list, table or block of code become one segment. A segment of a table's rows may follow one that
    holds its header; a segment of code is a whole fence or lines from inside one.
    """
    best: dict[int, float] = {}
    for at in chosen:
        number = pieces[at].passage.number
        best[number] = max(best.get(number, 0.0), pieces[at].value)
    ordered = sorted(chosen, key=lambda at: (-best[pieces[at].passage.number], pieces[at].passage.number, at))
    joined: list[AnswerSegment] = []
    last: int | None = None
    for at in ordered:
        segment = _segment(pieces[at])
        if last is not None and _continues(pieces[last], pieces[at]) and at == last + 1:
            joined[-1] = _join(pieces[at], joined[-1], segment)
        else:
            joined.append(segment)
        last = at
    return tuple(joined)


def _repeats(piece: Piece, others: Sequence[Piece]) -> bool:
    return bool(piece.terms) and any(len(piece.terms & other.terms) > REPEATED * len(piece.terms) for other in others)


def _translates(piece: Piece, others: Sequence[Piece]) -> bool:
    """Whether a piece of a passage in another language says what is chosen already."""
    return piece.meaning is not None and any(
        other.meaning is not None
        and other.language != piece.language
        and float(piece.meaning @ other.meaning) > TRANSLATED
        for other in others
    )


def _continues(before: Piece, after: Piece) -> bool:
    same = before.passage.number == after.passage.number and before.unit.group == after.unit.group
    return same and before.unit.block == after.unit.block != "sentence"


def _segment(piece: Piece) -> AnswerSegment:
    return AnswerSegment(
        text=piece.unit.text,
        number=piece.passage.number,
        start=piece.passage.start + piece.unit.start,
        end=piece.passage.start + piece.unit.end,
        block=piece.unit.block,
    )


def _join(piece: Piece, before: AnswerSegment, after: AnswerSegment) -> AnswerSegment:
    offset = piece.passage.start
    return AnswerSegment(
        text=piece.passage.text[before.start - offset : after.end - offset],
        number=before.number,
        start=before.start,
        end=after.end,
        block=before.block,
    )
