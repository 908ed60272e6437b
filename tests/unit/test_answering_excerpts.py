"""An answer is an excerpt: of one place first, whole where it must be, under its heading, of the right subject."""

from dataclasses import replace

import numpy as np
import pytest

from agents.answering.quoting import quote
from knowledge.answering import Answerer
from knowledge.answering.answerer import extract
from knowledge.answering.places import place_at
from knowledge.answering.subject import KNOWN, missing_names
from knowledge.config import ParsingLimits
from knowledge.errors import EmbedderUnavailable
from knowledge.parsing.plain import read_table
from knowledge.retrieval.passages import Candidate, pack
from knowledge.retrieval.retriever import SearchResult
from knowledge.splitting.splitter import split
from knowledge.text.focus import written_in
from knowledge.types import Chunk, DocumentRef, Hit, ParsedDocument

ENVIRONMENTS = "# Rooms\n\n" + "".join(
    f"## {name}\n\n- Cleaning begins at {hour}.\n- The number of seats is {seats}.\n\n"
    for name, hour, seats in (("Amber", "02:10", "three"), ("Birch", "14:40", "nine"), ("Cedar", "23:50", "five"))
)
CODES = "# Codes\n\n" + "".join(
    f"## QX-{at}\n\nThe cause is number {at}. To mend it, call desk D{at}.\n\n" for at in range(70, 90)
)
STEPS = "# Turn the wheel\n\nDo this in order.\n\n" + "".join(
    f"{at}. Push the lever number {at} and wait until the lamp beside it is lit.\n" for at in range(1, 13)
)


def found(text: str, path: str = "page.md", markup: str = "markdown") -> SearchResult:
    """The chunks of a document as the splitter makes them, all found, packed into passages as a search does."""
    document = ParsedDocument(text=text, title="Page", media_type="text/markdown", markup=markup)  # type: ignore[arg-type]
    ref = DocumentRef(id="d", knowledge_base_id="k", path=path, title="Page", url="")
    chunks = [
        Chunk(
            id=each.ordinal + 1, knowledge_base_id="k", document_id="d", ordinal=each.ordinal, start=each.start,
            end=each.end, text=each.text, search_text=each.search_text, content_hash=str(each.ordinal),
            heading_path=each.heading_path, anchor=each.anchor, kind=each.kind, language=each.language, page="",
        )
        for each in split(document)
    ]  # fmt: skip
    hits = tuple(
        Hit(chunk=each, document=ref, score=0.9, rank=at, parts={"lexical": 0.9}) for at, each in enumerate(chunks, 1)
    )
    passages = pack([Candidate(chunk=each, score=0.9) for each in chunks], {"d": ref})
    return SearchResult(hits=hits, passages=passages, language="en", degraded=())


def said(question: str, result: SearchResult) -> str:
    return "".join(quote(extract(question, result), result.passages, ()).pieces)


@pytest.mark.parametrize(("room", "hour"), [("Amber", "02:10"), ("Birch", "14:40"), ("Cedar", "23:50")])
def test_of_sections_that_look_alike_only_the_one_asked_for_is_quoted(room: str, hour: str) -> None:
    result = found(ENVIRONMENTS)
    answer = quote(extract(f"When does cleaning begin in {room}?", result), result.passages, ())
    assert hour in "".join(answer.pieces)
    assert {citation.heading_path for citation in answer.citations} == {("Rooms", room)}


@pytest.mark.parametrize("code", [71, 79, 88])
def test_of_codes_only_the_one_asked_for_is_quoted(code: int) -> None:
    text = said(f"What does QX-{code} mean?", found(CODES))
    assert f"number {code}." in text
    assert not any(f"number {other}." in text for other in range(70, 90) if other != code)


