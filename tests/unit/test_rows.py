"""Rows of sheets: every line of a table tells the row it was made from, through the splitter to the citation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from knowledge.answering.places import anchor_with_rows
from knowledge.config import ParsingLimits
from knowledge.parsing.draft import MarkdownWriter
from knowledge.parsing.isolation import IsolatedParser
from knowledge.parsing.reading import parse
from knowledge.parsing.tables import write_numbered_table
from knowledge.retrieval.passages import Candidate, pack
from knowledge.splitting.splitter import split
from knowledge.text.rows import anchor_of, rows_between, runs_from, with_rows
from knowledge.types import Chunk, ChunkDraft, DocumentRef, ParsedDocument, Passage

LIMITS = ParsingLimits()


def workbook(path: Path, fill: Callable[[Any], object]) -> ParsedDocument:
    made = openpyxl.Workbook()
    made.active.title = "Hosts"  # type: ignore[union-attr]
    fill(made)
    made.save(path / "a.xlsx")
    return parse(path / "a.xlsx", name="a.xlsx", limits=LIMITS)


def separated(path: Path, text: str, name: str = "a.csv") -> ParsedDocument:
    (path / name).write_text(text, encoding="utf-8")
    return parse(path / name, name=name, limits=LIMITS)


def lines(document: ParsedDocument) -> list[tuple[str, tuple[int, int] | None]]:
    """Each line that is not blank with its rows."""
    found, start = [], 0
    for line in document.text.splitlines(keepends=True):
        if line.strip():
            found.append((line.strip(), rows_between(document.rows, document.text, start, start + len(line))))
        start += len(line)
    return found


def rows_of(document: ParsedDocument, words: str) -> tuple[int, int] | None:
    at = document.text.index(words)
    return rows_between(document.rows, document.text, at, at + len(words))


def chunk(draft: ChunkDraft) -> Chunk:
    fields = {name: getattr(draft, name) for name in ChunkDraft.__slots__}
    return Chunk(
        id=draft.ordinal, knowledge_base_id="k", document_id="d", content_hash=f"{draft.ordinal}", **fields
    )  # fmt: skip


def passage_of(document: ParsedDocument, name: str = "a.xlsx") -> Passage:
    """The whole document as one passage."""
    reference = DocumentRef(id="d", knowledge_base_id="k", path=name, title=name, url="")
    candidates = [Candidate(chunk=chunk(draft), score=0.5) for draft in split(document)]
    (passage,) = pack(candidates, {"d": reference}, budget=1e9)
    return passage


def test_blank_rows_above_and_between_are_counted(tmp_path: Path) -> None:
    def fill(made: Any) -> None:
        for row, name in ((4, "name"), (5, "one"), (6, "two"), (9, "five"), (1_048, "last")):
            made.active.cell(row, 2, name)

    told = lines(workbook(tmp_path, fill))
    assert told == [
        ("## Hosts", None),
        ("|  | name |", (4, 4)),
        ("| --- | --- |", (4, 4)),
        ("|  | one |", (5, 5)),
        ("|  | two |", (6, 6)),
        ("|  | five |", (9, 9)),
        ("|  | last |", (1_048, 1_048)),
    ]


def test_headers_that_come_back_shift_nothing(tmp_path: Path) -> None:
    document = separated(tmp_path, "host,note\n" + "".join(f"node-{n},{'x' * 60}\n" for n in range(2, 400)))
    assert document.text.count("| host | note |") > 5
    numbered = [(line, rows) for line, rows in lines(document) if line.startswith("| node-")]
    assert [rows for _, rows in numbered] == [(n, n) for n in range(2, 400)]
    assert {rows for line, rows in lines(document) if line.startswith("| host")} == {(1, 1)}
    assert len(document.rows) == 2 * document.text.count("| host | note |")


def test_a_header_that_comes_back_is_not_among_the_rows_around_it(tmp_path: Path) -> None:
    document = separated(tmp_path, "host,note\n" + "".join(f"node-{n},{'x' * 60}\n" for n in range(2, 60)))
    again = document.text.index("| host", 9)
    before, after = (
        document.text.rindex("| node-", 0, again),
        document.text.index("\n", document.text.index("| node-", again)),
    )
    first, last = rows_between(document.rows, document.text, before, after) or (0, 0)
    assert last == first + 1 > 2
    assert rows_between(document.rows, document.text, again, again + 15) == (1, 1)


def test_quoted_line_breaks_begin_no_row_and_blank_lines_are_rows(tmp_path: Path) -> None:
    document = separated(tmp_path, '\nhost,note\n\na,"one\n\ntwo"\nb,"x ""y""\nz"\n\n\nc,\n')
    assert lines(document) == [
        ("| host | note |", (2, 2)),
        ("| --- | --- |", (2, 2)),
        ("| a | one two |", (4, 4)),
        ('| b | x "y" z |', (5, 5)),
        ("| c |  |", (8, 8)),
    ]
    assert [rows for _, rows in lines(separated(tmp_path, "a\tb\n1\t2\n", "a.tsv"))] == [(1, 1), (1, 1), (2, 2)]


def test_rows_of_wide_tables_are_records_of_many_lines(tmp_path: Path) -> None:
    names = ",".join(f"m{number}" for number in range(30))
    values = ",".join(str(number + 1000) for number in range(30))
    document = separated(tmp_path, f"{names}\n\n{values}\n{values.replace('1', '2')}\n")
    assert rows_of(document, "- m0: 1000") == rows_of(document, "- m29: 1029") == (3, 3)
    assert rows_of(document, "- m0: 2000") == rows_of(document, "- m29: 2029") == (4, 4)
    assert rows_between(document.rows, document.text, 0, len(document.text)) == (3, 4)


def test_merged_cells_titles_and_hidden_rows(tmp_path: Path) -> None:
    def fill(made: Any) -> None:
        sheet = made.active
        sheet["A2"] = "All our hosts"
        sheet.merge_cells("A2:C2")
        for row, values in (
            (4, "zone host port"),
            (5, "north one 1"),
            (6, " two 2"),
            (8, " three 3"),
            (9, "south four 4"),
        ):
            for column, value in enumerate(values.split(" "), start=1):
                sheet.cell(row, column, value or None)
        sheet.merge_cells("A5:A8")
        sheet.row_dimensions[6].hidden = True

    document = workbook(tmp_path, fill)
    expected = {"All our hosts": 2, "zone": 4, "| one": 5, "two": 6, "three": 8, "four": 9}
    assert {words: rows_of(document, words) for words in expected} == {w: (n, n) for w, n in expected.items()}


def test_sheets_count_for_themselves(tmp_path: Path) -> None:
    def fill(made: Any) -> None:
        made.active["A1"], made.active["A2"] = "host", "zebra"
        other = made.create_sheet("Ports")
        other["A7"], other["A9"] = "port", "walrus"

    document = workbook(tmp_path, fill)
    passage = passage_of(document)
    start = passage.text.index("| zebra")
    assert rows_of(document, "## Ports") is None
    assert anchor_with_rows(passage, "sheet=Hosts", start, len(passage.text)) == "sheet=Hosts&row=2"
    at = passage.text.index("| walrus")
    assert anchor_with_rows(passage, "sheet=Ports", at, at + 10) == "sheet=Ports&row=9"
    assert anchor_with_rows(passage, "sheet=Ports", passage.text.index("| port"), at + 10) == "sheet=Ports&row=9"


def test_every_chunk_knows_its_rows(tmp_path: Path) -> None:
    text = "host,note\n" + "".join(f"node-{n},{'long ' * (n % 40)}\n" + "\n" * (n % 7 == 0) for n in range(2, 300))
    document = separated(tmp_path, text)
    real = {line: rows for line, rows in lines(document) if line.startswith("| node-")}
    drafts = split(document)
    assert len(drafts) > 5
    for draft in drafts:
        assert draft.rows[0].start == draft.start
        start = draft.start
        for line in draft.text.splitlines(keepends=True):
            if line.startswith("| node-"):
                end = start + len(line)
                told = rows_between(draft.rows, draft.text, start, end, offset=draft.start)
                rest = runs_from(chunk(draft), start + 3)
                assert told == rows_between(rest, document.text[start + 3 :], start + 3, end, offset=start + 3)
                assert told == real[line.strip()]
            start += len(line)
    assert anchor_of(chunk(drafts[0])).startswith("row=2-")


def test_a_row_longer_than_a_chunk_is_the_same_row_further_down(tmp_path: Path) -> None:
    document = separated(tmp_path, f"a,b\n1,2\n3,{'word ' * 3_000}\n4,5\n")
    drafts = split(document)
    assert [anchor_of(chunk(draft)) for draft in drafts[1:-1]] == ["row=3"] * (len(drafts) - 2)
    assert anchor_of(chunk(drafts[-1])) == "row=3-4"


def test_the_child_that_parses_tells_the_same(tmp_path: Path) -> None:
    document = separated(tmp_path, "host,note\n\n" + "".join(f"node-{n},x\n" for n in range(3, 300)))
    with IsolatedParser() as parser:
        told = parser.read(tmp_path / "a.csv", name="a.csv", limits=LIMITS)
    assert [each.rows for each in told.chunks] == [each.rows for each in split(document)]


def test_tables_of_other_documents_have_no_rows(tmp_path: Path) -> None:
    for name, text in (("a.md", "# A\n\n| a |\n| --- |\n| 1 |\n"), ("a.html", "<table><tr><td>a<tr><td>1</table>")):
        document = separated(tmp_path, text, name)
        assert document.rows == ()
        assert {draft.rows for draft in split(document)} == {()}
        assert anchor_with_rows(passage_of(document, name), "a", 0, len(document.text)) == "a"


def test_a_text_cut_at_its_limit_keeps_its_rows() -> None:
    writer = MarkdownWriter(300)
    write_numbered_table(writer, ((number, [f"node-{number}"]) for number in range(1, 200, 2)), LIMITS)
    draft = writer.draft()
    at = draft.text.index("node-19")
    assert rows_between(draft.rows, draft.text, at, at + 7) == (19, 19)
    assert all(run.start < 300 for run in draft.rows)


@pytest.mark.parametrize(
    ("anchor", "rows", "named"),
    [
        ("sheet=Hosts", (45, 45), "sheet=Hosts&row=45"),
        ("sheet=Hosts", (45, 48), "sheet=Hosts&row=45-48"),
        ("", (45, 48), "row=45-48"),
        ("sheet=Hosts", None, "sheet=Hosts"),
    ],
)
def test_anchors_name_rows_as_rfc_7111_has_it(anchor: str, rows: tuple[int, int] | None, named: str) -> None:
    assert with_rows(anchor, rows) == named
