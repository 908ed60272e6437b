"""The pages for knowledge, evaluation and models against a scripted API."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from tests.fake_api import FakeApi

OpenPage = Callable[..., AppTest]


def fill_create_form(page: AppTest, name: str) -> AppTest:
    page.text_input(key="create-name-0").set_value(name)
    page.file_uploader(key="create-0-files").upload("a.md", b"# A")
    page.file_uploader(key="create-0-files").upload("empty.md", b"")
    page.text_area(key="create-0-urls").set_value("https://example.com/page\n")
    page.text_area(key="create-0-paths").set_value("/srv/docs\n/srv/more.zip")
    return page


def test_one_click_makes_a_base_from_files_addresses_and_folders(fake: FakeApi, open_page: OpenPage) -> None:
    page = fill_create_form(open_page("knowledge"), "ops")
    page.form_submit_button[0].click().run()
    assert not page.exception
    (base,) = fake.bases
    assert fake.uploads == [(base, "a.md", b"# A"), (base, "empty.md", b"")]
    assert fake.sources == [
        (base, "web", "https://example.com/page"),
        (base, "folder", "/srv/docs"),
        (base, "zip", "/srv/more.zip"),
    ]
    assert page.query_params["kb"] == base
    assert "ops" in page.title[0].value


def test_a_name_that_is_taken_is_said_and_nothing_is_lost(fake: FakeApi, open_page: OpenPage) -> None:
    fake.add_base("ops")
    page = fill_create_form(open_page("knowledge"), "ops")
    page.form_submit_button[0].click().run()
    assert "is taken" in page.error[0].value
    assert "name_taken" not in page.error[0].value
    assert page.text_area(key="create-0-urls").value == "https://example.com/page\n"
    assert not fake.uploads


def test_a_form_without_name_or_material_is_not_sent(fake: FakeApi, open_page: OpenPage) -> None:
    page = open_page("knowledge")
    page.form_submit_button[0].click().run()
    assert page.warning
    page.text_input(key="create-name-0").set_value("ops")
    page.form_submit_button[0].click().run()
    assert page.warning
    assert not fake.bases


def test_a_running_build_shows_its_stages_and_can_be_cancelled(fake: FakeApi, open_page: OpenPage) -> None:
    base = fake.add_base("ops")
    job = fake.add_job(base, "build", "running", stuck=True)
    page = open_page("knowledge", kb=base)
    text = page.progress[0].text
    assert "3 / 10" in text
    assert "1 failed" in text
    assert "3 s left" in text
    assert any("stuck" in str(each.value) for each in page.markdown)
    page.button(key=f"cancel-{job}").click().run()
    assert fake.jobs[job]["status"] == "cancelled"
    assert page.button(key=f"retry-{job}")


@pytest.mark.parametrize(
    ("code", "told"),
    [("worker_crashed", "工作进程多次"), ("embedder_unavailable", "嵌入模型暂时不可用"), ("new", "It broke")],
)
def test_a_failed_build_is_told_in_chinese(fake: FakeApi, open_page: OpenPage, code: str, told: str) -> None:
    base = fake.add_base("ops")
    fake.add_job(base, "build", "failed", error="It broke (exit 9).", error_code=code)
    page = open_page("knowledge", kb=base, lang="zh")
    assert told in page.error[0].value
    assert "It broke" in page.error[0].value + "".join(each.value for each in page.caption), "the detail is not lost"


def test_files_that_could_not_be_read_are_named_with_the_reason(fake: FakeApi, open_page: OpenPage) -> None:
    base = fake.add_base("ops")
    failures = [{"path": "x.pdf", "code": "unreadable_file", "reason": "The PDF is encrypted."}]
    fake.add_job(base, "build", "succeeded", failures=failures, failure_count=1)
    page = open_page("knowledge", kb=base)
    assert any("The PDF is encrypted." in str(table.value) for table in page.dataframe)


def test_the_reason_is_told_in_chinese(fake: FakeApi, open_page: OpenPage) -> None:
    base = fake.add_base("ops")
    failures = [{"path": "x.pdf", "code": "file_encrypted", "reason": "x.pdf is encrypted."}]
    fake.add_job(base, "build", "succeeded", failures=failures, failure_count=1)
    page = open_page("knowledge", kb=base, lang="zh")
    assert any("文件已加密" in str(table.value) for table in page.dataframe)


def test_documents_can_be_searched(fake: FakeApi, open_page: OpenPage) -> None:
    page = open_page("knowledge", kb=fake.add_base("ops"))
    assert list(page.dataframe[0].value["Path"]) == ["runbook.md"]
    page.text_input(key="documents-search").set_value("nothing like it").run()
    assert not page.dataframe


def test_the_lab_shows_the_parts_of_every_score(fake: FakeApi, open_page: OpenPage) -> None:
    page = open_page("knowledge", kb=fake.add_base("ops"))
    page.segmented_control(key="section").set_value("lab").run()
    page.text_input(key="lab-query").set_value("roll back")
    page.form_submit_button[0].click().run()
    assert list(page.dataframe[0].value["words"]) == [0.8]
    assert page.button(key="open-hit-7")


def test_a_base_is_deleted_after_a_question(fake: FakeApi, open_page: OpenPage) -> None:
    page = open_page("knowledge", kb=fake.add_base("ops"))
    page.segmented_control(key="section").set_value("settings").run()
    page.button(key="delete-base").click().run()
    assert not page.exception
    assert not fake.bases
    assert "kb" not in page.query_params


def test_a_base_that_is_gone_is_said_to_be(open_page: OpenPage) -> None:
    page = open_page("knowledge", kb="0" * 32)
    assert page.info


def test_an_evaluation_shows_figures_and_what_failed(fake: FakeApi, open_page: OpenPage) -> None:
    fake.add_base("ops")
    page = open_page("evaluation")
    page.file_uploader(key="questions").upload("q.jsonl", b'{"id": "q1"}')
    page.form_submit_button[0].click().run()
    assert not page.exception
    assert [metric.value for metric in page.metric][:4] == ["0.500", "0.750", "–", "–"]
    assert list(page.dataframe[0].value["id"]) == ["q1"]


def test_a_model_is_added_tested_and_deleted(fake: FakeApi, open_page: OpenPage) -> None:
    page = open_page("models")
    page.text_input(key="model-name-0").set_value("qwen")
    page.text_input(key="model-url-0").set_value("http://127.0.0.1:11434/v1")
    page.text_input(key="model-model-0").set_value("qwen3:8b")
    page.form_submit_button[0].click().run()
    assert not page.exception
    (model,) = fake.models
    assert fake.models[model]["is_default"]
    assert "It answers" in page.success[0].value
    assert "secret" not in "".join(str(each.value) for kind in ("markdown", "caption") for each in page.get(kind))
    page.text_input(key=f"key-{model}").set_value("another secret")
    page.button(key=f"key-save-{model}").click().run()
    assert not page.exception
    assert fake.models[model]["has_api_key"]
    assert not page.text_input(key=f"key-{model}").value, "a key that was sent is not kept"
    page.text_input(key=f"served-{model}").set_value("qwen3:14b")
    page.button(key=f"change-{model}").click().run()
    assert not page.exception
    assert (fake.models[model]["model"], fake.models[model]["base_url"]) == ("qwen3:14b", "http://127.0.0.1:11434/v1")
    page.text_input(key=f"url-{model}").set_value("http://elsewhere.example/v1")
    page.button(key=f"change-{model}").click().run()
    assert "Enter the key again" in page.error[0].value
    assert fake.models[model]["base_url"] == "http://127.0.0.1:11434/v1"
    page.text_input(key=f"again-{model}").set_value("the key again")
    page.button(key=f"change-{model}").click().run()
    assert fake.models[model]["base_url"] == "http://elsewhere.example/v1"
    page.button(key=f"delete-{model}").click().run()
    assert not fake.models
