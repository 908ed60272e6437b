from __future__ import annotations

from knowledge.retrieval.leading import lead
from knowledge.retrieval.ranking import RankedChunk


def chunk(number: int, document: str, page: float) -> RankedChunk:
    return RankedChunk(chunk_id=number, document_id=document, score=page, own=page, page=page, parts={})


BASES = {1: "one", 2: "one", 3: "two", 4: "two"}


def test_the_base_that_fits_best_answers_and_others_only_where_they_add() -> None:
    ranked = [chunk(3, "b", 0.9), chunk(1, "a", 0.88), chunk(2, "c", 0.7), chunk(4, "d", 0.3)]
    led = lead(ranked, BASES)
    assert [each.chunk_id for each in led.ranked] == [1, 3, 2, 4]  # one has two good pages, so it leads
    assert led.outdone == {4}
    assert led.ranked[1].score < 0.88


def test_one_base_or_none_that_surely_fits_changes_nothing() -> None:
    alone = [chunk(1, "a", 0.9), chunk(2, "c", 0.1)]
    assert lead(alone, BASES).ranked == alone
    unsure = [chunk(3, "b", 0.5), chunk(1, "a", 0.2)]
    assert lead(unsure, BASES).ranked == unsure
    assert lead([], {}).ranked == []
