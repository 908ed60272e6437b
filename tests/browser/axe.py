"""What axe finds on a page."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

GRAVE = ("serious", "critical")
COLOURS = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
}
"""The rules that a theme can break; the others look at what is the same in both."""


def violations(page: Page, *, dark: bool = False) -> list[str]:
    """What is serious or critical on the page, once it has come to rest, in this theme. In the dark one only what
    depends on colours is looked at."""
    page.emulate_media(color_scheme="dark" if dark else "light")
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=45_000)
    expect(page.locator("html[data-chatbot-dark]")).to_have_count(1 if dark else 0)
    page.wait_for_function("document.getAnimations().every((each) => each.playState !== 'running')")
    found = (Axe().run(page, options=COLOURS) if dark else Axe().run(page)).response["violations"]
    return [
        f"{each['id']}{' in the dark' if dark else ''}: {node['html'][:120]}"
        for each in found
        if each["impact"] in GRAVE
        for node in each["nodes"]
    ]
