from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.splitting.blocks import HARD_MAXIMUM_SIZE, size_of
from knowledge.splitting.splitter import split, split_document
from knowledge.types import ChunkDraft, ParsedDocument

MARKUPS = ["markdown", "rst", "plain", "code", "yaml", "json", "table", "log"]


def parsed(text: str, markup: str = "markdown", title: str = "") -> ParsedDocument:
    return ParsedDocument(text=text, title=title, media_type="text/plain", markup=markup)  # type: ignore[arg-type]


def assert_tiles(text: str, drafts: list[ChunkDraft]) -> None:
    assert [draft.ordinal for draft in drafts] == list(range(len(drafts)))
    assert all(draft.text == text[draft.start : draft.end] and draft.text.strip() for draft in drafts)
    assert all(before.end == after.start for before, after in pairwise(drafts))


LINES = st.sampled_from(
    [
        "# One",
        "## Two",
        "text of some words",
        "",
        "- item",
        "  - nested",
        "```",
        "| a | b |",
        "|---|---|",
        "> quoted",
        "!!! note",
        "    indented",
        "---",
        "key: value",
        "中文的一段。后面还有一句。",
        "Title\n=====",
        "{{< callout >}}",
        "\t",
        "a:",
    ]
)


@given(st.lists(LINES, max_size=40), st.sampled_from(MARKUPS), st.sampled_from(["\n", "\r\n", "\r"]))
def test_chunks_tile_the_text(lines: list[str], markup: str, newline: str) -> None:
    text = newline.join(lines)
    drafts = split(parsed(text, markup))
    assert_tiles(text, drafts)
    if markup != "markdown":
        assert "".join(draft.text for draft in drafts).strip() == text.strip()


@given(st.text(max_size=300), st.sampled_from(MARKUPS))
def test_any_text_splits(text: str, markup: str) -> None:
    assert_tiles(text, split(parsed(text, markup)))


def test_headings_bound_chunks_and_name_them() -> None:
    text = "# Guide\n\n" + "intro words here. " * 30 + "\n\n## Install it\n\n" + "install words. " * 40
    first, second = split(parsed(text, title="Guide"))
    assert first.heading_path == ("Guide",)
    assert second.heading_path == ("Guide", "Install it")
    assert second.anchor == "install-it"
    assert second.search_text.startswith("Guide > Install it\n")
    assert second.text.startswith("## Install it")


def test_heading_without_text_joins_the_section_below() -> None:
    drafts = split(parsed("# Guide\n\n## First\n\n" + "words " * 100))
    assert len(drafts) == 1
    assert drafts[0].heading_path == ("Guide", "First")


def test_front_matter_is_not_in_chunks_but_its_title_and_description_are_searched() -> None:
    text = "---\ntitle: Scaling\ndescription: about autoscalers\nweight: 3\n---\n\n# H\n\nBody text.\n"
    (draft,) = split(parsed(text))
    assert "weight" not in draft.text
    assert draft.search_text.startswith("Scaling > H\n")
    assert "about autoscalers" in draft.search_text


def test_fence_is_kept_whole_with_the_line_that_announces_it() -> None:
    filler = "sentence of words here. " * 45
    fence = "```yaml\n" + "\n".join(f"key{number}: value" for number in range(60)) + "\n```"
    drafts = split(parsed(f"# T\n\n{filler}\n\nUse it as follows:\n\n{fence}\n\nAfter.\n"))
    (holder,) = [draft for draft in drafts if "```yaml" in draft.text]
    assert fence in holder.text
    assert "Use it as follows:" in holder.text
    assert holder.kind == "code"


def test_table_that_is_too_long_is_cut_at_rows_and_keeps_its_header_searchable() -> None:
    rows = [f"| name{number} | what the number {number} means in some words |" for number in range(300)]
    drafts = split(parsed("# T\n\n| flag | meaning |\n|---|---|\n" + "\n".join(rows)))
    assert len(drafts) > 3
    assert all("flag" in draft.search_text for draft in drafts)
    assert all(draft.text.rstrip().endswith("|") for draft in drafts)


@pytest.mark.parametrize("markup", MARKUPS)
@pytest.mark.parametrize("text", ["x" * 200_000, "word " * 40_000, "字" * 100_000, "a line of a log\n" * 20_000])
def test_no_chunk_is_much_longer_than_the_hard_maximum(text: str, markup: str) -> None:
    drafts = split(parsed(text, markup))
    assert_tiles(text, drafts)
    assert all(size_of(draft.text) <= 1.1 * HARD_MAXIMUM_SIZE for draft in drafts)


def test_admonition_keeps_its_indented_body() -> None:
    text = "# T\n\n!!! warning\n\n    Never do this.\n\n    Or that.\n\nNext.\n"
    (draft,) = split(parsed(text))
    assert "Never do this." in draft.search_text
    assert draft.kind == "prose"


