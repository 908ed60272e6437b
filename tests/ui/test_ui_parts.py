"""Texts in two languages, the tree of messages, what a run has come to, and values as the API sends them."""

from __future__ import annotations

import ast
import json
import re
import string
import threading
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pytest

import frontend
from frontend.bases.progress import is_outdated
from frontend.branches import shown_path
from frontend.chat.messages import cards_of, places_of
from frontend.chat.sidebar import by_date, file_stem, marked
from frontend.chat.why import part_names
from frontend.client import Api, ApiError, open_connection
from frontend.language import choose_language, load_texts
from frontend.reading.place import rows_label
from frontend.reading.preview import preview
from frontend.reading.rendered import cut_table, mail_lines, whole_blocks
from frontend.run_state import replay
from frontend.run_stream import Event, RunStream, read_events
from frontend.run_trace import Entry
from frontend.runs.files import made_files
from frontend.views import Job, KnowledgeBase, Message, Page, Thread, decode
from tests.fake_api import ANSWER, FakeApi, make_app
from tests.serving import serving

FOLDER = Path(frontend.__file__).parent
CALL = re.compile(r"""(?:say|texts\(\)|self\._say)\(\s*f?"([a-z_]+\.[a-z_0-9{}]+)\"""")


@pytest.fixture
def fake() -> FakeApi:
    return FakeApi()


@pytest.fixture
def api(fake: FakeApi) -> Iterator[Api]:
    with serving(make_app(fake)) as url:
        connection = open_connection(url)
        yield Api(connection)
        connection.close()


def test_no_download_draws_the_page_anew_and_so_forgets_the_file_it_is_asked_for() -> None:
    trees = {path: ast.walk(ast.parse(path.read_text(encoding="utf-8"))) for path in sorted(FOLDER.rglob("*.py"))}
    downloads = [
        (path.name, {each.arg: ast.unparse(each.value) for each in call.keywords})
        for path, nodes in trees.items()
        for call in nodes
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "download_button"
    ]
    assert len(downloads) > 1
    assert [name for name, given in downloads if given.get("on_click") != "'ignore'"] == []


