"""Quotations as Markdown: blocks whole, a number behind each, citations exact in both texts."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from agents.answering.quoting import Quoted, quote
from knowledge.types import AnswerSegment, DocumentRef, Passage

HEADING = "**A**"
DOCUMENT = DocumentRef(id="d", knowledge_base_id="kb", path="a.md", title="A", url="")
START = 100


def passage(text: str, number: int = 1) -> Passage:
    return Passage(
        number=number, document=DOCUMENT, heading_path=("H",), anchor="", text=text, start=START,
        end=START + len(text), score=1.0, chunk_ids=(1,),
    )  # fmt: skip


def quoted(text: str, *pieces: tuple[str, str]) -> Quoted:
    """The pieces of a passage, each (block, its text), set as an answer; every citation is checked to be exact."""
    segments = []
    at = 0
    for block, piece in pieces:
        at = text.index(piece, at)
        segments.append(AnswerSegment(text=piece, number=1, start=START + at, end=START + at + len(piece), block=block))  # type: ignore[arg-type]
        at += len(piece)
    result = quote(segments, [passage(text)], ())
    assert result.pieces[0] == HEADING
    for citation in result.citations:
        assert text[citation.start - START : citation.end - START] == citation.quote
        assert 0 <= citation.answer_start < citation.answer_end <= len("".join(result.pieces))
    return result


def text_of(result: Quoted) -> str:
    """What stands below the heading."""
    return "".join(result.pieces[1:]).removeprefix("\n\n")


def test_sentences_of_one_paragraph_stay_together_and_others_apart() -> None:
    text = "First one. Second\none.\n\nThird."
    result = quoted(text, ("sentence", "First one."), ("sentence", "Second\none."), ("sentence", "Third."))
    assert text_of(result) == "First one. [1] Second one. [1]\n\nThird. [1]"
    said = "".join(result.pieces)
    assert [said[c.answer_start : c.answer_end] for c in result.citations] == [
        "First one. [1]", "Second one. [1]", "Third. [1]",
    ]  # fmt: skip


def test_chinese_is_set_without_spaces() -> None:
    result = quoted("第一句，\n还是第一句。第二句。", ("sentence", "第一句，\n还是第一句。"), ("sentence", "第二句。"))
    assert text_of(result) == "第一句，还是第一句。[1]第二句。[1]"


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        ("```yaml\na: [1] # <b>\n```", "```yaml\na: [1] # <b>\n```\n\n[1]"),
        ("   ```yaml\n   a:\n     b: 1\n   ```", "```yaml\na:\n  b: 1\n```\n\n[1]"),
        ("    indented: true\n      deep: 1", "```\nindented: true\n  deep: 1\n```\n\n[1]"),
        ("```\nuse ``` inside", "````\nuse ``` inside\n````\n\n[1]"),
        ('```yaml title="values.yaml"\na: 1\n```', "```yaml\na: 1\n```\n\n[1]"),
    ],
)
def test_code_is_fenced_whole_with_its_number_below(piece: str, expected: str) -> None:
    result = quoted(f"Before:\n\n{piece}\n", ("code", piece))
    assert text_of(result) == expected


def test_lines_from_inside_a_block_of_code_get_its_language() -> None:
    text = "```python\none()\ntwo()\nthree()\n```\nAfter."
    assert text_of(quoted(text, ("code", "two()\nthree()"))) == "```python\ntwo()\nthree()\n```\n\n[1]"


def test_each_item_of_a_list_has_its_number() -> None:
    text = "Steps:\n\n1. Do `this`\n   and that.\n2. Then:\n    - more\n"
    result = quoted(text, ("sentence", "Steps:"), ("list", "1. Do `this`\n   and that.\n2. Then:\n    - more"))
    assert text_of(result) == "Steps: [1]\n\n1. Do `this` and that. [1]\n2. Then: [1]\n    - more [1]"
    assert [citation.quote for citation in result.citations] == [
        "Steps:", "1. Do `this`\n   and that.", "2. Then:", "- more",
    ]  # fmt: skip


def test_numbers_of_steps_are_kept_where_steps_between_are_missing() -> None:
    text = "1. One\n2. Two\n3. Three\n4. Four\n"
    pieces = ("list", "1. One"), ("list", "3. Three\n4. Four")
    assert text_of(quoted(text, *pieces)) == "1. One [1]\n\n3\\. Three [1]\n\n4. Four [1]"


def test_an_item_of_an_inner_list_alone_is_no_code() -> None:
    result = quoted("- a\n        - deep\n", ("list", "        - deep"))
    assert text_of(result) == "- deep [1]"


def test_rows_of_a_table_stay_below_their_header() -> None:
    text = "| Name | Use |\n|---|:--|\n| `a` | x |\n| b | y |\n"
    result = quoted(text, ("table", "| Name | Use |\n|---|:--|"), ("table", "| b | y |"))
    assert text_of(result) == "| Name | Use |\n|---|:--|\n| b | y [1] |"
    tokens = MarkdownIt("commonmark").enable("table").parse("".join(result.pieces))
    assert any(token.type == "table_open" for token in tokens)


def test_rows_without_a_header_are_a_list() -> None:
    text = "| Name | Use |\n|---|---|\n| `a` | x |\n"
    assert text_of(quoted(text, ("table", "| `a` | x |"))) == "- `a`; x [1]"


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        ("# is a comment sign.", "\\# is a comment sign. [1]"),
        ("1. is the first.", "1\\. is the first. [1]"),
        ("> Quoted\n> lines.", "Quoted lines. [1]"),
        ("See [the guide](guide.md) and [2].", "See the guide and \\[2\\]. [1]"),
        ("![logo](https://evil.example/x) Text.", "🖼 logo (`https://evil.example/x`) Text. [1]"),
        ("> [!NOTE] **Mind** this.", "**Mind** this. [1]"),
        ("See [the page][9] and `a[0][1]`.", "See the page and `a[0][1]`. [1]"),
        ("<p>Hello <b>you</b></p>", "Hello you [1]"),
    ],
)
def test_what_a_document_writes_stays_text(piece: str, expected: str) -> None:
    assert text_of(quoted(f"A.\n\n{piece}", ("sentence", piece))) == expected


def test_segments_without_their_passage_are_left_out() -> None:
    segment = AnswerSegment(text="x.", number=9, start=0, end=2)
    assert quote([segment], [passage("x.")], ()) == Quoted(pieces=(), citations=())
