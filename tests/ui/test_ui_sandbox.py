"""The page of the sandbox, and the cells under an answer, against a scripted API."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from frontend.components.code_cell import code_blocks, runnable_blocks
from frontend.sandbox.results import plain_output
from frontend.sandbox.views import SandboxStatus
from tests.fake_api import FakeApi

OpenPage = Callable[..., AppTest]
ANSWER = "Try this:\n\n```python\nprint('hi')\n```\n\nand\n\n```yaml\nkind: Pod\n```\n\n```bash\nls\n```\n"


def test_what_is_missing_is_said(open_page: OpenPage) -> None:
    page = open_page("sandbox")
    assert page.info
    assert any("No Docker engine answers." in each.value for each in page.text)
    assert not page.text_area


def test_code_runs_in_a_cell_and_the_session_is_listed_and_ended(fake: FakeApi, open_page: OpenPage) -> None:
    fake.sandbox.available = True
    page = open_page("sandbox")
    assert any("CHATBOT_SANDBOX__NETWORK__PACKAGES" in each.value for each in page.caption)
    page.text_area(key="sandbox-code").set_value("1 + 1")
    page.button(key="sandbox-run").click().run()
    assert not page.exception
    assert any("fork bomb" in each.value for each in page.caption)
    assert any("matplotlib" in each.value and "--for bubblewrap" in each.value for each in page.info)
    (picture,) = page.image
    assert picture.proto.imgs[0].caption == "plot.png"  # the other one is no picture
    ((session, runs),) = fake.sandbox.sessions.items()
    assert runs == [{"code": "1 + 1", "language": "python"}]
    shown = [each.value for each in page.code]
    assert "hello\u241b[31m" in shown
    assert "2" in shown
    assert not any("<script>" in each for each in shown)
    page.button(key=f"end-{session}").click().run()
    assert not page.exception
    assert not fake.sandbox.sessions


def test_a_session_with_a_network_is_asked_for_and_tells_of_its_requests(fake: FakeApi, open_page: OpenPage) -> None:
    fake.sandbox.available = True
    fake.sandbox.hosts = ["api.example.org"]
    page = open_page("sandbox")
    page.multiselect(key="sandbox-hosts").set_value(["packages", "api.example.org"]).run()
    page.button(key="sandbox-open").click().run()
    assert not page.exception
    assert list(fake.sandbox.networks.values()) == [["packages", "api.example.org"]]
    (session,) = fake.sandbox.sessions
    chosen = page.selectbox(key="sandbox-chosen")
    assert chosen.value == session
    assert chosen.options == ["the page's own", f"{session[-6:]}, with network"]
    page.text_area(key="sandbox-code").set_value("1 + 1")
    page.button(key="sandbox-run").click().run()
    assert fake.sandbox.sessions[session]
    (row,) = page.dataframe[0].value.to_dict("records")
    assert row["Request"] == "CONNECT evil.test:443"
    assert "not on the session's list" in row["Decision"]


def test_an_answers_code_runs_when_it_is_asked_for(fake: FakeApi, open_page: OpenPage) -> None:
    fake.sandbox.available = True
    thread = fake.add_thread("ops")
    question = fake.add_message(thread, "user", "how?", None)
    answer = fake.add_message(thread, "assistant", ANSWER, question["id"], mode="extractive")
    page = open_page(thread=thread)
    assert not fake.sandbox.sessions
    cell = page.text_area(key=f"code-{answer['id']}-0")
    assert cell.value == "print('hi')"
    cell.set_value("print('changed')")
    page.button(key=f"run-{answer['id']}-0").click().run()
    assert not page.exception
    (runs,) = fake.sandbox.sessions.values()
    assert runs == [{"code": "print('changed')", "language": "python"}]


def test_without_a_sandbox_an_answer_has_no_cells(fake: FakeApi, open_page: OpenPage) -> None:
    thread = fake.add_thread("ops")
    question = fake.add_message(thread, "user", "how?", None)
    answer = fake.add_message(thread, "assistant", ANSWER, question["id"], mode="extractive")
    page = open_page(thread=thread)
    with pytest.raises(KeyError):
        page.text_area(key=f"code-{answer['id']}-0")


def test_blocks_that_name_a_language_which_runs() -> None:
    status = SandboxStatus(adapter="docker", available=True, languages=["python", "shell"], aliases={"sh": "shell"})
    assert list(runnable_blocks("```Python\n1\n```\n```sh\nls\n```\n```yaml\na: 1\n```", status)) == [
        ("python", "1"), ("shell", "ls"),
    ]  # fmt: skip
    assert list(code_blocks("~~~js\nlet x = '```'\n~~~\n```\nplain\n```")) == [("js", "let x = '```'")]
    assert not list(code_blocks("```python\n\n```\n" + "`" * 5000))


@pytest.mark.parametrize("text", ["\x1b]0;title\x07", "\u202egnp.exe", "\x9b31m", "\x00"])
def test_output_deceives_nobody(text: str) -> None:
    assert not set(plain_output(text)) & {"\x1b", "\x07", "\u202e", "\x9b", "\x00"}