def test_both_languages_have_the_same_texts_with_the_same_places() -> None:
    english, chinese = load_texts("en"), load_texts("zh")
    assert english.keys() == chinese.keys()

    def places(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert {key for key in english if places(english[key]) != places(chinese[key])} == set()


def test_every_text_that_is_asked_for_is_there() -> None:
    asked = {key for file in FOLDER.rglob("*.py") for key in CALL.findall(file.read_text(encoding="utf-8"))}
    texts = load_texts("en")
    missing = {key for key in asked if "{" not in key and key not in texts}
    assert len(asked) > 100
    assert missing == set()


def test_the_language_is_the_one_asked_for_else_the_browsers() -> None:
    assert choose_language(None, "zh-CN") == "zh"
    assert choose_language("en", "zh-CN") == "en"
    assert choose_language(None, None) == "en"
    assert choose_language(None, "de-DE") == "en"


def message(id: str, parent: str | None, role: str = "user") -> Message:
    return Message(id=id, thread_id="t", role=role, text=id, parent_id=parent)


def test_the_newest_branch_is_shown_unless_another_was_chosen() -> None:
    tree = [message("q", None), message("a1", "q"), message("a2", "q"), message("q2", "a1"), message("b", "q2")]
    assert [turn.message.id for turn in shown_path(tree, {})] == ["q", "a1", "q2", "b"]
    chosen = shown_path(tree, {"q": "a2"})
    assert [turn.message.id for turn in chosen] == ["q", "a2"]
    assert chosen[1].place == 1
    assert [turn.message.id for turn in shown_path(tree, {"q": "gone"})] == ["q", "a1", "q2", "b"]
    assert shown_path([], {}) == []


def test_what_came_before_a_crash_no_longer_counts() -> None:
    state = replay(
        [
            Event(id=1, kind="run_started", data={"attempt": 1, "mode": "extractive", "model": ""}),
            Event(id=2, kind="text_delta", data={"text": "half"}),
            Event(id=3, kind="run_started", data={"attempt": 2, "mode": "extractive", "model": ""}),
            Event(id=4, kind="text_delta", data={"text": "who"}),
            Event(id=4, kind="text_delta", data={"text": "twice"}),
            Event(id=5, kind="text_delta", data={"text": "le"}),
            Event(id=6, kind="something_new", data={}),
        ]
    )
    assert (state.text, state.attempt, state.ended, state.last_event_id) == ("whole", 2, "", 6)


def test_events_are_read_in_order_and_from_where_one_left_off(fake: FakeApi, api: Api) -> None:
    fake.add_base("ops")
    run = fake.add_run(fake.add_thread(), {"input": "?"})
    events = read_events(api, run["id"])
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert replay(events).text == ANSWER
    with RunStream(api, run["id"], after=len(events) - 2) as following:
        assert [event.kind for some in following for event in some] == ["cited", "run_finished"]


def test_a_silent_run_still_gives_the_page_something_to_do(fake: FakeApi, api: Api) -> None:
    fake.add_base("ops")
    fake.silent.set()
    run = fake.add_run(fake.add_thread(), {"input": "?"})
    with RunStream(api, run["id"]) as following:
        beats = iter(following)
        while next(beats):
            pass  # the events before the silence
        api.cancel_run(run["id"])
        kinds = [event.kind for some in beats for event in some]
    assert kinds == ["run_cancelled"]


def test_leaving_a_silent_run_ends_its_reader(fake: FakeApi, api: Api) -> None:
    fake.add_base("ops")
    fake.silent.set()
    run = fake.add_run(fake.add_thread(), {"input": "?"})
    with RunStream(api, run["id"]) as following:
        assert next(iter(following))
    for reader in [thread for thread in threading.enumerate() if thread.name == "follow-run"]:
        reader.join(timeout=10)
        assert not reader.is_alive()


def test_following_a_run_that_is_not_there_is_an_error(api: Api) -> None:
    with pytest.raises(ApiError), RunStream(api, "missing") as following:
        list(following)


def test_an_error_of_the_api_is_a_sentence_with_a_code(fake: FakeApi, api: Api) -> None:
    fake.add_base("ops")
    with pytest.raises(ApiError, match="is taken") as raised:
        api.create_knowledge_base("ops")
    assert (raised.value.code, raised.value.status) == ("name_taken", 409)


def test_an_api_that_is_away_is_an_error_too() -> None:
    with pytest.raises(ApiError) as raised:
        Api(open_connection("http://127.0.0.1:9")).models()
    assert raised.value.code == "unreachable"


@pytest.mark.parametrize("name", ["../../etc", "a/b", "a?b=c", "..", ""])
def test_an_id_from_the_address_stays_one_part_of_the_path(api: Api, name: str) -> None:
    with pytest.raises(ApiError) as raised:
        api.thread(name)
    assert raised.value.status == 404


def test_fields_not_known_are_ignored_and_those_missing_have_defaults() -> None:
    data = json.loads('{"items": [{"id": "1", "name": "n", "new": 1}], "next_cursor": null}')
    page = decode(Page[KnowledgeBase], data)
    assert page.items == [KnowledgeBase(id="1", name="n")]
    with pytest.raises(ValueError, match="without status"):
        decode(Job, {"id": "1", "kind": "build"})


def test_conversations_stand_under_the_day_they_changed() -> None:
    days = ["2026-01-10T09:00", "2026-01-09T09:00", "2026-01-03T09:00", "2026-01-02T09:00", "2025-12-01T09:00"]
    threads = [Thread(id=day, title="t", updated_at=datetime.fromisoformat(f"{day}:00+00:00")) for day in days]
    grouped = [(name, len(found)) for name, found in by_date(threads, date(2026, 1, 10))]
    assert grouped == [("today", 1), ("yesterday", 1), ("week", 1), ("2026-01", 1), ("2025-12", 1)]


def test_words_that_were_searched_for_are_marked_and_nothing_else_counts_as_markdown() -> None:
    assert marked("Roll *back* web", "BACK") == "Roll \\* :orange-background[back] \\* web"
    assert marked("a [b](c)", "") == "a \\[b\\]\\(c\\)"


@pytest.mark.parametrize(
    ("title", "stem"),
    [("How to: roll/back?", "How-to-roll-back"), ("如何 回滚？", "如何-回滚"), ("../..", ""), ("...", "")],
)
def test_a_title_becomes_the_name_of_a_file(title: str, stem: str) -> None:
    assert file_stem(title) == stem


def test_a_card_shows_rows_as_a_table_and_code_as_code() -> None:
    table = ["table", [["tbody", [["tr", [["td", ["a"]], ["td", [["code", ["b"]]]]]]]]]]
    assert preview("| a | `b` |", "x.xlsx") == [table]
    assert preview("![pixel](https://x.example/p.png) and [a link](https://x.example)", "x.md") == [
        ["p", ["🖼 pixel", " and ", "a link"]]
    ]
    assert preview("<img src=x onerror=alert(1)>", "x.md") == [["p", ["<img src=x onerror=alert(1)>"]]]
    assert preview("key: *anchor", "x.yaml") == [["pre", ["key: *anchor"]]]


def test_a_sheet_is_cut_around_its_passage_and_keeps_its_head() -> None:
    rows = [f"| row {number} | {'x' * 90} |" for number in range(2_000)]
    text = "\n".join(["", "| a | b |", "| --- | --- |", *rows, ""])
    start = text.index("| row 1000 ")
    shown, was_cut = cut_table(text, start, start + 20)
    assert was_cut
    assert shown.startswith("| a | b |\n| --- | --- |\n| row 9")
    assert "| row 1000 " in shown
    assert len(shown) < 20_000
    assert cut_table("| a |\n", 0, 3) == ("| a |\n", False)


def test_files_that_code_made_are_offered_once_and_pictures_are_not() -> None:
    def ran(*files: dict[str, object]) -> Entry:
        return Entry(kind="tool", id="1", data={"data": {"files": list(files)}})

    def file(path: str, artifact: str, kind: str = "text/csv") -> dict[str, object]:
        return {"path": path, "media_type": kind, "size": 7, "artifact_id": artifact}

    entries = [
        ran(file("a.csv", "a1"), file("plot.png", "p1", "image/png"), file("lost.csv", "")),
        ran(file("a.csv", "a2"), file("page.html", "h1", "text/html"), file("x.csv", "../../etc")),
        Entry(kind="tool", id="2", data={"data": [1]}),
    ]
    assert [(each.id, each.path, each.is_text) for each in made_files(entries)] == [
        ("a2", "a.csv", True),
        ("h1", "page.html", True),
    ]


def test_mail_keeps_its_lines_and_leaves_a_quotation() -> None:
    assert mail_lines("One\ntwo\n> said\nanswer") == "One  \ntwo  \n> said  \n\nanswer  "


def test_a_passage_is_cut_out_at_whole_blocks() -> None:
    text = "# A\n\nOne two.\n\n```\nx\n\ny\n```\n\nLast."
    assert text[slice(*whole_blocks(text, text.index("two"), text.index("two") + 3))].strip() == "One two."
    assert text[slice(*whole_blocks(text, text.index("y"), text.index("y") + 1))].strip() == "```\nx\n\ny\n```"
    assert whole_blocks(text, 0, 0) == (0, 0)


def test_a_page_of_a_base_is_drawn_anew_when_its_first_documents_come() -> None:
    def base(documents: int, chunks: int) -> KnowledgeBase:
        given = {"id": "b", "name": "ops", "description": "", "embedders": [], "failed_count": 0, "indexes": []}
        return decode(KnowledgeBase, given | {"document_count": documents, "chunk_count": chunks, "waiting_count": 0})

    empty, begun, more = base(0, 0), base(3, 6), base(9, 30)
    assert is_outdated(0.5, empty, begun)
    assert is_outdated(0.5, base(3, 0), begun)
    assert not is_outdated(0.5, begun, more)
    assert is_outdated(4.0, begun, more)
    assert not is_outdated(4.0, more, more)
    assert is_outdated(11.0, more, more)


def test_sentences_of_one_source_are_one_place_to_step_to() -> None:
    def citation(number: int, start: int) -> dict[str, object]:
        place = {"document_id": "d", "knowledge_base_id": "b", "path": "a.md", "title": "A", "quote": "q"}
        return place | {"number": number, "start": start, "end": start + 1, "answer_start": start}

    given = {"id": "m", "thread_id": "t", "role": "assistant", "text": "x"}
    message = decode(Message, given | {"citations": [citation(1, 0), citation(1, 5), citation(2, 9)]})
    assert [place.start for place in places_of("m-1", {"m": message})] == [5, 9]
    assert [place.start for place in places_of("m-2", {"m": message})] == [0, 9]
    assert places_of("m-9", {"m": message}) == []


def test_the_card_of_a_chip_names_sheet_and_row() -> None:
    place = {"document_id": "d", "knowledge_base_id": "b", "path": "a.xlsx", "title": "A", "quote": "q", "number": 1}
    cited = place | {"start": 0, "end": 1, "heading_path": ["Hosts"], "anchor": "sheet=Hosts&row=45"}
    message = decode(Message, {"id": "m", "thread_id": "t", "role": "assistant", "text": "x", "citations": [cited]})
    assert cards_of(message, {})["m-0"]["heading"] == "Hosts › row 45"


@pytest.mark.parametrize(
    ("anchor", "named"),
    [
        ("sheet=Hosts&row=45", "row 45"),
        ("row=45-48", "rows 45 to 48"),
        ("sheet=row%3D3", ""),
        ("page=3", ""),
        ("the-row=3-of-a-table", ""),
        ("", ""),
    ],
)
def test_rows_are_read_from_an_anchor(anchor: str, named: str) -> None:
    assert rows_label(anchor) == named


def test_the_parts_of_a_score_have_short_names_and_say_what_they_are() -> None:
    names = part_names(["lexical", "named", "vector:all-minilm"])
    assert [label for label, _ in names.values()] == ["words", "names", "vectors"]
    assert "all-minilm" in (names["vector:all-minilm"][1] or "")
    two = part_names(["vector:a", "vector:b"])
    assert [label for label, _ in two.values()] == ["vectors 1", "vectors 2"]
    assert part_names(["new"]) == {"new": ("new", None)}
