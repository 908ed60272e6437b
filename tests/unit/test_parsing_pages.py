"""Web pages and MDX as their readers see them: tabs and folded parts, tables, terms; no plumbing."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowledge.config import ParsingLimits
from knowledge.parsing import parse


def read(folder: Path, text: str, name: str = "a.html") -> str:
    path = folder / "file"
    path.write_text(text, encoding="utf-8")
    return parse(path, name=name, limits=ParsingLimits()).text


def test_hidden_tabs_are_read_under_their_names(tmp_path: Path) -> None:
    text = read(
        tmp_path,
        "<main><h1>Set up</h1><p>Choose how you run it, then follow the steps below.</p>"
        "<ul role=tablist><li role=tab id=t1 aria-controls=p1>Linux<li role=tab aria-controls=p2>macOS</ul>"
        "<div role=tabpanel id=p2 hidden><pre>brew install otter</pre></div>"
        "<div role=tabpanel id=p1 aria-labelledby=t1><pre>apt install otter</pre></div>"
        "<details><summary>More</summary><p>Folded words.</p></details>"
        "<section hidden=until-found><p>Found words.</p></section></main>",
    )
    assert "**macOS**\n\n```\nbrew install otter\n```" in text
    assert "**Linux**\n\n```\napt install otter\n```" in text
    assert "Folded words." in text
    assert "Found words." in text


def test_what_is_hidden_outside_of_the_main_part_is_read_only_when_it_folds(tmp_path: Path) -> None:
    page = "<p>Some words of the page, enough of them to be one.</p>"
    page += "<div hidden>spinner text</div><div class=tab-pane hidden>Second tab.</div>"
    text = read(tmp_path, page)
    assert "spinner" not in text
    assert "Second tab." in text


def test_cells_stand_in_every_column_and_row_they_cover(tmp_path: Path) -> None:
    text = read(
        tmp_path,
        "<table><thead><tr><th rowspan=2>Zone<th colspan=2>Disk</tr><tr><th>used<th>free</tr></thead>"
        "<tr><td rowspan=2>a<td>1<br>TB<td>2</tr><tr><td colspan=2>none</tr><tr><td>b<td>3<td>4</tr>"
        "<tr><td colspan=3>All in TB</table>",
    )
    assert text == (
        "| Zone | Disk used | Disk free |\n| --- | --- | --- |\n| a | 1 TB | 2 |\n| a | none | none |\n"
        "| b | 3 | 4 |\n| All in TB |  |  |\n"
    )


def test_a_table_in_a_cell_follows_the_one_it_stands_in(tmp_path: Path) -> None:
    inner = "<table><tr><th>Plan<th>Price<tr><td>gold<td>9</table>"
    text = read(tmp_path, f"<table><tr><th>Team<th>Cost<tr><td>web<td>see {inner} here<tr><td>api<td>5</table>")
    assert "| web | see here |\n| api | 5 |" in text
    assert "web, Cost:\n\n| Plan | Price |\n| --- | --- |\n| gold | 9 |" in text


def test_terms_stand_with_their_definitions(tmp_path: Path) -> None:
    text = read(
        tmp_path,
        "<dl><dt>TTL<dd>How long it is kept.<dt>A<dt>B<dd><p>Two names.</p><p>More.</p>"
        "<dt>Steps<dd><ol><li>one<li>two</ol><dt>Alone</dl><p>After.</p>",
    )
    assert "**TTL**: How long it is kept.\n\n**A, B**: Two names.\n\nMore." in text
    assert "**Steps**:\n\n1. one\n2. two" in text
    assert text.endswith("**Alone**:\n\nAfter.\n")


@pytest.mark.parametrize("name", ["page.mdx", "page.md"])
def test_plumbing_of_mdx_is_not_read(tmp_path: Path, name: str) -> None:
    text = read(
        tmp_path,
        "---\ntitle: T\n---\nimport Tabs from '@theme/Tabs';\nimport {\n  A,\n  B,\n} from './x';\n\n"
        "export const limits = {\n  port: 1,\n\n  host: 'x',\n};\n\n# Head\n\n{/* for\nwriters */}\n\n"
        '<Tabs groupId="os">\n<TabItem value="w" label="Windows">\n\nRun `<Tabs>` and a < b.\n\n'
        "```js\nimport x from 'y';\n<Tabs>\n{/* kept */}\n```\n\n</TabItem>\n</Tabs>\n\n<Video\n  src={url}\n/>\n",
        name,
    )
    before, _, code = text.partition("```js")
    for plumbing in ("import", "export", "port: 1", "host:", "writers", "TabItem", "groupId", "Video", "src="):
        assert plumbing not in before + code.partition("```")[2]
    assert code.startswith("\nimport x from 'y';\n<Tabs>\n{/* kept */}\n```")
    assert "**Windows**" in before
    assert "Run `<Tabs>` and a < b." in before


def test_markdown_that_is_no_mdx_stays_verbatim(tmp_path: Path) -> None:
    text = "# T\n\nimport x from 'y';\n\nUse <Name> here. {/* x */}\n"
    assert read(tmp_path, text, "a.md") == text
