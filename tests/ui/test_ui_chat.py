"""The chat page against a scripted API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.fake_api import ANSWER, NOW, QUOTE, TEXT, FakeApi

OpenPage = Callable[..., AppTest]

NEAR = {"document_id": "d", "knowledge_base_id": "b", "path": "runbook.md", "title": "Runbook", "url": ""}
CITED = {**NEAR, "number": 1, "heading_path": [], "anchor": "", "quote": QUOTE, "start": 0, "end": 9,
         "answer_start": 0, "answer_end": 3, "support": 1.0, "supported": True}  # fmt: skip
CALLED = {"call_id": "c", "audit_id": "a", "tool": "query_table", "source": "builtin", "number": 1}


def texts(page: AppTest) -> str:
    return "\n".join(str(each.value) for kind in ("markdown", "text", "caption") for each in page.get(kind))


def ask(page: AppTest, question: str) -> AppTest:
    page.chat_input[0].set_value(question).run()
    assert not page.exception
    return page


def test_without_documents_the_way_to_add_some_is_shown(open_page: OpenPage) -> None:
    page = open_page()
    assert page.button(key="add-knowledge")


def test_a_base_offers_questions_from_its_documents(fake: FakeApi, open_page: OpenPage) -> None:
    fake.add_base("ops")
    page = open_page()
    assert "roll back" in page.button(key="card-0").label
    assert "What can you do?" in page.button(key="card-can").label
    answer = fake.messages[ask(page, "How?").query_params["thread"]][1]["id"]
    page = page.button(key=f"follow-{answer}-0").click().run()
    assert fake.messages[page.query_params["thread"]][2]["text"] == "What is a rollout?"


def test_with_the_guide_alone_adding_documents_comes_first(fake: FakeApi, open_page: OpenPage) -> None:
    fake.bases[fake.add_base("guide")]["is_sample"] = True
    keys = [each.key for each in open_page().main.button]
    assert keys.index("add-knowledge") < keys.index("card-0")


def test_a_question_asked_in_a_stale_page_follows_the_newest_answer(fake: FakeApi, open_page: OpenPage) -> None:
    fake.add_base("ops")
    page = ask(open_page(), "How?")
    thread = page.query_params["thread"]
    elsewhere = fake.add_message(thread, "user", "And elsewhere?", fake.messages[thread][1]["id"])
    newest = fake.add_message(thread, "assistant", "Elsewhere.", elsewhere["id"], mode="extractive")
    page = ask(page, "And here?")
    assert fake.messages[thread][4]["parent_id"] == newest["id"]
    assert "And elsewhere?" in texts(page)
    assert page.toast


def test_conversations_are_pinned_and_tagged_and_a_hit_is_shown(fake: FakeApi, open_page: OpenPage) -> None:
    fake.add_thread("Deploy")
    pinned = fake.add_thread("Rollout")
    fake.threads[pinned] |= {"pinned": True, "tags": ["incident"]}
    page = open_page()
    assert [each.value for each in page.sidebar.caption][:2] == ["Pinned", ":gray-badge[incident]"]
    page.pills(key="thread-tag").set_value("incident").run()
    assert [each.label for each in page.sidebar.button if (each.key or "").startswith("open-")] == ["Rollout"]


def test_an_answer_is_followed_and_drawn_with_its_citations(fake: FakeApi, open_page: OpenPage) -> None:
    fake.add_base("ops")
    page = ask(open_page(), "How do we roll back?")
    drawn = texts(page)
    answer = fake.messages[page.query_params["thread"]][1]
    assert f"(#cite-{answer['id']}-0)" in drawn
    assert f"(#cite-{answer['id']}-1-weak)" in drawn
    assert "🖼 [spy]" in drawn
    assert "![spy]" not in drawn
    assert "How do we roll back?" in drawn
    assert page.button(key=f"source-{answer['id']}-1")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (TEXT, ""),
        (f"# Runbook\n\nBefore anything else, think. {QUOTE}\n", ""),
        ("# Runbook\n\n## Roll back\n\nRevert the commit and wait for the controller.\n", "has changed since"),
        (None, "no longer in the knowledge base"),
    ],
)
def test_a_source_is_marked_where_its_quote_stands_and_nowhere_else(
    fake: FakeApi, open_page: OpenPage, document: str | None, said: str
) -> None:
    fake.add_base("ops")
    page = ask(open_page(), "How do we roll back?")
    fake.document = document
    answer = fake.messages[page.query_params["thread"]][1]
    page.button(key=f"source-{answer['id']}-1").click().run()
    assert not page.exception
    warnings = [each.value for each in page.warning]
    assert [said in each for each in warnings] == ([True] if said else [])
    assert (QUOTE in [each.value for each in page.code]) == bool(said)
    assert not page.error


def test_a_source_names_the_rows_that_are_quoted(fake: FakeApi, open_page: OpenPage) -> None:
    fake.add_base("ops")
    page = ask(open_page(), "How do we roll back?")
    answer = fake.messages[page.query_params["thread"]][1]
    for citation in answer["citations"]:
        citation.anchor = "sheet=Hosts&row=45"
    page.run()
    button = page.button(key=f"source-{answer['id']}-1")
    assert button.help.endswith("Roll back › row 45")
    button.click().run()
    assert any("runbook.md · row 45" in each.value for each in page.caption)
    fake.document = f"# Runbook\n\nBefore anything else, think. {QUOTE}\n"  # it stands elsewhere now
    page.run()
    page.button(key=f"source-{answer['id']}-1").click().run()
    assert not [each.value for each in page.caption if "row 45" in each.value]


def test_a_running_answer_is_re_attached_from_the_address(fake: FakeApi, open_page: OpenPage) -> None:
    fake.add_base("ops")
    thread = fake.add_thread("t")
    fake.add_run(thread, {"input": "How?"})
    page = open_page(thread=thread)
    assert "kubectl rollout undo" in texts(page)
    assert fake.messages[thread][1]["status"] == "finished"


def test_regenerating_makes_a_sibling_and_arrows_lead_back(fake: FakeApi, open_page: OpenPage) -> None:
    fake.add_base("ops")
    page = ask(open_page(), "How?")
    first = fake.messages[page.query_params["thread"]][1]["id"]
    with pytest.raises(KeyError):  # nothing has changed, so nothing could come out differently
        page.button(key=f"regenerate-{first}")
    for base in fake.bases.values():
        base["changed_at"] = NOW + timedelta(days=1)
    page.run().button(key=f"regenerate-{first}").click().run()
    second = fake.messages[page.query_params["thread"]][2]
    assert second["parent_id"] == fake.messages[page.query_params["thread"]][0]["id"]
    assert "2/2" in texts(page)
    page.button(key=f"previous-{second['id']}").click().run()
    assert "1/2" in texts(page)
    assert page.button(key=f"regenerate-{first}")


def test_an_edited_question_is_asked_beside_the_first(fake: FakeApi, open_page: OpenPage) -> None:
    fake.add_base("ops")
    page = ask(open_page(), "How?")
    thread = page.query_params["thread"]
    question = fake.messages[thread][0]["id"]
    page.button(key=f"edit-{question}").click().run()
    page.text_area(key=f"edited-{question}").set_value("How exactly?")
    page.form_submit_button[0].click().run()
    assert not page.exception
    assert [m["text"] for m in fake.messages[thread] if m["role"] == "user"] == ["How?", "How exactly?"]
    assert "How exactly?" in texts(page)


def test_a_failed_answer_is_told_in_chinese(fake: FakeApi, open_page: OpenPage) -> None:
    fake.add_base("ops")
    fake.fails = True
    page = ask(open_page(lang="zh"), "How?")
    assert "语言模型没有响应" in page.error[0].value
    thread = page.query_params["thread"]
    assert "语言模型没有响应" in open_page(lang="zh", thread=thread).error[0].value


def test_a_failed_run_says_what_happened_and_can_be_tried_again(fake: FakeApi, open_page: OpenPage) -> None:
    fake.add_base("ops")
    fake.fails = True
    page = ask(open_page(), "How?")
    assert "does not answer" in page.error[0].value
    fake.fails = False
    failed = fake.messages[page.query_params["thread"]][1]["id"]
    page.button(key=f"again-{failed}").click().run()
    assert "kubectl rollout undo" in texts(page)


def test_uncited_sentences_are_marked_in_a_models_answer_only(fake: FakeApi, open_page: OpenPage) -> None:
    fake.add_base("ops")
    fake.models["m"] = {"id": "m", "name": "qwen", "model": "q", "base_url": "", "has_api_key": False,
                        "is_default": True, "origin": "stored"}  # fmt: skip
    page = ask(open_page(), "How?")
    assert "(#uncited)" in texts(page)
    page.selectbox(key="model").set_value("none").run()
    page.segmented_control(key="lang").set_value("zh").run()
    assert page.selectbox(key="model").value == "none"
    page = ask(page, "And now?")
    assert fake.runs[fake.messages[page.query_params["thread"]][3]["run_id"]]["asked"]["model"] == "none"
    assert fake.runs[fake.messages[page.query_params["thread"]][3]["run_id"]]["asked"]["language"] == "zh"
    assert texts(page).count("(#uncited)") == 1


@pytest.mark.parametrize(
    ("answer", "badge", "why"),
    [
        ({"phase": "answer", "verdict": "answered"}, False, False),  # "What can you do?"
        ({"phase": "command", "verdict": "answered"}, False, False),
        ({"phase": "command", "verdict": "answered", "citations": [{**CITED, "call": CALLED}]}, False, False),
        ({"phase": "command", "verdict": "answered", "citations": [CITED]}, True, False),
        ({"phase": "answer", "verdict": "answered", "citations": [CITED]}, True, True),
        ({"phase": "answer", "verdict": "nothing", "nearest": [NEAR]}, False, True),
    ],
)
def test_what_says_quoted_stands_where_something_was(
    fake: FakeApi, open_page: OpenPage, answer: dict[str, Any], badge: bool, why: bool
) -> None:
    thread = fake.add_thread("t")
    run = fake.add_run(thread, {"input": "How?"})
    fake.message_of(run).update({"status": "finished", "mode": "extractive", "text": "So.", **answer})
    page = open_page(thread=thread)
    assert (":material/format_quote:" in texts(page)) is badge
    assert ("Why these passages" in [each.label for each in page.expander]) is why


def test_why_these_passages_is_read_when_it_is_opened(fake: FakeApi, open_page: OpenPage) -> None:
    fake.add_base("ops")
    thread = fake.add_thread("t")
    run = fake.add_run(thread, {"input": "How?"})
    page = open_page(thread=thread)
    page.session_state["run-states"] = {}
    page.session_state[f"why-{run['message_id']}"] = True
    page.run()
    table = page.dataframe[0].value
    assert list(table["Used as"]) == ["[1]", "below the first results"]
    assert list(table["words"]) == [0.8, 0.1]


def test_feedback_is_sent_and_taken_back(fake: FakeApi, open_page: OpenPage) -> None:
    fake.add_base("ops")
    page = ask(open_page(), "How?")
    answer = fake.messages[page.query_params["thread"]][1]
    page.feedback(key=f"thumbs-{answer['id']}").set_value(0).run()
    assert answer["feedback"]["rating"] == "down"
    page.feedback(key=f"thumbs-{answer['id']}").set_value(None).run()
    assert answer["feedback"] is None


def test_conversations_can_be_found_and_opened(fake: FakeApi, open_page: OpenPage) -> None:
    fake.add_base("ops")
    first, second = fake.add_thread("Backups"), fake.add_thread("Certificates")
    page = open_page()
    page.text_input(key="thread-search").set_value("back").run()
    assert page.button(key=f"open-{first}")
    assert f"open-{second}" not in [button.key for button in page.button]
    page.button(key=f"open-{first}").click().run()
    assert page.query_params["thread"] == first


def test_a_deleted_conversation_in_the_address_is_said_to_be_gone(fake: FakeApi, open_page: OpenPage) -> None:
    page = open_page(thread="f" * 32)
    assert page.info
    page.button(key="leave").click().run()
    assert "thread" not in page.query_params


def test_the_api_being_away_is_said_with_what_to_do(fake: FakeApi, open_page: OpenPage) -> None:
    page = open_page()
    page.secrets["api_url"] = "http://127.0.0.1:9"
    page.run()
    assert "devops-chatbot up" in page.error[0].value
    assert page.button(key="retry-chat")


def test_the_interface_speaks_chinese_when_the_browser_does(fake: FakeApi, api_url: str, open_page: OpenPage) -> None:
    page = open_page(lang="zh")
    assert page.title[0].value == "您想了解什么？"


def test_the_answer_text_of_the_script_is_untouched_in_the_backend(fake: FakeApi, open_page: OpenPage) -> None:
    fake.add_base("ops")
    page = ask(open_page(), "How?")
    assert fake.messages[page.query_params["thread"]][1]["text"] == ANSWER
