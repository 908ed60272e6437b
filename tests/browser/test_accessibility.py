"""Every page by the rules of axe, in both themes, languages and on a telephone: nothing serious."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage

PAGES = ("/", "/knowledge", "/phases", "/runs", "/sandbox", "/evaluation", "/tools", "/models")
GRAVE = ("serious", "critical")

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize(
    ("locale", "dark", "width"), [("en-US", False, 1440), ("zh-CN", True, 390)], ids=["light-en", "dark-zh-telephone"]
)
def test_no_page_shuts_anybody_out(open_page: OpenPage, product: str, locale: str, dark: bool, width: int) -> None:
    page = open_page("/", locale=locale, dark=dark, width=width).page
    found: list[str] = []
    for path in PAGES:
        page.goto(f"{product}{path}")
        expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=45_000)
        expect(page.get_by_role("heading", level=1).first).to_be_visible(timeout=30_000)
        if dark:
            expect(page.locator("html[data-chatbot-dark]")).to_have_count(1)
        page.wait_for_function("document.getAnimations().every((each) => each.playState !== 'running')")
        violations = Axe().run(page).response["violations"]
        found += [
            f"{path}: {each['id']}: {node['html'][:120]}"
            for each in violations
            if each["impact"] in GRAVE
            for node in each["nodes"]
        ]
    assert found == []
