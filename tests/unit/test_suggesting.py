from __future__ import annotations

import pytest

from knowledge.suggesting.headings import as_question, asks, paths_in, plain_heading, rating


@pytest.mark.parametrize(
    ("heading", "question"),
    [
        ("How to roll back", "How do I roll back?"),
        ("When to Use the Relay", "When should I use the Relay?"),
        ("The multi-target exporter pattern", "What is there to know about the multi-target exporter pattern?"),
        ("Document Q&A (answer)", "What is there to know about “Document Q&A”?"),
        ("Add your own documents", "How do I add my own documents?"),
        ("运行如何结束", "运行如何结束？"),
        ("运行记录：查找与导出", "“运行记录：查找与导出”是怎么回事？"),
        ("备份策略", "“备份策略”是怎么回事？"),
        ("恢复步骤", "“恢复步骤”是怎么回事？"),
        ("使用方法", "“使用方法”是怎么回事？"),
        ("What does it cost", "What does it cost?"),
        ("Where data is kept", "What is there to know about “Where data is kept”?"),
        ("6. Create An Application From A Git Repository", "How do I create an Application from a Git Repository?"),
        ("Install & Configuration", "What is there to know about “Install & Configuration”?"),
        ("配置告警规则", "如何配置告警规则？"),
        ("为什么是这些段落", "为什么是这些段落？"),
        ("`kubectl` and **Helm** {#both}", "What is there to know about “kubectl and Helm”?"),
    ],
)
def test_a_heading_is_asked_as_somebody_would_ask_it(heading: str, question: str) -> None:
    assert as_question(plain_heading(heading)) == question


def test_headings_that_ask_come_before_those_that_tell_and_what_says_nothing_last() -> None:
    ordered = ["Can I change the limit?", "Configure the alert rules", "Rules of the alert manager", "How to get it"]
    assert [rating(each) for each in ordered] == [0, 1, 2, 3]
    assert not asks("Howto")
    assert plain_heading("x" * 200) == plain_heading("ab") == ""
    itself = [
        "How to use this guide",
        "What to ask: first, next, and of the product itself",
        "Overview",
        "参考资料",
        "关于本文",
    ]
    assert [each for each in itself if plain_heading(each)] == []


def test_the_headings_of_small_sections_are_read_from_the_passage_they_share() -> None:
    text = "## One\n\nA.\n\n```\n# no heading\n```\n\n### Deep `one`\n\n## Two {#two}\n\n#tag\n"
    assert paths_in(("Title", "One"), text) == [
        ("Title", "One"), ("Title", "One"), ("Title", "One", "Deep one"), ("Title", "Two"),
    ]  # fmt: skip
