from __future__ import annotations

import pytest

from knowledge.suggesting.headings import as_question, asks, paths_in, plain_heading, rating


@pytest.mark.parametrize(
    ("heading", "question"),
    [
        ("How to roll back", "How to roll back"),
        ("What does it cost", "What does it cost?"),
        ("Where data is kept", "Where data is kept"),
        ("6. Create An Application From A Git Repository", "How do I create an Application from a Git Repository?"),
        ("Install & Configuration", "Install & Configuration"),
        ("配置告警规则", "如何配置告警规则？"),
        ("为什么是这些段落", "为什么是这些段落？"),
        ("`kubectl` and **Helm** {#both}", "kubectl and Helm"),
    ],
)
def test_a_heading_is_asked_as_somebody_would_ask_it(heading: str, question: str) -> None:
    assert as_question(plain_heading(heading)) == question


def test_headings_that_ask_come_before_those_that_tell_and_what_says_nothing_last() -> None:
    ordered = ["Can I change the limit?", "Configure the alert rules", "Rules of the alert manager", "How to get it"]
    assert [rating(each) for each in ordered] == [0, 1, 2, 3]
    assert not asks("Howto")
    assert plain_heading("x" * 200) == plain_heading("ab") == ""


def test_the_headings_of_small_sections_are_read_from_the_passage_they_share() -> None:
    text = "## One\n\nA.\n\n```\n# no heading\n```\n\n### Deep `one`\n\n## Two {#two}\n\n#tag\n"
    assert paths_in(("Title", "One"), text) == [
        ("Title", "One"), ("Title", "One"), ("Title", "One", "Deep one"), ("Title", "Two"),
    ]  # fmt: skip
