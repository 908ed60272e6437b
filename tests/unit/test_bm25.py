import pytest

from knowledge.indexes.bm25 import ConceptScorer, Statistics, with_page
from knowledge.text.expansion import Concept

STATISTICS = Statistics(chunks=1000, average_length=100, frequencies={"rare": 2, "common": 800, "a": 20, "b": 20})


def score(concepts: list[Concept], text: str, length: int = 100) -> float:
    scorer = ConceptScorer(concepts, STATISTICS)
    return scorer.score(scorer.counts(text.split()), length)


def test_rare_word_counts_more_than_a_common_one() -> None:
    both = [Concept(terms=("rare",)), Concept(terms=("common",))]
    assert score(both, "rare") > 5 * score(both, "common") > 0


def test_more_of_a_word_counts_more_but_ever_less() -> None:
    one, two, three = (score([Concept(terms=("rare",))], "rare " * times) for times in (1, 2, 3))
    assert one < two < three < 1
    assert two - one > three - two


def test_long_chunk_counts_less() -> None:
    assert score([Concept(terms=("rare",))], "rare", 400) < score([Concept(terms=("rare",))], "rare", 50)


def test_variant_counts_only_where_the_word_is_missing() -> None:
    concept = [Concept(terms=("a",), variants=(("b",),))]
    assert score(concept, "b") == pytest.approx(score(concept, "a"))
    assert score(concept, "a b") == pytest.approx(score(concept, "a"))


def test_variant_of_two_words_needs_both() -> None:
    concept = [Concept(terms=("missing",), variants=(("a", "b"),))]
    assert score(concept, "a") == 0
    assert score(concept, "a b") > 0


def test_variant_never_outweighs_what_was_asked() -> None:
    concept = [Concept(terms=("common",), variants=(("rare",),))]
    assert score(concept, "rare") == pytest.approx(score(concept, "common"))


def test_word_that_no_chunk_holds_lowers_the_share() -> None:
    assert score([Concept(terms=("rare",)), Concept(terms=("unheard",))], "rare") < score(
        [Concept(terms=("rare",))], "rare"
    )


def test_nothing_in_common_scores_nothing() -> None:
    assert score([Concept(terms=("rare",))], "other words") == 0
    assert score([], "rare") == 0


def test_a_page_covers_a_question_with_words_of_any_of_its_chunks() -> None:
    scorer = ConceptScorer([Concept(terms=("a",)), Concept(terms=("missing",), variants=(("rare",),))], STATISTICS)
    assert scorer.coverage(["a", "rare"]) == pytest.approx(1)
    assert 0 < scorer.coverage(["a"]) < 1
    assert scorer.coverage([]) == ConceptScorer([], STATISTICS).coverage([]) == 0


def test_of_alike_chunks_the_one_of_the_page_that_has_the_rest_is_better() -> None:
    assert 0 < with_page(0.5, 0.2) < with_page(0.5, 0.9) < 1