def test_the_heading_of_a_citation_is_the_one_above_its_text() -> None:
    text = "# A\n\nOne is first.\n\n## B\n\nTwo is second.\n\n### C\n\nThree is third.\n\n## D\n\nFour is fourth.\n"
    passage = found(text).passages[0]
    for word, path in (("One", ("A",)), ("Two", ("A", "B")), ("Three", ("A", "B", "C")), ("Four", ("A", "D"))):
        assert place_at(passage, text.index(word)).heading_path == path


@pytest.mark.parametrize(
    ("text", "quoted", "headings"),
    [
        ("Swarm runs containers.\n\n## Roles\n\nA role is a kind of target.\n", "A role is", ("Roles",)),
        (
            "## Scaling\n\nTwo ways are there.\n\n### By itself\n\nThe size follows the load.\n",
            "The size follows",
            ("Scaling", "By itself"),
        ),
        (
            "# Guide\n\n## First\n\n```\n" + "go now\n" * 60 + "```\n\n## Second\n\nA plain word.\n",
            "A plain word",
            ("Guide", "Second"),
        ),
        (
            "## Kinds\n\nThese are known.\n\n### Inside\n\n| A | B |\n|---|---|\n" + "| one | two |\n" * 20,
            "| one | two |",
            ("Kinds", "Inside"),
        ),
    ],
)
def test_text_stands_under_the_heading_above_it_whatever_a_chunk_begins_with(
    text: str, quoted: str, headings: tuple[str, ...]
) -> None:
    passages = found(text).passages
    passage = next(each for each in passages if quoted in each.text)

    assert place_at(passage, passage.start + passage.text.index(quoted)).heading_path == headings


def test_a_procedure_is_all_its_steps() -> None:
    text = said("How do I turn the wheel?", found(STEPS))
    assert "1. Push the lever number 1 " in text
    assert "12. Push the lever number 12 " in text
    assert "more step" not in text


def test_steps_that_are_left_out_are_counted() -> None:
    many = STEPS + "".join(
        f"{at}. Push the lever number {at} and wait until its lamp is lit.\n" for at in range(13, 41)
    )
    result = found(many)
    answer = quote(extract("How do I turn the wheel?", result), result.passages, ())
    text = "".join(answer.pieces)
    shown = max(at for at in range(1, 41) if f"number {at} " in text)
    assert f"… {40 - shown} more steps [1]" in text
    assert answer.citations[-1].quote.startswith(f"{shown + 1}. ")


def test_a_row_keeps_its_header_wherever_the_table_was_cut() -> None:
    rows = "".join(f"| unit-{at} | team {at % 7} | {7000 + at} |\n" for at in range(300))
    result = found(f"# Units\n\n| Unit | Owner | Port |\n|---|---|---|\n{rows}")
    late = replace(result, passages=result.passages[-1:])
    start = next(hit.chunk for hit in result.hits if "unit-250 " in hit.chunk.text)
    part = pack([Candidate(chunk=start, score=0.9)], {"d": result.hits[0].document})
    text = said("Which port has unit-250?", replace(late, passages=part))
    assert text.splitlines()[-3:] == ["| Unit | Owner | Port |", "|---|---|---|", "| unit-250 | team 5 | 7250 [1] |"]


def test_a_row_of_separated_values_is_set_as_a_table() -> None:
    rows = "".join(f"disk{at:03},{at % 9},{60 + at % 20}\n" for at in range(40))
    draft = read_table(f"Disk,Slot,Fail at\n{rows}", "disks.csv", ParsingLimits())
    text = said("At what value does disk017 fail?", found(draft.text, "disks.csv", draft.markup))
    assert text.splitlines()[-2:] == ["| --- | --- | --- |", "| disk017 | 8 | 77 [1] |"]
    assert "| Disk | Slot | Fail at |" in text
    assert "disk018" not in text


