"""Several knowledge bases, one answer: the base that fits best answers, others only where they add to it. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from knowledge.retrieval.ranking import RankedChunk

LEADING_SHARES = (1.0, 0.5, 0.25)
"""A base's fit is the sum of its best three pages with these shares."""

ADDING_SHARE = 0.8
"""A page of another base adds something when it scores this share of the leading base's best, at least."""

SURE = 0.6
"""A best page that scores less leads by chance as often as not: all stay as they are then."""

BESIDE_SHARE = 0.9
"""What a page of another base keeps of its score, so that among equals the leading base comes first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Led:
    """The ranking with the leading base ahead; `outdone` are the chunks of others that add nothing to it."""

    ranked: Sequence[RankedChunk]
    outdone: frozenset[int] = frozenset()


def lead(ranked: Sequence[RankedChunk], bases: Mapping[int, str]) -> Led:
    """The ranking, best first, with the base that fits the question best ahead. `bases` are by chunk id.

    Nothing changes where only one base was found in, or none fits surely.
    """
    pages: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for each in ranked:
        scores = pages[bases[each.chunk_id]]
        scores[each.document_id] = max(each.page, scores.get(each.document_id, 0.0))
    if len(pages) < 2:
        return Led(ranked=ranked)
    best = {base: sorted(scores.values(), reverse=True) for base, scores in pages.items()}
    leading = max(best, key=lambda base: _fit(best[base]))
    if best[leading][0] < SURE:
        return Led(ranked=ranked)
    least = ADDING_SHARE * best[leading][0]
    others = {each.chunk_id for each in ranked if bases[each.chunk_id] != leading}
    outdone = frozenset(each.chunk_id for each in ranked if each.chunk_id in others and each.page < least)
    kept = [_beside(each) if each.chunk_id in others else each for each in ranked if each.chunk_id not in outdone]
    kept.sort(key=lambda each: (-each.score, -each.own, each.chunk_id))
    return Led(ranked=[*kept, *(each for each in ranked if each.chunk_id in outdone)], outdone=outdone)


def _fit(scores: Sequence[float]) -> float:
    return sum(share * score for share, score in zip(LEADING_SHARES, scores, strict=False))


def _beside(chunk: RankedChunk) -> RankedChunk:
    return replace(
        chunk, score=chunk.score * BESIDE_SHARE, own=chunk.own * BESIDE_SHARE, page=chunk.page * BESIDE_SHARE
    )
