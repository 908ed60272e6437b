"""Every page by the rules of axe, in both themes, both languages, on a desk and on a telephone: nothing serious."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.axe import violations
from tests.browser.conftest import OpenPage

PAGES = ("/", "/knowledge", "/phases", "/runs", "/sandbox", "/evaluation", "/tools", "/models")
WIDTHS = (1440, 390)

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_no_page_shuts_anybody_out(open_page: OpenPage, product: str, locale: str) -> None:
    page = open_page("/", locale=locale, width=WIDTHS[0]).page
    found: list[str] = []
    for path in PAGES:
        page.set_viewport_size({"width": WIDTHS[0], "height": 900})
        page.goto(f"{product}{path}")
        expect(page.get_by_role("heading", level=1).first).to_be_visible(timeout=30_000)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            found += [f"{path} at {width}: {each}" for dark in (False, True) for each in violations(page, dark=dark)]
    assert found == []