def test_addresses_in_angle_brackets_are_found_by_their_words() -> None:
    text = "# Desk\n\nWrite to <lin.wu@mail.example> or see <https://wiki.example/desk>, <b>not</b> both.\n"
    draft = split(parsed(text))[0]
    assert "Write to lin.wu@mail.example or see https://wiki.example/desk" in draft.search_text
    assert "<b>" not in draft.search_text


def test_search_text_has_no_markup_but_keeps_placeholders_in_code() -> None:
    text = "# T\n\nSee [the guide](guide.md) and **this**.\n\n```\narn:<ACCOUNT>:role\n```\n"
    (draft,) = split(parsed(text))
    assert "See the guide and this." in draft.search_text
    assert "arn:<ACCOUNT>:role" in draft.search_text


def test_code_is_named_after_the_definition_it_stands_in() -> None:
    text = (
        "import os\n\n\nclass Store:\n    size = 1\n\n    def load(self):\n        return 1\n" + "\n    x = 1\n" * 200
    )
    drafts = split(parsed(text, "code"))
    assert any("Store" in draft.heading_path for draft in drafts)


def test_kubernetes_objects_are_named_by_kind_and_name() -> None:
    text = "kind: Service\nmetadata:\n  name: web\nspec: {}\n---\nkind: Deployment\nmetadata:\n  name: api\nspec: {}\n"
    paths = [draft.heading_path for draft in split(parsed(text, "yaml"))]
    assert paths == [("Service web",), ("Deployment api",)]


def test_rst_titles_are_headings() -> None:
    text = "Guide\n=====\n\n" + "words here. " * 60 + "\n\nInstall\n-------\n\nRun it.\n"
    assert [draft.heading_path for draft in split(parsed(text, "rst"))] == [("Guide",), ("Guide", "Install")]


def test_chunk_knows_the_page_it_begins_on() -> None:
    text = "# A\n\n" + "one two. " * 120 + "\n\n# B\n\n" + "three four. " * 120
    document = ParsedDocument(
        text=text, title="", media_type="application/pdf", pages=((0, "1"), (text.index("# B"), "2"))
    )
    drafts = split(document)
    assert drafts[0].page == "1"
    assert drafts[-1].page == "2"


def test_headings_copied_into_chunks_stay_in_proportion_to_the_document_and_that_is_said() -> None:
    path = "".join(f"{'#' * level} {'long heading ' * 20}\n\n" for level in range(1, 6))
    text = path + "".join(f"###### part {number}\n\n{'w ' * 40}\n\n" for number in range(3_000))
    split_up = split_document(parsed(text, title="a title " * 30))
    copied = sum(len(chunk.search_text) + sum(map(len, chunk.heading_path)) for chunk in split_up.chunks)
    assert copied < 6 * len(text)
    assert split_up.document.warnings
    assert all(f"part {n}" in " ".join(chunk.heading_path) for n, chunk in enumerate(split_up.chunks[-9:], 2_991))
    assert_tiles(text, list(split_up.chunks))


@pytest.mark.parametrize("unit", ["# a\n", "# a\n\nb\n\n", "# a\n\n## b\n\n", "a\n-\n", "- - - -\n", "kind: a\n---\n"])
@pytest.mark.parametrize("markup", MARKUPS)
def test_text_of_nothing_but_headings_does_not_outgrow_itself(unit: str, markup: str) -> None:
    text = unit * (200_000 // len(unit))
    drafts = split(parsed(text, markup, title="title " * 50))
    assert_tiles(text, drafts)
    assert sum(len(draft.search_text) for draft in drafts) < 5 * len(text)
    assert len(drafts) < len(text) / 50


def test_a_page_opens_a_chunk_and_a_chunk_names_the_page_it_stands_on() -> None:
    pages = [f"words of page {number} in a row. " * 10 + "\n\n" for number in range(1, 6)]
    starts = [sum(map(len, pages[:number])) for number in range(5)]
    document = ParsedDocument(
        text="".join(pages),
        title="",
        media_type="application/pdf",
        pages=tuple((start, str(number)) for number, start in enumerate(starts, start=1)),
    )
    drafts = split(document)
    assert [draft.page for draft in drafts] == ["1", "2", "3", "4", "5"]
    assert [draft.anchor for draft in drafts] == ["page=1", "page=2", "page=3", "page=4", "page=5"]
    assert all(f"page {draft.page} " in draft.text for draft in drafts)


def test_characters_nobody_sees_are_not_searched_but_stay_in_the_text() -> None:
    (draft,) = split(parsed("# T\n\nThe kube\u200bconfig of the de\u00adploy\u00adment.\n"))
    assert "kube\u200bconfig" in draft.text
    assert "The kubeconfig of the deployment." in draft.search_text
