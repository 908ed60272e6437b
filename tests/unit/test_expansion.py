import pytest

from knowledge.text.expansion import Concept, concepts_of, slips


def variants(question: str) -> set[tuple[str, ...]]:
    return {variant for concept in concepts_of(question) for variant in concept.variants}


def test_chinese_question_brings_english_words() -> None:
    assert ("rollback",) in variants("怎么回滚")


def test_english_question_brings_chinese_words() -> None:
    assert ("驱逐",) in variants("why was my pod evicted? eviction")


def test_abbreviation_brings_its_long_form() -> None:
    assert ("persistentvolumeclaim",) in variants("resize a PVC")


def test_english_words_bring_no_other_english_words() -> None:
    assert not any(all(term.isascii() for term in variant) for variant in variants("delete the volume"))


def test_every_term_stands_in_one_concept() -> None:
    concepts = concepts_of("roll back a PVC and a deployment, then roll back again")
    terms = [term for concept in concepts for term in concept.terms]
    assert sorted(terms) == sorted(set(terms))
    assert {"roll", "back", "pvc", "deploy"} <= set(terms)


def test_word_outside_the_table_is_a_concept_of_its_own() -> None:
    assert concepts_of("frobnicate") == (Concept(terms=("frobnic",)),)


def test_nothing_asked_is_no_concept() -> None:
    assert concepts_of("") == ()


@pytest.mark.parametrize("word", ["secert", "secrets", "secet", "sectet"])
def test_a_slip_of_the_keyboard_is_one_step_away(word: str) -> None:
    assert "secret" in slips(word)


@pytest.mark.parametrize("word", ["pods", "v1beta1", "容器编排平台", "proxy_read", "a" * 30])
def test_short_words_and_names_of_machines_are_taken_as_meant(word: str) -> None:
    assert not list(slips(word))