@pytest.mark.parametrize(("service", "rule"), [("refunds", "FW-1050"), ("reports", "FW-1090")])
def test_a_question_in_the_words_of_a_header_is_answered_by_the_row_it_names(service: str, rule: str) -> None:
    services = ("checkout", "FW-1021"), ("ledger", "FW-1044"), ("refunds", "FW-1050"), ("reports", "FW-1090")
    rows = "".join(f"{name},{8000 + at},https,{rule}\n" for at, (name, rule) in enumerate(services))
    draft = read_table(f"Service,Port,Protocol,Firewall rule\n{rows}", "services.csv", ParsingLimits())
    text = said(f"What is the firewall rule of {service}?", found(draft.text, "services.csv", draft.markup))
    assert [line for line in text.splitlines() if "FW-" in line and rule not in line] == []
    assert f"| {service} |" in text


def test_no_command_is_quoted_for_another_subject() -> None:
    command = "```sh\nwheelctl restart server\n```"
    page = f"# Restart the server\n\nTo restart the server, run:\n\n{command}\n\nIt takes a minute.\n"
    own = Answerer().answer("How do I restart the server?", found(page))
    assert any("wheelctl" in segment.text for segment in own.segments)
    other = Answerer().answer("How do I restart the Quibblix server?", found(page))
    assert other.verdict != "answered"
    assert not any("wheelctl" in segment.text for segment in other.segments)


def test_a_product_named_only_in_passing_is_not_what_a_page_is_about() -> None:
    text = (
        "# Settings\n\n## Retention\n\nHow long samples are kept is set at the start, unlike in Ledgerd:\n\n"
        "```\nkeeper --retention 30d\n```\n\n## Reload\n\nReload the settings with `keeper reload now`.\n"
    )
    result = found(text)

    answer = Answerer().answer("How do I rotate the certificates of the ingress in Ledgerd?", result)

    assert answer.verdict != "answered"
    assert "keeper" not in "".join(segment.text for segment in answer.segments)


def test_a_long_question_is_judged_by_what_it_asks() -> None:
    result = found("# Errors\n\n## ABC-7\n\nThe schema is older than the client.\n\n## ABC-8\n\nThe disk is full.\n")
    log = "\n".join(f"2026-03-04T10:00:{at:02}Z INFO worker request {at} ok" for at in range(40))

    answer = Answerer().answer(f"What does the error mean?\n{log}\n2026-03-04T10:01:00Z ERROR ABC-7 aborted", result)

    assert answer.verdict == "answered"
    assert "older than the client" in answer.segments[0].text


def test_a_code_that_one_place_holds_is_answered_however_long_the_question() -> None:
    log = "\n".join(f"2026-03-04T10:00:{at:02}Z INFO worker request {at} ok" for at in range(30))
    question = f"My transfer fails, what does it mean?\n{log}\n2026-03-04T10:01:00Z ERROR QX-77 aborted"
    assert "number 77." in said(question, found(CODES))


def test_of_a_long_listing_the_lines_around_a_value_are_quoted() -> None:
    lines = "".join(f"setting_{at}: <duration> | default = {at}m\n" for at in range(60))
    text = said("What is the default of setting_31?", found(f"# Settings\n\nAll of them:\n\n```yaml\n{lines}```\n"))
    assert "setting_31: <duration> | default = 31m" in text
    assert "setting_5:" not in text
    assert "setting_55:" not in text


def test_what_looks_alike_in_another_document_is_not_quoted() -> None:
    here = found("# Amber\n\nCleaning begins at 02:10.\n")
    there = found("# Birch\n\nCleaning begins at 14:40.\n", "other.md")
    ref = replace(there.passages[0].document, id="e", title="Birch")
    other = replace(there.passages[0], number=2, document=ref, chunk_ids=(9,))
    text = said("When does cleaning begin in Amber?", replace(here, passages=(*here.passages, other)))
    assert "02:10" in text
    assert "14:40" not in text


