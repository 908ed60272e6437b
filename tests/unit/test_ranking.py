import pytest

from knowledge.ports import Scored
from knowledge.retrieval.ranking import (
    LEXICAL,
    CandidateList,
    Weights,
    demote,
    fusion_weights,
    likeness,
    promote,
    rank,
    support,
)
from knowledge.types import Language

EN: frozenset[Language] = frozenset({"en"})
BOTH: frozenset[Language] = frozenset({"en", "zh"})
EMBEDDERS = [("fast", BOTH), ("english", EN)]


def found(name: str, weight: float, *scores: tuple[int, str, float]) -> CandidateList:
    return CandidateList(
        name=name,
        weight=weight,
        found=[Scored(chunk_id=number, document_id=document, score=score) for number, document, score in scores],
    )


def test_weights_follow_the_language_of_the_question() -> None:
    full = {"fast": 1.0, "english": 1.0}
    english = fusion_weights("en", EMBEDDERS, full, Weights())
    chinese = fusion_weights("zh", EMBEDDERS, full, Weights())
    assert english["vector:english"] > english["vector:fast"] > 0
    assert "vector:english" not in chinese
    assert sum(english.values()) == pytest.approx(1)
    assert sum(chinese.values()) == pytest.approx(1)


def test_weight_grows_with_the_share_that_is_embedded() -> None:
    weights = [
        fusion_weights("en", EMBEDDERS, {"fast": 1.0, "english": share}, Weights())["vector:english"]
        for share in (0, 0.5, 1)
    ]
    assert weights[0] == 0 < weights[1] < weights[2]


def test_words_alone_carry_everything_without_embedders() -> None:
    assert fusion_weights("en", [], {}, Weights()) == {LEXICAL: 1.0}


def test_the_first_of_a_ranking_are_those_of_the_whole() -> None:
    scores = [(number, f"page {number % 7}", float(number * 31 % 17)) for number in range(1, 41)]
    lists = [found("lexical", 0.6, *scores), found("vector:fast", 0.4, *scores[::-3])]
    assert [rank(lists, count) for count in (0, 1, 13, 99)] == [rank(lists)[:count] for count in (0, 1, 13, 99)]


def test_lists_on_different_scales_count_by_their_weights() -> None:
    ranked = rank(
        [
            found("lexical", 0.6, (1, "a", 40.0), (2, "b", 10.0), (3, "c", 0.0)),
            found("vector:fast", 0.4, (2, "b", 0.9), (1, "a", 0.8), (3, "c", 0.7)),
        ]
    )
    assert [chunk.chunk_id for chunk in ranked] == [1, 2, 3]
    assert ranked[0].own == pytest.approx(0.6 + 0.4 * 0.5)
    assert ranked[0].parts == {"lexical": 1.0, "vector:fast": pytest.approx(0.5)}


def test_scores_and_parts_lie_between_nought_and_one() -> None:
    ranked = rank(
        [found("lexical", 0.5, (1, "a", 9), (2, "a", 3)), found("vector:x", 0.5, (1, "a", -0.2), (4, "d", 0.9))]
    )
    for chunk in ranked:
        assert all(0 <= value <= 1 for value in (chunk.score, chunk.own, chunk.page, *chunk.parts.values()))


def test_page_with_several_good_chunks_comes_before_one_with_a_single_one() -> None:
    ranked = rank(
        [found("lexical", 1, (1, "one", 1.0), (2, "many", 0.95), (3, "many", 0.9), (4, "many", 0.9), (5, "x", 0))]
    )
    assert ranked[0].document_id == "many"


def test_best_chunk_of_a_page_stands_for_it() -> None:
    ranked = rank([found("lexical", 1, (1, "a", 1.0), (2, "a", 0.9), (3, "b", 0.5), (4, "c", 0.0))])
    scores = {chunk.chunk_id: chunk.score for chunk in ranked}
    assert scores[1] == ranked[0].page
    assert scores[1] > scores[2] > scores[3]


def test_background_pages_are_set_back_and_unknown_ones_left_out() -> None:
    ranked = rank([found("lexical", 1, (1, "old", 1.0), (2, "new", 0.95), (3, "gone", 0.9), (4, "x", 0.0))])
    demoted = demote(ranked, {"old": "docs/proposals/sync.md", "new": "docs/sync.md", "x": "x.md"})
    assert [chunk.document_id for chunk in demoted] == ["new", "old", "x"]


@pytest.mark.parametrize("path", ["docs/release.md", "guide/drafting.md", "a/proposal-review-guide.md"])
def test_names_that_only_resemble_background_are_left_alone(path: str) -> None:
    ranked = rank([found("lexical", 1, (1, "a", 1.0), (2, "b", 0.0))])
    assert demote(ranked, {"a": path, "b": "b.md"})[0].score == ranked[0].score


def test_nothing_found_is_nothing_ranked() -> None:
    assert rank([]) == []
    assert rank([found("lexical", 1.0)]) == []


def test_what_is_named_like_the_question_is_set_forward_and_says_so() -> None:
    ranked = rank([found("lexical", 1.0, (1, "a", 9.0), (2, "b", 8.0), (3, "b", 1.0))])
    named = promote(ranked, {1: 0.25, 2: 1.0, 3: 0.0})
    assert [chunk.chunk_id for chunk in named] == [2, 1, 3]
    assert [chunk.parts.get("named") for chunk in named] == [1.0, 0.25, None]
    assert all(0 <= value <= 1 for chunk in named for value in (chunk.score, chunk.own, chunk.page))
    assert promote(ranked, {}) == ranked


def test_a_name_is_like_the_question_by_what_either_says_more() -> None:
    assert likeness(["sync", "window"], ["window", "sync"]) == 1
    assert likeness(["sync", "window", "weekend", "block"], ["sync", "window"]) == 0.5
    assert likeness(["sync"], []) == likeness([], []) == 0


def test_a_chunk_is_helped_by_the_better_one_beside_it() -> None:
    ranked = rank([found("lexical", 1.0, (1, "a", 9.0), (2, "b", 8.5), (3, "b", 8.0), (4, "c", 8.0), (5, "c", 1.0))])
    places = {1: ("a", 0), 2: ("b", 3), 3: ("b", 4), 4: ("c", 0), 5: ("c", 2)}
    own = {each.chunk_id: each.own for each in support(ranked, places, 0.5)}
    assert max(own, key=lambda chunk_id: own[chunk_id]) == 2
    assert own[3] > own[4]
    assert all(0 <= score <= 1 for score in own.values())
    assert support(ranked, {}, 0.0) == ranked
