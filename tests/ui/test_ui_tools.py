"""The page Tools: connecting, adding, trying, and what was called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

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


def test_the_record_shows_calls(open_page: OpenPage) -> None:
    page = opened(open_page, "record", "zh")
    assert list(page.dataframe[0].value["工具"]) == ["prometheus_query"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_text_of_the_page_is_there(language: str) -> None:
    known = json.loads((TEXTS / f"{language}.json").read_text("utf-8"))
    for family, names in {
        "auth": ("none", "bearer", "basic", "api_key", "oauth2"),
        "risk": ("read", "write", "destructive", "unknown"),
        "policy": ("allow", "ask", "ask_twice", "deny"),
        "setting": ("default", "allow", "ask", "off"),
        "part": ("connections", "sources", "tools", "record"),
        "kind": ("openapi", "yaml", "mcp"),
    }.items():
        assert all(known[f"tools.{family}_{name}"] for name in names)