class Reader:
    """Finds a question nearest to what speaks of a lantern."""

    name, dimension, languages = "reader", 2, frozenset({"en"})

    def __init__(self, *, fails: bool = False) -> None:
        self._fails = fails

    def embed_documents(self, texts: list[str]) -> object:
        if self._fails:
            raise EmbedderUnavailable("gone")
        return np.array([[1.0, 0.0] if "lantern" in text else [0.0, 1.0] for text in texts], dtype=np.float32)

    def embed_query(self, text: str) -> object:
        return np.array([1.0, 0.0], dtype=np.float32)


def test_a_better_encoder_has_the_last_word_on_the_best_pieces() -> None:
    page = "# Night\n\n## One\n\nThe lamp goes out when the oil is used up.\n\n## Two\n\nA lantern wants filling.\n"
    question = "When does the lamp go out?"
    without = Answerer().answer(question, found(page)).segments[0].text
    read = Answerer(None, Reader()).answer(question, found(page)).segments[0].text  # type: ignore[arg-type]
    assert without.startswith("The lamp")
    assert read.startswith("A lantern")
    for embedder in (None, Reader()):
        alone = Answerer(embedder).answer(question, found(page))  # type: ignore[arg-type]
        assert Answerer(embedder, Reader(fails=True)).answer(question, found(page)) == alone  # type: ignore[arg-type]


def test_hosts_and_files_of_a_pasted_log_are_not_what_a_question_is_about() -> None:
    result = found(
        "# Reload\n\nThe reload of the settings is refused unless the keeper is started with `--reload-on`.\n"
    )
    log = "2026-03-04T10:01:00Z ERROR handler.go:71 host=crane-7.example reload of the settings is refused"

    assert missing_names(written_in(f"why is that?\n{log}"), result.hits) == ()
    assert [each.text for each in missing_names(written_in(f"why is that?\n{log} QX-9"), result.hits)] == ["QX-9"]
    assert missing_names("Why is the reload of Zabbix refused?", result.hits)


@pytest.mark.parametrize(("sections", "foreign"), [(KNOWN - 1, ["Kestrel"]), (KNOWN, [])])
def test_a_name_that_many_chunks_hold_is_one_that_the_documents_know(sections: int, foreign: list[str]) -> None:
    filler = (
        "The oven of this house is vented twice a day, in the morning and in the evening, by whoever is there. " * 3
    )
    others = "".join(f"## Room {at}\n\nKestrel sleeps in here. {filler}\n\n" for at in range(sections))
    best = found(f"# House\n\n## Oven\n\n{filler}\n\n## Door\n\n{filler}\n").hits
    elsewhere = replace(best[0].document, id="e", path="rooms.md")
    hits = [*best, *(replace(each, document=elsewhere) for each in found(f"# Rooms\n\n{others}").hits)]
    assert [each.text for each in missing_names("When is the oven of Kestrel vented?", hits)] == foreign


def test_dates_versions_and_quantities_are_not_what_a_question_is_about() -> None:
    hits = found("# House\n\nThe oven is vented twice a day.\n").hits
    said = "2026-02-03T10:15:22Z oven 3.x (v2.14) vented after 220ms, 0/1, 200GB, from 10.4.0.7 by QX-9"
    assert [each.text for each in missing_names(said, hits)] == ["10.4.0.7", "QX-9"]


def test_everyday_words_joined_by_hyphens_name_nothing() -> None:
    hits = found("# House\n\nThe oven is vented twice a day.\n").hits
    assert missing_names("which top-level on-call setting vents the read-only oven?", hits) == ()
    assert [each.text for each in missing_names("does oven-exporter vent the oven?", hits)] == ["oven-exporter"]


def test_what_is_quoted_of_one_place_stands_in_reading_order() -> None:
    result = found(CODES.replace("## ", "").replace("# Codes", "# Codes\n\nIn a row:"))
    segments = extract("What are the causes of QX-88, QX-71 and QX-80?", result)
    assert len(segments) > 1
    assert [each.start for each in segments] == sorted(each.start for each in segments)
