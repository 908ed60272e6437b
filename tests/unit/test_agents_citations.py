"""The statements of a model's answer, what they cite, and whether that says so."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.citations.checking import check_citations, cut_statements
from agents.citations.support import Backing, PassageBacking
from knowledge.types import DocumentRef, Passage


def passage(number: int, text: str, start: int = 0) -> Passage:
    document = DocumentRef(id=f"d{number}", knowledge_base_id="kb", path=f"{number}.md", title="T", url="")
    return Passage(
        number=number, document=document, heading_path=(), anchor="", text=text, start=start,
        end=start + len(text), score=1.0, chunk_ids=(number,),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("One [1]. Two [2][3].", [("One.", (1,)), ("Two.", (2, 3))]),
        ("One. [1] Two.[2]", [("One.", (1,)), ("Two.", (2,))]),
        ("第一句[1]。第二句。[2]第三句", [("第一句。", (1,)), ("第二句。", (2,)), ("第三句", ())]),
        ("Use v1.2.3, e.g. `a. b [9]` [1]. Next!", [("Use v1.2.3, e.g. `a. b [9]`.", (1,)), ("Next!", ())]),
        ("# Title.\n\n- first [1]\n- second\n  goes on [2]\n1. third", [
            ("first", (1,)), ("second\n  goes on", (2,)), ("third", ()),
        ]),
        ("| a | b |\n|---|---|\n| c | d [1] |\n", [("| c | d |", (1,))]),
        ("Run [1]:\n\n```sh\nls a[1]\n```\n\n[2]\n\nDone.", [("Run:", (1,)), ("ls a[1]", (2,)), ("Done.", ())]),
        ("> quoted text. [1]", [("quoted text.", (1,))]),
        ("", []),
    ],
)  # fmt: skip
def test_statements_are_cut_with_their_numbers(answer: str, expected: list[tuple[str, tuple[int, ...]]]) -> None:
    assert [(statement.text, statement.numbers) for statement in cut_statements(answer)] == expected


@given(
    st.lists(
        st.sampled_from(["A b c. ", "[1]", "。", "\n", "\n\n", "```", "- ", "| x |", "`", "> ", "词"]), max_size=30
    )
)
def test_statements_lie_in_order_within_the_answer(parts: list[str]) -> None:
    answer = "".join(parts)
    at = 0
    for statement in cut_statements(answer):
        assert at <= statement.start < statement.end <= len(answer)
        at = statement.end


class Agrees:
    """Supports what shares its first word with the passage."""

    def __call__(self, statement: str, passages: Sequence[Passage]) -> list[Backing]:
        return [
            Backing(support=1.0, supported=statement.split()[0] in each.text, start=each.start, end=each.start + 3)
            for each in passages
        ]


def test_citations_say_where_they_stand_and_what_they_point_at() -> None:
    answer = "Alpha is first [1]. Beta is second [1][2]. Gamma has no number at all."
    cited = check_citations(answer, [passage(1, "Alpha here", 50), passage(2, "Beta there")], Agrees())
    assert [(c.number, c.supported) for c in cited.citations] == [(1, True), (1, False), (2, True)]
    assert answer[cited.citations[0].answer_start : cited.citations[0].answer_end] == "Alpha is first [1]."
    assert (cited.citations[0].quote, cited.citations[0].start) == ("Alp", 50)
    assert [answer[start:end] for start, end in cited.uncited] == ["Gamma has no number at all."]


def test_lead_ins_code_and_a_word_need_no_citation() -> None:
    assert (
        check_citations("Yes. Do the following now:\n\n```\na long line of code\n```\n好的。", [], Agrees()).uncited
        == ()
    )


def test_a_number_without_a_passage_is_as_if_not_there() -> None:
    cited = check_citations("This is a whole claim [9].", [passage(1, "x")], Agrees())
    assert (cited.citations, len(cited.uncited)) == ((), 1)


def test_the_place_is_the_piece_that_says_it() -> None:
    text = "Nothing here. Set `replicas` to 3 in the Deployment. Something else."
    backing = PassageBacking()("The replicas are set to 3.", [passage(1, text, 10)])[0]
    assert backing.supported
    assert text[backing.start - 10 : backing.end - 10] == "Set `replicas` to 3 in the Deployment."


def test_another_number_is_not_supported() -> None:
    assert not PassageBacking()("Set `replicas` to 5.", [passage(1, "Set `replicas` to 3.")])[0].supported


def test_passages_that_say_it_together_support_it() -> None:
    both = [passage(1, "The port is 8080."), passage(2, "The timeout is 30 seconds.")]
    assert [each.supported for each in PassageBacking()("The port is 8080, the timeout 30 seconds.", both)] == [
        True,
        True,
    ]
