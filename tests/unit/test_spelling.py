import pytest

from knowledge.text.analysis import query_terms
from knowledge.text.spelling import correction, may_be_mistyped

KNOWN = {"prometheus": 90, "alertmanag": 40, "relabel": 20, "label": 70, "invok": 3, "gone": 0}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("promethues", "prometheus"),
        ("prometeus", "prometheus"),
        ("alertmanger", "alertmanag"),
        ("alertmnagaer", "alertmanag"),
        ("relabl", "relabel"),
        ("lable", "label"),
    ],
)
def test_a_slip_finds_the_word_that_was_meant(typed: str, meant: str) -> None:
    assert correction(query_terms(typed)[0], KNOWN) == meant


@pytest.mark.parametrize("typed", ["invoice", "invade", "kub", "xfer-4321", "le2bel", "zzzzzzz", "标签", "x" * 200])
def test_english_words_short_ones_and_names_are_left_alone(typed: str) -> None:
    assert correction(typed, KNOWN) is None


def test_the_nearest_word_wins_and_then_the_commonest() -> None:
    assert correction("scrapp", {"scrape": 1, "scrapes": 50}) == "scrape"
    assert correction("lxbel", {"lobel": 1, "label": 9}) == "label"


def test_a_word_that_is_known_is_not_asked_for_itself() -> None:
    assert may_be_mistyped("promethues")
    assert correction("gonne", {"gone": 0}) is None
