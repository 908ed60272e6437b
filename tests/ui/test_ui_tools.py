"""The page Tools: connecting, adding, trying, and what was called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from agents.tools.builtin.list_documents import SPEC
from agents.tools.policy import Override
from backend.tools.views import tool_fields
from tests.fake_api import FakeApi
from tests.ui.conftest import OpenPage


def opened(open_page: OpenPage, part: str, language: str = "en") -> AppTest:
    """The page at one of its parts."""
    page = open_page("tools")
    page.session_state["part"] = part
    page.session_state["lang"] = language
    page.run()
    assert not page.exception
    return page


TEXTS = Path(__file__).parents[2] / "frontend" / "texts"


def test_the_address_holds_names_that_mean_the_same_in_every_language(open_page: OpenPage) -> None:
    page = open_page("tools", part="sources", lang="zh")
    assert (page.session_state["part"], page.session_state["lang"]) == ("sources", "zh")
    assert page.title[0].value == "工具"
    page.button_group(key="part").set_value("record").run()
    page.button_group(key="lang").set_value("en").run()
    assert not page.exception
    assert (page.query_params["part"], page.query_params["lang"]) == ("record", "en")
    assert (page.title[0].value, page.session_state["part"]) == ("Tools", "record")
    page.query_params["part"] = "nowhere"
    assert page.run().session_state["part"] == "connections"
    runs = open_page("runs", **{"run-status": "failed", "lang": "zh"})
    assert runs.selectbox(key="run-status").value == "failed"
    runs.selectbox(key="run-status").set_value("").run()
    assert "run-status" not in runs.query_params


def test_a_platform_is_connected_tested_and_disconnected(fake: FakeApi, open_page: OpenPage) -> None:
    page = open_page("tools")
    page.selectbox(key="auth-0-prometheus").set_value("bearer").run()
    page.text_input(key="name-0-prometheus").set_value("metrics")
    page.text_input(key="url-0").set_value("http://p:9090")
    page.text_input(key="token-0-bearer").set_value("a secret")
    page.checkbox(key="private-0").check()
    page.button[-1].click().run()
    assert not page.exception
    (made,) = fake.tools.connections.values()
    assert (made["name"], made["given"], made["allow_private"]) == (
        "metrics",
        {"kind": "bearer", "token": "a secret"},
        True,
    )
    assert "refused the connection" in page.error[0].value
    assert "a secret" not in "".join(str(each.value) for each in page.text_input)
    page.button(key=f"delete-{made['id']}").click().run()
    assert not page.exception
    assert not fake.tools.connections


def test_what_is_wrong_with_a_connection_is_said_in_the_words_of_the_form(fake: FakeApi, open_page: OpenPage) -> None:
    page = open_page("tools", lang="zh")
    cases = {
        "auth_field_needed": ({"field": "user"}, "缺少“用户名”"),
        "address_credentials": ({}, "并填写“用户名”和“密码”"),
        "address_form": ({"example": "redis://host"}, "例如 redis"),
        "kubeconfig_executes": ({"what": "exec"}, "通过运行程序登录（exec）"),
        "kubeconfig_lacks": ({"what": "user", "entry": "u"}, "没有名为“u”的 user"),
        "ca_unreadable": ({}, "“信任的 CA（PEM）”无法读取"),
        "unheard_of": ({}, "English"),
    }
    for reason, (fields, sentence) in cases.items():
        fake.tools.refused = {"reason": reason, "fields": fields}
        page.button[-1].click().run()
        assert sentence in page.error[0].value, reason
    fake.tools.refused = {}
    fake.tools.tried = {"ok": False, "cause": "address", "message": "English", "place": "p:1"}
    page.button[-1].click().run()
    assert "请勾选该连接的“允许它使用私有地址”" in page.error[0].value
    fake.tools.tried = {"ok": True, "cause": "ok", "message": "English", "place": "p:1", "answer": "PostgreSQL 15.20"}
    page.button(key="test-c0").click().run()
    assert page.success[0].value.endswith("1 连接正常（PostgreSQL 15.20）。")


def test_tools_are_added_and_switched_on_one_by_one(fake: FakeApi, open_page: OpenPage) -> None:
    assert "make one first" in opened(open_page, "sources").info[0].value
    fake.tools.connections["c"] = {"id": "c", "kind": "prometheus", "name": "metrics"}
    page = opened(open_page, "sources")
    page.text_input(key="source-name-0").set_value("shop")
    page.text_input(key="source-url-0").set_value("https://shop.example/openapi.json")
    page.button[-1].click().run()
    assert not page.exception
    (source,) = fake.tools.sources.values()
    assert (source["kind"], source["connection_id"], source["url"]) == (
        "openapi",
        "c",
        "https://shop.example/openapi.json",
    )
    page.toggle(key=f"show-{source['id']}").set_value(True).run()
    page.button(key=f"on-{source['id']}-shop_put").click().run()
    assert not page.exception
    assert fake.tools.changes == [{"tools": {"shop_put": {"on": True}}}]


def test_a_tool_is_tried_previewed_and_approved(fake: FakeApi, open_page: OpenPage) -> None:
    page = opened(open_page, "tools")
    assert "It cannot be read." in page.warning[0].value
    page.text_input(key="try-prometheus_query-query").set_value("up")
    call, preview = (each for each in page.button if "FormSubmitter" in (each.key or ""))
    preview.click().run()
    assert "GET http://p:9090/up" in page.code[0].value
    assert not fake.tools.calls
    call = next(each for each in page.button if "FormSubmitter" in (each.key or ""))
    call.click().run()
    assert fake.tools.calls == [("prometheus_query", {"query": "up"})]
    assert list(page.dataframe[0].value["job"]) == ["api"]
    page.selectbox(key="setting-prometheus_query").set_value("off").run()
    assert fake.tools.settings == {"prometheus_query": "off"}

    page.selectbox(key="tool-chosen").set_value("prometheus_silence").run()
    page.text_input(key="try-prometheus_silence-query").set_value("x")
    next(each for each in page.button if "FormSubmitter" in (each.key or "")).click().run()
    assert "asks first" in page.warning[-1].value
    page.button(key="decide-True-a1-1").click().run()
    assert not page.exception
    assert fake.tools.waiting == {"a1": "approve"}
    assert page.code[-1].value == "silenced"


def test_a_tool_of_ours_and_its_refusal_are_told_in_the_language_of_the_session(
    fake: FakeApi, open_page: OpenPage
) -> None:
    fake.tools.tools = [
        tool_fields(SPEC, Override(setting="off", source="builtin", risk="read")),
        tool_fields(SPEC, None),
    ]
    words = {"en": "The statement was not sent.", "zh": "语句未发送。"}
    fake.tools.result = {"status": "denied", "output": words["en"], "words": words}
    page = opened(open_page, "tools", "zh")
    said = "\n".join(str(each.value) for each in (*page.text, *page.warning))
    assert "按路径列出知识库中的文档" in said
    assert "已停用。" in said
    fake.tools.tools = fake.tools.tools[1:]
    page.run()
    assert page.text_input(key="try-list_documents-query").help == "路径或标题的一部分。"
    next(each for each in page.button if "FormSubmitter" in (each.key or "")).click().run()
    assert page.code[-1].value == words["zh"]


def test_an_empty_field_that_a_call_needs_is_named_before_it_is_sent(fake: FakeApi, open_page: OpenPage) -> None:
    page = opened(open_page, "tools", "zh")
    page.button[-2].click().run()
    assert page.error[0].value == "缺少“query”：请填写。"
    assert not fake.tools.calls


def test_the_record_shows_calls(fake: FakeApi, open_page: OpenPage) -> None:
    page = opened(open_page, "record", "zh")
    assert list(page.dataframe[0].value["工具"]) == ["prometheus_query"]
    said = page.dataframe[0].value.iloc[0]
    assert (said["决定"], said["参数"], said["用户"]) == ("按策略允许", '{"query": "up"}', "本机用户")
    page.button(key="record-after").click().run()
    assert list(page.dataframe[0].value["工具"]) == ["prometheus_older"]
    page.selectbox(key="record-status").set_value("failed").run()
    assert not page.exception
    asked = fake.tools.asked[-1]
    assert (asked["status"], asked.get("cursor")) == ("failed", None)
    page.button(key="record-after").click().run()
    page.button(key="record-before").click().run()
    assert "cursor" not in fake.tools.asked[-1]


def test_a_connection_and_sources_are_changed(fake: FakeApi, open_page: OpenPage) -> None:
    fake.tools.connections["c"] = {
        "id": "c", "kind": "prometheus", "name": "metrics", "base_url": "http://p:9090", "timeout_s": 30.0,
    }  # fmt: skip
    page = opened(open_page, "connections")
    page.toggle(key="edit-c").set_value(True).run()
    page.text_input(key="name-edit-c-0").set_value("other")
    page.number_input(key="per_minute-edit-c-0").set_value(60)
    form_button(page, "edit-c-0").click().run()
    assert not page.exception
    assert fake.tools.changes.pop() == {"name": "other", "per_minute": 60}
    page.checkbox(key="anew-edit-c-1").check().run()
    page.selectbox(key="auth-edit-c-1").set_value("bearer").run()
    page.text_input(key="token-edit-c-1-bearer").set_value("a secret")
    form_button(page, "edit-c-1").click().run()
    assert fake.tools.changes.pop() == {"auth": {"kind": "bearer", "token": "a secret"}}
    assert "a secret" not in "".join(str(each.value) for each in page.text_input)

    page = opened(open_page, "sources")
    page.selectbox(key="sk-0").set_value("mcp_program").run()
    page.text_input(key="source-name-0").set_value("files")
    page.text_input(key="command-0").set_value("npx -y 'a server'")
    page.text_area(key="secrets-0").set_value("TOKEN=a=b\n\nOTHER = c")
    page.button[-1].click().run()
    assert not page.exception
    (source,) = fake.tools.sources.values()
    assert (source["kind"], source["command"]) == ("mcp", {
        "command": "npx", "arguments": ["-y", "a server"], "environment": {},
        "secrets": {"TOKEN": "a=b", "OTHER": "c"},
    })  # fmt: skip
    key = source["id"]
    page.toggle(key=f"edit-{key}").set_value(True).run()
    page.text_input(key=f"name-edit-{key}-0").set_value("more files")
    form_button(page, f"edit-{key}-0").click().run()
    assert not page.exception
    assert fake.tools.changes == [{"name": "more files"}]


def form_button(page: AppTest, key: str) -> Any:
    """The button that sends the form of this key."""
    return next(each for each in page.button if f"form-{key}" in (each.key or "") + str(each.proto.form_id))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_text_of_the_page_is_there(language: str) -> None:
    known = json.loads((TEXTS / f"{language}.json").read_text("utf-8"))
    for family, names in {
        "auth": ("none", "bearer", "basic", "api_key", "oauth2"),
        "risk": ("read", "write", "destructive", "unknown"),
        "policy": ("allow", "ask", "ask_twice", "deny"),
        "setting": ("default", "allow", "ask", "off"),
        "part": ("connections", "sources", "tools", "record"),
        "kind": ("openapi", "yaml", "mcp", "mcp_program"),
    }.items():
        assert all(known[f"tools.{family}_{name}"] for name in names)
