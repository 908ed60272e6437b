"""A passage falls into sentences, list items, table rows and blocks of code, each word for word at its place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.citations.checking import cut_statements
from knowledge.answering.units import cut_units
from knowledge.types import DocumentRef, Passage


def passage_of(text, path="docs/page.md", start=0, headings=()):
    document = DocumentRef(id="d", knowledge_base_id="k", path=path, title="Page", url="")
    return Passage(
        number=1,
        document=document,
        heading_path=headings,
        anchor="",
        text=text,
        start=start,
        end=start + len(text),
        score=1.0,
        chunk_ids=(1,),
    )


def cut(text, path="docs/page.md", headings=()):
    return cut_units(passage_of(text, path, headings=headings))


def test_a_paragraph_falls_into_sentences_of_both_languages():
    units = cut("Sync is manual, e.g. by the CLI. Since v2.10 it waits 5.5 s. 默认关闭。需要手动开启！")
    assert [unit.text for unit in units] == [
        "Sync is manual, e.g. by the CLI.",
        "Since v2.10 it waits 5.5 s.",
        "默认关闭。",
        "需要手动开启！",
    ]
    assert {unit.block for unit in units} == {"sentence"}


@pytest.mark.parametrize(
    "sentence",
    [
        "Ask the lead (Lin, ext. 4471) before you delete.",
        "Dr. Chen and Mrs. Park decide.",
        "Vol. 3 has it: tel. 4471 rings.",
    ],
)
def test_a_shortened_title_or_number_ends_no_sentence(sentence):
    assert [unit.text for unit in cut(f"{sentence} Then go on.")] == [sentence, "Then go on."]
    assert [each.text for each in cut_statements(f"{sentence} Then go on.")] == [sentence, "Then go on."]


def test_a_unit_of_time_and_a_word_in_capitals_may_end_a_sentence():
    parts = ["It took 120 ms.", "Open an MR.", "Then test the DR.", "Go on."]
    assert [unit.text for unit in cut(" ".join(parts))] == parts


def test_headings_images_and_markup_without_words_are_left_out():
    units = cut(
        "# Title\n\n![An image. With words.](a.png)\n\n<!-- note -->\n\n{{< table >}}\n\n---\n\nText.\n",
        headings=("Title",),
    )
    assert [unit.text for unit in units] == ["Text."]
    assert units[0].heading_path == ("Title",)


def test_a_block_of_code_stays_whole_and_knows_the_line_that_introduces_it():
    units = cut("Use the annotation:\n\n```yaml\nmetadata:\n  annotations:\n\n    a: b\n```\n")
    assert [unit.block for unit in units] == ["sentence", "code"]
    assert units[1].text.startswith("```yaml")
    assert units[1].text.endswith("```")
    assert units[1].lead == 0


def test_a_long_block_of_code_is_offered_by_groups_of_its_lines():
    body = "".join(f"step_{number}:\n  command: run it with the option number {number}\n" for number in range(20))
    units = cut(f"```yaml\n{body}```\n")
    assert len(units) > 3
    assert not any("```" in unit.text for unit in units)


def test_list_items_stay_whole_and_share_their_introduction():
    units = cut("Do this:\n\n1. Open the file.\n   Then save it.\n2. Restart.\n   - Wait.\n")
    assert [(unit.block, unit.lead) for unit in units] == [("sentence", None), ("list", 0), ("list", 0), ("list", 2)]
    assert units[1].text == "1. Open the file.\n   Then save it."


def test_table_rows_lead_back_to_their_header():
    units = cut("| Port | Use |\n|------|-----|\n| 10255 | read only |\n| 10250 | kubelet |\n")
    assert units[0].is_header
    assert units[0].text.count("\n") == 1
    assert [unit.lead for unit in units[1:]] == [0, 0]
    assert units[2].text == "| 10250 | kubelet |"


def test_a_short_quotation_stays_whole():
    units = cut("> [!NOTE]\n> Edits are never saved. Use Git.\n\nAfter.\n")
    assert units[0].text == "> [!NOTE]\n> Edits are never saved. Use Git."


def test_the_text_of_an_indented_admonition_is_prose():
    units = cut('!!! warning "Careful"\n\n    Pods restart. Volumes stay.\n')
    assert [(unit.text, unit.block) for unit in units] == [("Pods restart.", "sentence"), ("Volumes stay.", "sentence")]


def test_front_matter_says_nothing():
    assert [unit.text for unit in cut("---\ntitle: A title\nweight: 3\n---\n\nText here.\n")] == ["Text here."]


def test_a_file_of_code_is_code_throughout():
    units = cut("replicas: 3\n\n# not a heading\nimage: app:1.2\n", path="deploy/values.yaml")
    assert {unit.block for unit in units} == {"code"}


@given(st.text(alphabet="ab。.# -*|`>~\n\r\t\0\u2028\x0b1)中文[](!<", max_size=200))
def test_every_unit_is_verbatim_and_in_order_whatever_the_markup(text):
    units = cut(text)
    assert all(text[unit.start : unit.end] == unit.text and unit.text.strip() for unit in units)
    assert [unit.start for unit in units] == sorted(unit.start for unit in units)
    assert all(unit.lead is None or unit.lead < position for position, unit in enumerate(units))
