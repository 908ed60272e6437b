"""The page of phases, and the picker of modes in the chat, against a scripted API."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from frontend.phases.drafts import Draft
from tests.fake_api import FakeApi
from tests.fake_phases import TEXT

OpenPage = Callable[..., AppTest]

MINE = TEXT.replace("name: answer", "name: mine", 1).replace("en: Document Q&A", "en: Mine")


def words(page: AppTest) -> str:
    return "\n".join(str(each.value) for each in (*page.markdown, *page.caption, *page.text, *page.title))


def type_text(page: AppTest, text: str) -> AppTest:
    """What the editor does after a pause of whoever types."""
    draft = page.session_state["phase-draft"]
    page.session_state["phase-draft"] = Draft(text=text, name=draft.name, version=draft.version, stamp=draft.stamp)
    return page.run()


def test_all_phases_are_listed_with_what_is_missing(fake: FakeApi, open_page: OpenPage) -> None:
    fake.phases["mine"] = [MINE]
    page = open_page("phases")
    assert not page.exception
    assert "**Mine**" in words(page)
    assert "there is no sandbox here" in words(page)
    assert page.button(key="try-coder").disabled
    assert not page.button(key="try-answer").disabled
    page.session_state["lang"] = "zh"
    page.run()
    assert "文档问答" in words(page)
    assert "沙箱" in words(page)


def test_a_copy_is_checked_as_it_is_typed_and_saved(fake: FakeApi, open_page: OpenPage) -> None:
    page = open_page("phases", phase="answer")
    page.button(key="copy-phase").click().run()
    assert not page.exception
    assert page.session_state["phase-draft"].text.startswith("name: my_answer\n")
    page = type_text(page, page.session_state["phase-draft"].text.replace("kind: answer", "kind: anwser"))
    assert "Did you mean 'answer'?" in words(page)
    assert any("Line 5" in str(each.value) for each in page.markdown)
    assert page.button(key="save-phase").disabled
    page = type_text(page, page.session_state["phase-draft"].text.replace("anwser", "answer"))
    assert page.success
    page.button(key="save-phase").click().run()
    assert not page.exception
    assert list(fake.phases) == ["my_answer"]
    assert page.query_params["phase"] == ["my_answer"] or page.query_params["phase"] == "my_answer"


def test_versions_are_compared_rolled_back_and_conflicts_lose_nothing(fake: FakeApi, open_page: OpenPage) -> None:
    fake.phases["mine"] = [MINE, MINE.replace("Answers.", "Says.")]
    page = open_page("phases", phase="mine")
    assert any("+description: {en: Says." in str(each.value) for each in page.code)
    page.button(key="back-1").click().run()
    assert fake.phases["mine"][-1] == MINE
    page.button(key="edit-phase").click().run()
    fake.phases["mine"].append(MINE.replace("Answers.", "Theirs."))
    mine = MINE.replace("Answers.", "Ours.")
    page = type_text(page, mine)
    page.button(key="save-phase").click().run()
    assert "saved it meanwhile" in page.error[0].value
    page.button(key="newest-phase").click().run()
    page.button(key="save-phase").click().run()
    assert fake.phases["mine"][-1] == mine
    page.button(key="delete-phase").click().run()
    assert not fake.phases


def test_the_next_question_is_asked_in_the_mode_that_is_picked(fake: FakeApi, open_page: OpenPage) -> None:
    page = open_page()
    assert page.session_state["phase"] == "answer"
    assert page.button(key="choose-coder").disabled
    page.button(key="choose-team").click().run()
    page.chat_input(key="question").set_value("How?").run()
    assert not page.exception
    (run,) = fake.runs.values()
    assert run["asked"]["phase"] == "team"


def test_trying_a_phase_opens_the_chat_in_it(fake: FakeApi, open_page: OpenPage) -> None:
    page = open_page("phases")
    page.button(key="try-team").click().run()
    assert not page.exception
    assert page.session_state["phase"] == "team"
    assert page.button(key="choose-team")
