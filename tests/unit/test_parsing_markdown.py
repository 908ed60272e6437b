"""Markdown stays as it is; its title, front matter and links are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowledge.config import ParsingLimits
from knowledge.parsing import parse
from knowledge.types import ParsedDocument


def read(folder: Path, text: str, name: str = "guide.md") -> ParsedDocument:
    path = folder / "file"
    path.write_text(text, encoding="utf-8", newline="")
    return parse(path, name=name, limits=ParsingLimits())


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("---\ntitle: From matter\n---\n# Heading\n", "From matter"),
        ("---\nlinkTitle: 链接标题\nweight: 3\n---\ntext\n", "链接标题"),
        ('+++\ntitle = "Toml"\n+++\ntext\n', "Toml"),
        ("---\nweight: 1\n---\n\n## Second `level` [link](x.md) {#id}\n", "Second level link"),
        ("```\n# not me\n```\n\nSetext title\n============\n", "Setext title"),
        ('<h1 align="center">Centred</h1>\n\n# Later\n', "Centred"),
        ("# Closed #\n", "Closed"),
        ("no heading", "guide"),
        ("---\ntitle: [unclosed\n---\n# Heading\n", "Heading"),
        ("# snake_case_name, _mm_add and __bold__\n", "snake_case_name, _mm_add and bold"),
    ],
)
def test_title(tmp_path: Path, text: str, title: str) -> None:
    document = read(tmp_path, text)
    assert document.title == title
    assert document.text == text


def test_front_matter_is_metadata_that_json_can_hold(tmp_path: Path) -> None:
    matter = "title: T\ndate: 2024-05-01\ntags: [a, b]\nnested: {when: 2024-05-01 10:00:00}\nodd: .nan\n1: one"
    metadata = read(tmp_path, f"---\n{matter}\n---\nbody").metadata
    assert metadata["date"] == "2024-05-01"
    assert metadata["tags"] == ["a", "b"]
    assert metadata["nested"] == {"when": "2024-05-01T10:00:00"}
    assert metadata["odd"] is None
    assert metadata["1"] == "one"


def test_links_have_targets_texts_and_offsets(tmp_path: Path) -> None:
    text = (
        'See [the *guide*](../a/b.md#top "title") and [wiki](https://x.example/a_(b)).\n'
        "![image](no.png) [![badge](b.svg)](ci.html) <https://auto.example/x> https://bare.example/path.\n"
        "`[code](no.md)`\n```\n[fenced](no.md)\n```\n[reference][Ref] and [ref].\n\n[ref]: /docs/ref.md\n"
        '<a href="raw.html">raw</a> [angled](<with space.md>)\n'
    )
    links = read(tmp_path, text).links
    assert [link.target for link in links] == [
        "../a/b.md#top", "https://x.example/a_(b)", "ci.html", "https://auto.example/x", "https://bare.example/path",
        "/docs/ref.md", "/docs/ref.md", "raw.html", "with space.md",
    ]  # fmt: skip
    assert links[0].text == "the *guide*"
    assert all(text[link.start] in "[<h" for link in links)
    assert [link.start for link in links] == sorted(link.start for link in links)


@pytest.mark.parametrize(
    "text",
    ["[" * 200_000, "[a](" * 50_000, "[a]" * 60_000, "![" * 100_000, "`" * 100_001, "<a " * 60_000, "[x](((((" * 20_000,
     "[](" + "(" * 100_000, "~~~\n" * 50_000, "# " * 50_000, "https://" * 30_000, "[a\\" * 50_000, "`a" * 100_000],
    ids=range(13),
)  # fmt: skip
def test_text_made_to_backtrack_is_read_in_its_stride(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text).text == text


def test_aliases_in_front_matter_cannot_grow(tmp_path: Path) -> None:
    layers = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 30))
    document = read(tmp_path, f"---\nl0: &l0 [lol]\n{layers}\n---\n# Body\n")
    assert len(str(document.metadata)) < 20_000


def test_front_matter_nested_beyond_reason_is_left_out(tmp_path: Path) -> None:
    document = read(tmp_path, f"---\na: {'[' * 5_000}{']' * 5_000}\n---\n# Body\n")
    assert document.title == "Body"
    assert document.metadata == {}
    assert document.warnings
