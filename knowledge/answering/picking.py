"""Choosing what an answer quotes: first what answers, unbroken and from one place, then a place or two that add to it.

What belongs together is taken whole: a block of code, a row with its header, a line with what it introduces, the steps
of a procedure. What is cut all the same says how much is left.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from knowledge.answering.asking import Manner
from knowledge.answering.evidence import Piece
from knowledge.answering.units import introduces
from knowledge.types import AnswerSegment

MOST_PLACES = 3
FIRST_SHARE = 0.65
"""The share of the budget of words that the first place may fill; the others share what it leaves."""
VALUE_WORDS = 50
"""What is read for a value around the piece that holds it."""
PROCEDURE_WORDS = 300
"""Steps are all given up to so many words."""
LEAST_WORDS = 6.0
"""Room smaller than this is not worth filling."""
LEAST_SHARE = 0.5
"""A piece worth less than this share of the best one is no part of the answer, even when there is room."""
PLACE_WEIGHT = 1.0
"""What the question's words in the whole excerpt count for beside its best piece, when the first is chosen."""
CONSIDERED = 14
"""Pieces around which an excerpt is tried."""
REPEATED = 0.6
"""A piece that shares so much of its terms with one already chosen says nothing new."""
ALIKE = 0.35
"""A piece that shares so much of its terms with another is worded like it, and may say the same of another thing."""
ROWS_ALIKE = 0.9
"""Rows of a table worth at least this share of the best one are quoted with it."""
TRANSLATED = 0.62
"""Cosine above which a piece in another language is a translation. Nine in ten paragraphs of the guide are nearer to
their translation by the built-in encoder; the nearest other paragraph of that language is at .57 for 99 in 100."""

