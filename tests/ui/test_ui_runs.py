"""Runs done by agents: their timeline, what they ask a person, and the page of all runs, against a scripted API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from agents.events import ApprovalRequested
from tests.fake_api import FakeApi

OpenPage = Callable[..., AppTest]

SCHEMA = {
    "type": "object",
    "properties": {
        "deployment": {"type": "string"},
        "replicas": {"type": "integer", "minimum": 0},
        "dry_run": {"type": "boolean"},
    },
    "required": ["deployment"],
}


def call(**more: Any) -> ApprovalRequested:
    given: dict[str, Any] = {
        "approval_id": "ap1", "tool": "restart", "arguments": {"deployment": "web", "replicas": 2},
        "reason": "It changes a deployment.", "expires_at": "2999-01-01T00:00:00+00:00", "parameters": SCHEMA,
        "step_id": "a2",
    }  # fmt: skip
    return ApprovalRequested(**{**given, **more})


def labels(page: AppTest) -> str:
    return "\n".join(str(each.label) for each in page.get("status"))


def said(page: AppTest) -> str:
    return "\n".join(str(each.value) for kind in ("markdown", "text", "caption", "code") for each in page.get(kind))


def ask(fake: FakeApi, open_page: OpenPage, asked: ApprovalRequested) -> AppTest:
    fake.add_base("ops")
    fake.asks = asked
    page = open_page()
    page.chat_input[0].set_value("Restart web").run()
    assert not page.exception
    return page


def test_a_call_is_shown_exactly_and_goes_on_when_it_is_approved(fake: FakeApi, open_page: OpenPage) -> None:
    page = ask(fake, open_page, call())
    assert '"deployment": "web"' in said(page)
    assert "It changes a deployment." in said(page)
    assert "Worker" in labels(page)
    assert "`list_pods`" in labels(page)
    assert list(page.dataframe[0].value["pod"]) == ["web-1", "web-2"]
    page.button(key="approve-ap1").click().run()
    assert not page.exception
    assert fake.decisions == [{"decision": "approve"}]
    assert "Restarted." in said(page)
    assert "approve-ap1" not in [button.key for button in page.button]


def test_a_card_names_the_tool_and_the_reason_in_the_language_and_says_nothing_twice(
    fake: FakeApi, open_page: OpenPage
) -> None:
    more = {"titles": {"en": "Restart a deployment", "zh": "重启部署"}, "source": "prod"}
    page = ask(fake, open_page, call(reason="It changes something.", reason_code="changes", **more))
    assert "Restart a deployment · prod" in said(page)
    assert "It changes something." not in said(page)
    fake.asks = call(approval_id="ap2", reason="What it changes is not known.", reason_code="unknown", **more)
    page = open_page(lang="zh")
    page.chat_input[0].set_value("重启 web").run()
    assert "重启部署 · prod" in said(page)
    assert "它会改变什么尚不清楚。" in said(page)


def test_a_card_is_there_after_a_reload_and_what_another_window_decides_is_seen(
    fake: FakeApi, open_page: OpenPage
) -> None:
    first = ask(fake, open_page, call())
    thread = first.query_params["thread"]
    second = open_page(thread=thread)
    assert second.button(key="approve-ap1")
    second.text_input(key="comment-ap1").set_value("not today")
    second.button(key="reject-ap1").click().run()
    assert fake.decisions == [{"decision": "reject", "comment": "not today"}]
    assert "Not restarted." in said(second)
    first.run()
    assert "Not restarted." in said(first)
    assert not first.exception


def test_how_long_an_answer_took_is_told_without_the_time_in_which_a_person_was_waited_for(
    fake: FakeApi, open_page: OpenPage
) -> None:
    page = ask(fake, open_page, call())
    page.button(key="approve-ap1").click().run()
    times = {
        "created_at": "2026-01-05T12:00:00Z", "finished_at": "2026-01-05T12:01:00Z", "waited_s": 52.5,
    }  # fmt: skip
    run = next(iter(fake.runs.values()))
    run.update(times)
    fake.message_of(run).update(times)
    for lang, told in (("en", "7.5 s · waited 52.5 s for a person"), ("zh", "用时 7.5 秒 · 等待人工 52.5 秒")):
        assert told in said(open_page(thread=run["thread_id"], lang=lang))
    listed = open_page("runs")
    assert "7.5 s · waited 52.5 s for a person" in said(listed)
    shown = open_page("runs", run=run["id"])
    figures = {each.label: each.value for each in shown.metric}
    assert (figures["Time"], figures["Waiting for a person"]) == ("7.5 s", "52.5 s")


def test_edited_arguments_are_sent_with_the_decision(fake: FakeApi, open_page: OpenPage) -> None:
    page = ask(fake, open_page, call())
    page.toggle(key="edit-ap1").set_value(True).run()
    page.text_input(key="arguments-ap1-replicas").set_value("three")
    page.button(key="approve-ap1").click().run()
    assert "replicas" in page.error[0].value
    assert fake.decisions == []
    page.text_input(key="arguments-ap1-replicas").set_value("3")
    page.button(key="approve-ap1").click().run()
    assert fake.decisions == [{"decision": "approve", "arguments": {"deployment": "web", "replicas": 3}}]


def test_arguments_beyond_a_form_are_edited_as_json(fake: FakeApi, open_page: OpenPage) -> None:
    page = ask(fake, open_page, call(parameters={"type": "object", "properties": {"deployment": {"$ref": "#/x"}}}))
    page.toggle(key="edit-ap1").set_value(True).run()
    page.text_area(key="arguments-ap1-json").set_value('{"deployment": "api"}')
    page.button(key="approve-ap1").click().run()
    assert fake.decisions == [{"decision": "approve", "arguments": {"deployment": "api"}}]


@pytest.mark.parametrize(("round", "words"), [(1, "a second time"), (2, "Second question")])
def test_what_destroys_says_that_it_is_asked_twice(fake: FakeApi, open_page: OpenPage, round: int, words: str) -> None:
    page = ask(fake, open_page, call(risk="destructive", round=round))
    assert words in page.warning[0].value
    assert [each.key for each in page.toggle if each.key == "edit-ap1"] == (["edit-ap1"] if round == 1 else [])


def test_a_question_is_answered_by_a_button_or_in_words(fake: FakeApi, open_page: OpenPage) -> None:
    question = call(tool="", arguments={}, reason="Where?", parameters={"type": "string", "enum": ["staging", "prod"]})
    page = ask(fake, open_page, question)
    assert "Where?" in said(page)
    page.button(key="send-ap1").click().run()
    assert "Write an answer" in page.error[0].value
    page.button(key="option-ap1-1").click().run()
    assert fake.decisions == [{"decision": "approve", "comment": "prod"}]


def test_a_waiting_conversation_is_marked(fake: FakeApi, open_page: OpenPage) -> None:
    page = ask(fake, open_page, call())
    row = page.button(key=f"open-{page.query_params['thread']}")
    assert row.help == "Waits for your decision"


def test_a_finished_run_can_be_read_again_with_its_plan_and_its_limits(fake: FakeApi, open_page: OpenPage) -> None:
    page = ask(fake, open_page, call())
    page.button(key="approve-ap1").click().run()
    answer = fake.messages[page.query_params["thread"]][1]
    later = open_page(thread=page.query_params["thread"])
    assert "Plan" not in labels(later)
    assert len(later.get("vega_lite_chart")) + len(later.get("arrow_vega_lite_chart")) == 1
    later.session_state[f"trace-{answer['id']}"] = True
    later.run()
    drawn = labels(later)
    assert "Plan: 1 of 2 done" in drawn
    assert "Limit reached: steps (3.0 of 3.0)" in drawn or "Limit reached: steps (3 of 3)" in drawn
    assert drawn.count("Worker") == 1
    assert "approved" in drawn
    assert "I look at the pods \\*first\\*." in drawn


def test_a_plain_answer_looks_as_it_did(fake: FakeApi, open_page: OpenPage) -> None:
    fake.add_base("ops")
    page = open_page()
    page.chat_input[0].set_value("How?").run()
    thread = page.query_params["thread"]
    assert [each.label for each in open_page(thread=thread).expander] == ["Why these passages"]


def test_runs_are_found_opened_by_address_and_exported(fake: FakeApi, open_page: OpenPage) -> None:
    ask(fake, open_page, call())
    fake.asks = None
    fake.add_run(fake.add_thread("t"), {"input": "Something else"})
    (team, other) = fake.runs
    page = open_page("runs")
    assert page.button(key=f"run-{team}")
    assert page.button(key=f"run-{other}")
    page.text_input(key="run-tool").set_value("list_pods").run()
    assert f"run-{other}" not in [button.key for button in page.button]
    page.button(key=f"run-{team}").click().run()
    assert not page.exception
    assert page.query_params["run"] == team
    assert page.title[0].value == "Restart web"
    assert [each.value for each in page.metric] == ["1", "100 / 20"]
    page.button(key="approve-ap1").click().run()
    assert "Restarted." in said(page)
    assert [each.value for each in page.metric][:2] == ["2", "150 / 25"]


def test_a_run_that_ended_between_two_looks_at_it_is_not_followed_for_ever(fake: FakeApi, open_page: OpenPage) -> None:
    run = fake.add_run(fake.add_thread("t"), {"input": "How?"})
    fake.ends_between_looks = run["id"]
    page = open_page("runs", run=run["id"])
    assert not page.exception
    assert page.title[0].value == "q"
    assert "stop-run" not in [button.key for button in page.button]


def test_a_run_that_is_gone_is_said_to_be(open_page: OpenPage) -> None:
    page = open_page("runs", run="f" * 32)
    assert page.info
