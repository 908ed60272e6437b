"""Answers are untrusted Markdown: what may be drawn of them, and where the chips go."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend.answer_text import LONGEST_DIAGRAM, MOST_DIAGRAMS, plain_label, prepare_answer
from frontend.views import Citation


def cited(number: int, start: int, end: int, supported: bool = True) -> Citation:
    return Citation(
        number=number, document_id="d", knowledge_base_id="b", path="p", title="t", quote="q", start=0, end=1,
        answer_start=start, answer_end=end, supported=supported,
    )  # fmt: skip


def test_markers_become_links_to_the_citation_of_their_sentence() -> None:
    text = "One. [1] Two. [1] Three. [2]"
    citations = [cited(1, 0, 8), cited(1, 9, 17, supported=False), cited(2, 18, 28)]
    assert prepare_answer(text, anchor="m", citations=citations) == (
        "One. [\\[1\\]](#cite-m-0) Two. [\\[1\\] ⚠](#cite-m-1-weak) Three. [\\[2\\]](#cite-m-2)"
    )


@pytest.mark.parametrize(
    ("text", "chips"),
    [
        ("One. [1] Two. [1]\n\nThree. [1]", 2),
        ("- One [1]\n- Two [1]\n\n- Three [1]\n\nAfter. [1]", 2),
        ("| a [1] | b |\n| - | - |\n| c [1] | d [1] |", 1),
        ("One. [1] [2] Two. [1][2]", 2),
        ("One. [1] Two. [2] Three. [1]", 3),
        ("One. [1] `[1]` Two. [1]", 1),
    ],
)
def test_what_agrees_is_cited_once_for_a_paragraph_a_list_or_a_table(text: str, chips: int) -> None:
    citations = [cited(1, 0, len(text)), cited(2, 0, len(text))]
    drawn = prepare_answer(text, anchor="m", citations=citations)
    assert drawn.count("(#cite-m-") == chips
    assert drawn.count("`[1]`") == text.count("`[1]`")


def test_a_chip_that_stands_for_several_leads_to_the_first() -> None:
    citations = [cited(1, 0, 8), cited(1, 9, 17)]
    drawn = prepare_answer("One. [1] Two. [1]", anchor="m", citations=citations)
    assert drawn == "One. Two. [\\[1\\]](#cite-m-0)"


def test_a_picture_is_named_and_an_exclamation_before_a_citation_is_none() -> None:
    assert prepare_answer("See ![the plan](http://x/p.png).") == "See 🖼 [the plan](http://x/p.png)."
    assert prepare_answer("See ![the plan](p.png).") == "See 🖼 the plan."
    drawn = prepare_answer("Done![1]", anchor="m", citations=[cited(1, 0, 8)])
    assert drawn == "Done&#33;[\\[1\\]](#cite-m-0)"


def test_a_number_in_brackets_that_is_no_citation_stays() -> None:
    assert prepare_answer("See [7] and arr[1].", anchor="m", citations=[cited(2, 0, 5)]) == "See [7] and arr[1]."


@pytest.mark.parametrize(
    "code",
    ["`a[1] $X ![p](http://x)`", "```\na[1] $X ![p](http://x)\n```", "~~~sh\n$X [1]\n~~~", "- ```\n  [1]\n  ```"],
)
def test_code_is_left_alone(code: str) -> None:
    assert prepare_answer(code, anchor="m", citations=[cited(1, 0, 5)]) == code


def test_after_a_code_block_the_marker_counts_again() -> None:
    text = "```\nkubectl\n```\n\n[1]"
    assert prepare_answer(text, anchor="m", citations=[cited(1, 0, 19)]).endswith("[\\[1\\]](#cite-m-0)")


@pytest.mark.parametrize(
    "picture",
    [
        "![p](http://x/p.png)",
        "![p][ref]\n\n[ref]: http://x/p.png",
        "![a![b](http://x)](http://y)",
        "text ![p](<http://x>)",
    ],
)
def test_pictures_are_never_drawn(picture: str) -> None:
    drawn = prepare_answer(picture)
    assert not re.search(r"(?<!\\)!\[", drawn)
    assert not re.search(r"^\[ref\]:", drawn, re.MULTILINE)


def test_links_lead_to_web_addresses_only() -> None:
    assert prepare_answer("[a](https://x.y/z) [b](javascript:alert(1)) [c](../up.md) [d](data:text/html,x)") == (
        "[a](https://x.y/z) b c d"
    )


def test_shell_variables_are_no_formulas_and_words_no_directives() -> None:
    assert prepare_answer("Set $HOME and $PATH, :red[not] :material/home:") == (
        "Set \\$HOME and \\$PATH, \\:red[not] \\:material/home:"
    )


def test_diagrams_keep_their_text_below_them() -> None:
    assert prepare_answer("Look:\n- ```{.Mermaid}\n  graph TD\n  ```\nEnd") == (
        "Look:\n- ```mermaid\n  graph TD\n  ```\n  ```text\n  graph TD\n  ```\nEnd"
    )


@pytest.mark.parametrize(
    "text",
    ["```mermaid\ngraph TD\n", f"```mermaid\n{'a' * LONGEST_DIAGRAM}\n```", "```mermaid\ngraph\nA@{ img : x }\n```"],
)
def test_diagrams_that_are_unfinished_too_large_or_load_something_are_text(text: str) -> None:
    assert prepare_answer(text) == text.replace("mermaid", "text")


def test_only_so_many_diagrams_are_drawn() -> None:
    drawn = prepare_answer("```mermaid\nx\n```\n" * (MOST_DIAGRAMS + 5))
    assert drawn.count("```mermaid") == MOST_DIAGRAMS
    assert drawn.count("```text") == MOST_DIAGRAMS + 5


def test_uncited_sentences_are_marked_after_their_end_but_not_in_code() -> None:
    text = "Plain claim. \n\n```\ncode\n```"
    drawn = prepare_answer(text, uncited=[(0, 13), (16, len(text))], uncited_label="no source")
    assert drawn == "Plain claim. [no source](#uncited) \n\n```\ncode\n```"


def test_a_marker_of_a_link_definition_is_still_a_citation() -> None:
    drawn = prepare_answer("[1]: http://x.y", anchor="m", citations=[cited(1, 0, 3)])
    assert drawn.startswith("[\\[1\\]](#cite-m-0)")


@given(st.text(alphabet="ab[]()!`~$:\n 1#-/\\<>http", max_size=80))
def test_no_text_makes_it_fail_or_brings_a_picture_outside_of_code(text: str) -> None:
    drawn = prepare_answer(text, anchor="m", citations=[cited(1, 0, 3)], uncited=[(0, 5)], uncited_label="u")
    outside = re.sub(r"(`+|~{3,}).*", "", drawn, flags=re.DOTALL)
    assert not re.search(r"(?<!\\)!\[[^\]]*\]\(", outside)


def test_labels_hold_no_markdown() -> None:
    assert plain_label("a *b* [c](d)\n`e`") == r"a \*b\* \[c\]\(d\) \`e\`"