# What joins the words of a code is not of them, or a long name could be cut in countless ways.
_CODE = re.compile(r"(?=.*\d)(?=.*\w[-./_]\w)\w++(?:[-./]\w++)*+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Excerpt:
    """Positions of the pieces quoted from one place, ascending; `best` is the one it was taken for."""

    best: int
    positions: tuple[int, ...]


def is_code(term: str) -> bool:
    """Whether a term is the name of one thing among many: words and numbers joined (`err-70`, `node_3`)."""
    return _CODE.fullmatch(term) is not None


def pick(pieces: Sequence[Piece], weights: Mapping[str, float], manner: Manner, budget: float) -> list[Excerpt]:
    """The excerpts to quote, the answering one first, in about `budget` words.

    `weights` are those of the question's terms. A section beside that of the first place is quoted only when it holds a
    word of the question that the first does not, or all that the first holds: of sections that look alike, only the one
    asked for.
    """
    if not pieces:
        return []
    ranked = sorted(range(len(pieces)), key=lambda at: -pieces[at].value)
    least = LEAST_SHARE * pieces[ranked[0]].value
    worthy = [at for at in ranked[: 3 * CONSIDERED] if pieces[at].value >= least]
    budget = min(budget, VALUE_WORDS) if manner == "value" else budget
    tried = [_excerpt(pieces, at, weights, manner, FIRST_SHARE * budget, ()) for at in worthy[:CONSIDERED]]
    chosen = [max(tried, key=lambda each: _worth(pieces, each, weights))]
    left = budget - _words(pieces, chosen[0])
    while len(chosen) < MOST_PLACES and left >= LEAST_WORDS:
        further = _further(pieces, worthy, chosen, weights, left / (MOST_PLACES - len(chosen)))
        if further is None:
            break
        chosen.append(further)
        left -= _words(pieces, further)
    return _in_reading_order(pieces, chosen)


def _in_reading_order(pieces: Sequence[Piece], excerpts: Sequence[Excerpt]) -> list[Excerpt]:
    """Excerpts of one place made one, which stands where the first of them does."""
    places: dict[tuple[int, tuple[str, ...]], list[Excerpt]] = {}
    for excerpt in excerpts:
        piece = pieces[excerpt.best]
        places.setdefault((piece.passage.number, piece.unit.heading_path), []).append(excerpt)
    return [
        Excerpt(best=own[0].best, positions=tuple(sorted({at for each in own for at in each.positions})))
        for own in places.values()
    ]


def _further(
    pieces: Sequence[Piece], worthy: Sequence[int], chosen: Sequence[Excerpt], weights: Mapping[str, float], room: float
) -> Excerpt | None:
    taken = {at for excerpt in chosen for at in excerpt.positions}
    others = [pieces[at] for at in taken]
    held = _held(pieces, chosen[0].positions, weights)
    for at in worthy:
        if at in taken or _repeats(pieces[at], others) or _translates(pieces[at], others):
            continue
        excerpt = _excerpt(pieces, at, weights, "other", room, taken)
        own = _held(pieces, excerpt.positions, weights)
        asked = own - held or own >= held or not _look_alike(pieces[at], pieces[chosen[0].best], others)
        if asked and _words(pieces, excerpt) <= max(room, 2 * LEAST_WORDS) * 1.5:
            return excerpt
    return None


def _look_alike(piece: Piece, first: Piece, others: Sequence[Piece]) -> bool:
    """Whether a piece may say of another thing what the first place says of the one asked for: it stands under a
    heading beside that of the first, in the same table, or is worded like it."""
    here, there = piece.unit.heading_path, first.unit.heading_path
    beside = here != there and here[:-1] == there[:-1] and piece.passage.document.id == first.passage.document.id
    row = piece.unit.block == "table" and _same_block(piece, first)
    return beside or row or _repeats(piece, others, ALIKE)


def _worth(pieces: Sequence[Piece], excerpt: Excerpt, weights: Mapping[str, float]) -> float:
    held = sum(weights[term] for term in _held(pieces, excerpt.positions, weights))
    return pieces[excerpt.best].value + PLACE_WEIGHT * held / (sum(weights.values()) or 1.0)


def _held(pieces: Sequence[Piece], positions: Collection[int], weights: Mapping[str, float]) -> frozenset[str]:
    """The question's terms that stand in the pieces or above them."""
    return frozenset().union(*(pieces[at].terms | pieces[at].heading_terms for at in positions)) & weights.keys()


def _words(pieces: Sequence[Piece], excerpt: Excerpt) -> float:
    return sum(pieces[at].unit.words for at in excerpt.positions)


def _excerpt(
    pieces: Sequence[Piece],
    best: int,
    weights: Mapping[str, float],
    manner: Manner,
    room: float,
    taken: Collection[int],
) -> Excerpt:
    """The best piece with what belongs to it, and its neighbours of the same place while they fit and are worth it."""
    chosen = _together(pieces, _row_asked_for(pieces, best, weights), manner, room, taken)
    words = sum(pieces[at].unit.words for at in chosen)
    if pieces[best].unit.block == "table":
        return Excerpt(best=best, positions=tuple(sorted(chosen)))
    while beside := [
        (pieces[group[0]].value + 0.05 * (group[0] > best), group)
        for group in _beside(pieces, chosen, taken)
        if not _is_of_another(pieces[group[0]], pieces[best], weights)
        and words + sum(pieces[at].unit.words for at in group) <= room
    ]:
        _, group = max(beside)
        chosen |= set(group)
        words += sum(pieces[at].unit.words for at in group)
    return Excerpt(best=best, positions=tuple(sorted(_without_loose_ends(pieces, chosen, best))))


def _is_of_another(piece: Piece, best: Piece, weights: Mapping[str, float]) -> bool:
    """Whether a line is about another than the one asked for: it looks alike, or names another code or address."""
    if _repeats(piece, [best]):
        return True
    asked = {term for term in best.terms & weights.keys() if is_code(term)}
    codes = {term for term in piece.terms if is_code(term)}
    return bool(asked and codes and not codes & weights.keys())


def _together(pieces: Sequence[Piece], best: int, manner: Manner, room: float, taken: Collection[int]) -> set[int]:
    """What says nothing or too little apart from a piece: its introduction, what it introduces, its list or table."""
    piece = pieces[best]
    chosen = {best}
    if piece.unit.block == "table":
        chosen |= _rows(pieces, best, room)
    elif piece.unit.is_step and manner == "procedure":
        chosen |= _steps(pieces, best)
    elif piece.unit.block == "code":
        chosen |= _fitting(pieces, best, [at for at in _whole(pieces, best) if at > best], room)
    for at in list(chosen):
        chosen |= set(_leads(pieces, at))
    for at in sorted(chosen):
        if (introduces(pieces[at].unit) or pieces[at].unit.is_header) and not _goes_on(pieces, at, chosen):
            chosen |= _introduced(pieces, at, room)
    return {at for at in chosen if at not in taken or at == best}


def _goes_on(pieces: Sequence[Piece], at: int, chosen: Collection[int]) -> bool:
    """Whether what a line introduces is chosen, or a part of it."""
    return at + 1 in chosen or any(pieces[each].lead == at for each in chosen)


def _leads(pieces: Sequence[Piece], at: int) -> Iterator[int]:
    """The line that introduces a piece, and the one that introduces that; not what stands far above it."""
    lead = pieces[at].lead
    while lead is not None:
        unit = pieces[lead].unit
        if unit.block == "list" or unit.is_header or introduces(unit) or lead == at - 1:
            yield lead
        lead = pieces[lead].lead


def _whole(pieces: Sequence[Piece], at: int) -> list[int]:
    """All pieces of the block of the page that a piece stands in, in reading order."""
    first, last = at, at
    while first > 0 and _same_block(pieces[first - 1], pieces[at]):
        first -= 1
    while last + 1 < len(pieces) and _same_block(pieces[last + 1], pieces[at]):
        last += 1
    return list(range(first, last + 1))


def _same_block(one: Piece, other: Piece) -> bool:
    return one.passage.number == other.passage.number and one.unit.whole == other.unit.whole


def _steps(pieces: Sequence[Piece], best: int) -> set[int]:
    """All steps of a procedure, or as many from its first on as may be given."""
    whole = _whole(pieces, best)
    return _fitting(pieces, whole[0], whole, PROCEDURE_WORDS)


def _rows(pieces: Sequence[Piece], best: int, room: float) -> set[int]:
    """The rows of a table that are worth about as much as the best one."""
    alike = [at for at in _whole(pieces, best) if pieces[at].value >= ROWS_ALIKE * pieces[best].value]
    alike.sort(key=lambda at: -pieces[at].value)
    chosen: set[int] = set()
    for at in alike:
        room -= pieces[at].unit.words
        if room < 0:
            break
        chosen.add(at)
    return chosen


def _row_asked_for(pieces: Sequence[Piece], best: int, weights: Mapping[str, float]) -> int:
    """For the header of a table, which names what is asked of a row, the row that holds most of what the question names
    besides; the piece itself otherwise."""
    if not pieces[best].unit.is_header:
        return best
    asked = weights.keys() - pieces[best].terms - pieces[best].heading_terms
    held = {at: sum(weights[term] for term in pieces[at].terms & asked) for at in _whole(pieces, best) if at > best}
    row = max(held, key=lambda at: (held[at], pieces[at].value), default=best)
    return row if held.get(row) else best


def _introduced(pieces: Sequence[Piece], at: int, room: float) -> set[int]:
    """What a line that ends with a colon introduces: the block below it, as much of it as fits."""
    if at + 1 >= len(pieces) or pieces[at + 1].passage.number != pieces[at].passage.number:
        return set()
    below = [each for each in _whole(pieces, at + 1) if each > at]
    return _fitting(pieces, at + 1, below, room) | {at + 1}


def _fitting(pieces: Sequence[Piece], first: int, positions: Sequence[int], room: float) -> set[int]:
    """Positions from `first` on, as many as fit; a header of a table only with a row."""
    fitting: list[int] = []
    for at in (each for each in positions if each >= first):
        room -= pieces[at].unit.words
        if room < 0 and fitting:
            break
        fitting.append(at)
    if fitting and pieces[fitting[-1]].unit.is_header and len(fitting) < len(positions):
        fitting.pop()
    return set(fitting)


def _beside(pieces: Sequence[Piece], chosen: Collection[int], taken: Collection[int]) -> Iterator[list[int]]:
    """What stands right before and right after an excerpt in its place: a piece, with what it introduces."""
    first, last = min(chosen), max(chosen)
    before = first - 1
    above = before >= 0 and before not in taken and _same_place(pieces[before], pieces[first])
    if above and pieces[before].unit.block != "table":
        yield [before, *_leads_beside(pieces, before, chosen)]
    after = last + 1
    if after < len(pieces) and after not in taken and _same_place(pieces[after], pieces[last]):
        group = [after]
        if introduces(pieces[after].unit) or pieces[after].unit.is_header:
            group += [at for at in (after + 1,) if at < len(pieces) and _same_place(pieces[at], pieces[after])]
        yield group


def _leads_beside(pieces: Sequence[Piece], at: int, chosen: Collection[int]) -> Iterator[int]:
    lead = pieces[at].lead
    if lead == at - 1 and lead not in chosen and _same_place(pieces[lead], pieces[at]):
        yield lead


def _same_place(one: Piece, other: Piece) -> bool:
    return one.passage.number == other.passage.number and one.unit.heading_path == other.unit.heading_path


def _without_loose_ends(pieces: Sequence[Piece], chosen: set[int], best: int) -> set[int]:
    """An excerpt ends with no line that introduces what is not quoted, unless there is nothing else."""
    last = max(chosen)
    while last != best and (introduces(pieces[last].unit) or pieces[last].unit.is_header):
        chosen.discard(last)
        last = max(chosen)
    return chosen


def segments(pieces: Sequence[Piece], excerpts: Sequence[Excerpt], manner: Manner) -> tuple[AnswerSegment, ...]:
    """The excerpts as quotations in their order, each in reading order.

    Neighbours of one list, table or block of code become one segment. Where a list or a block of code is cut, a segment
    says how much of it is left; for a value, nobody asked for the rest.
    """
    found: list[AnswerSegment] = []
    for excerpt in excerpts:
        last: int | None = None
        for at in excerpt.positions:
            segment = _segment(pieces[at])
            if last is not None and at == last + 1 and _continues(pieces[last], pieces[at]):
                found[-1] = _join(pieces[at], found[-1], segment)
            else:
                found.append(segment)
            last = at
        if manner != "value" or pieces[excerpt.best].unit.block == "code":
            found += _rest(pieces, excerpt)
    return tuple(found)


def _rest(pieces: Sequence[Piece], excerpt: Excerpt) -> Iterator[AnswerSegment]:
    """What of the list or the code at the end of an excerpt is left out."""
    last = excerpt.positions[-1]
    block = pieces[last].unit.block
    if block not in ("list", "code"):
        return
    after = [at for at in _whole(pieces, last) if at > last and pieces[at].unit.block == block]
    if block == "code":
        after = [at for at in after if pieces[at].unit.group == pieces[last].unit.group]
    if after:
        count = sum(len(pieces[at].unit.text.splitlines()) for at in after) if block == "code" else len(after)
        yield replace(_segment(pieces[after[0]]), left=count)


def _repeats(piece: Piece, others: Sequence[Piece], share: float = REPEATED) -> bool:
    return bool(piece.terms) and any(len(piece.terms & other.terms) > share * len(piece.terms) for other in others)


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
    if not same or before.unit.block != after.unit.block or before.unit.block == "sentence":
        return False
    # What was left out between them (a command that is not to be run) must not come back with the text in between.
    return not before.passage.text[before.unit.end : after.unit.start].strip(" \t\r\n>")


def _segment(piece: Piece) -> AnswerSegment:
    return AnswerSegment(
        text=piece.unit.text,
        number=piece.passage.number,
        start=piece.passage.start + piece.unit.start,
        end=piece.passage.start + piece.unit.end,
        block=piece.unit.block,
        heading_path=piece.unit.heading_path,
        anchor=piece.unit.anchor,
        header=piece.unit.header,
    )


def _join(piece: Piece, before: AnswerSegment, after: AnswerSegment) -> AnswerSegment:
    offset = piece.passage.start
    return replace(before, text=piece.passage.text[before.start - offset : after.end - offset], end=after.end)
