"""The browser interface with one core busy: how long an interaction takes, and what memory conversations leave behind.

Two times an interaction: until the next paint after it, as browsers measure it, and until what was asked for is there.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from bench.product import Product, percentile
from bench.streams import QUESTIONS

LONG = 100
"""Questions of the long conversation, which makes 200 messages."""
SHORT, SESSIONS, OPENED = 15, 10, 200
PATIENCE_MS = 60_000
SETTLED_S = 140
"""After so long the interface has given up sessions whose browser is gone."""
TEXT = "How do I roll back a deployment that does not come up again?"

WATCH = """() => {
  window.interactions = [];
  new PerformanceObserver((list) => {
    for (const each of list.getEntries()) if (each.interactionId) window.interactions.push(each.duration);
  }).observe({ type: "event", durationThreshold: 16, buffered: false });
}"""
SHOWN = """([selector, text]) => new Promise((done) => {
  const from = performance.now();
  const look = () => {
    const found = [...document.querySelectorAll(selector)].some((each) => each.innerText.includes(text));
    if (found || performance.now() - from > 60000) requestAnimationFrame(() => done(performance.now() - from));
    else requestAnimationFrame(look);
  };
  look();
})"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="of each interaction")
    parser.add_argument("--long", type=int, default=LONG, help="questions of the long conversation")
    parser.add_argument("--chromium", default=shutil.which("chromium") or "")
    parser.add_argument("--part", choices=["interactions", "memory", "all"], default="all")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Product(Path(folder) / "data") as product:
        _wait_for_guide(product)
        begun = time.monotonic()
        short = [_conversation(product, f"short {number:02}", 2) for number in range(SHORT)]
        long = _conversation(product, "long", given.long)
        print(f"{given.long} + {2 * SHORT} questions asked in {time.monotonic() - begun:.0f} s", flush=True)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=given.chromium, args=["--no-sandbox", "--disable-gpu"])
            lasts = {long: _asked(given.long - 1)} | dict.fromkeys(short, _asked(1))
            if given.part != "memory":
                with _busy_core():
                    _interactions(browser, product, lasts, given.rounds)
            if given.part != "interactions":
                _memory(browser, product, lasts)
            browser.close()


def _asked(number: int) -> str:
    return QUESTIONS[number % len(QUESTIONS)]


def _wait_for_guide(product: Product) -> None:
    while not any(base["chunk_count"] for base in product.call("GET", "/knowledge-bases")["items"]):
        time.sleep(0.5)
    for job in product.call("GET", "/jobs")["items"]:
        product.wait_job(job["id"])


def _conversation(product: Product, title: str, questions: int) -> str:
    """A conversation of so many questions, answered; gives its title."""
    thread = product.call("POST", "/threads", json={})["id"]
    for number in range(questions):
        asked = {"input": _asked(number)}
        run = product.call("POST", f"/threads/{thread}/runs", json=asked)["id"]
        while product.call("GET", f"/runs/{run}")["status"] in {"queued", "running"}:
            time.sleep(0.02)
    product.call("PATCH", f"/threads/{thread}", json={"title": title})
    return title


@contextmanager
def _busy_core() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _interactions(browser: Browser, product: Product, lasts: Mapping[str, str], rounds: int) -> None:
    """`lasts` are the conversations with their last questions; the first is the long one."""
    long, *short = lasts
    page, process = _opened(browser, product), _interface(product)
    page.evaluate(WATCH)

    def typing(_: int) -> float:
        box = page.get_by_test_id("stChatInputTextArea")
        begun = time.perf_counter()
        box.press_sequentially(TEXT, delay=30)
        shown = (time.perf_counter() - begun) * 1000 / len(TEXT) - 30
        box.fill("")
        return max(0.0, shown)

    def to_long(number: int) -> float:
        _open(page, short[number % len(short)], lasts)
        _idle(page)
        return _open(page, long, lasts)

    def citation(_: int) -> float:
        chips = page.locator('a[href^="#cite-"]')
        chips.nth(0).evaluate("chip => chip.scrollIntoView({block: 'center'})")
        page.evaluate(f"() => {{ window.shown = ({SHOWN})(['.st-key-source-panel', 'guide']) }}")
        chips.nth(0).click()
        shown = float(page.evaluate("window.shown"))
        _idle(page)
        page.locator(".st-key-source-close button").first.click()
        page.locator(".st-key-source-panel").wait_for(state="detached", timeout=PATIENCE_MS)
        _idle(page)
        return shown

    _report(page, process, "typing a letter", typing, max(3, rounds // 5), 200)
    _report(page, process, "switching to the long conversation", to_long, rounds, 1000)
    _report(page, process, "opening a citation in it", citation, rounds, 400)
    _open(page, short[0], lasts)
    _idle(page)
    _report(page, process, "opening a citation in a short one", citation, rounds, 400)
    page.context.close()


def _report(
    page: Page, process: psutil.Process, name: str, act: Callable[[int], float], rounds: int, bar_ms: int
) -> None:
    page.evaluate("window.interactions.length = 0")
    used = sum(process.cpu_times()[:2])
    shown = [act(number) for number in range(rounds)]
    used = sum(process.cpu_times()[:2]) - used
    page.wait_for_timeout(300)
    painted = page.evaluate("window.interactions") or [16.0]
    print(
        f"{name}: next paint p50 {percentile(painted, 0.5):.0f} p95 {percentile(painted, 0.95):.0f} ms (bar {bar_ms}), "
        f"shown p50 {percentile(shown, 0.5):.0f} p95 {percentile(shown, 0.95):.0f} ms, "
        f"processor time of the interface {used / rounds * 1000:.0f} ms a round, {rounds} rounds",
        flush=True,
    )


def _opened(browser: Browser, product: Product) -> Page:
    page = browser.new_context(locale="en-US", viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(product.ui)
    page.get_by_test_id("stChatInputTextArea").wait_for()
    _idle(page)
    return page


def _idle(page: Page) -> None:
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for(timeout=PATIENCE_MS)


def _open(page: Page, title: str, lasts: Mapping[str, str]) -> float:
    """Opens a conversation from the side bar; the milliseconds until its last question is drawn."""
    row = page.locator('[class*="st-key-open-"] button:visible', has_text=title).first
    row.wait_for()
    page.evaluate("element => element.scrollIntoView({block: 'center'})", row.element_handle())
    page.evaluate(f"text => {{ window.shown = ({SHOWN})(['[data-testid=stChatMessage]', text]) }}", lasts[title])
    row.click()
    return float(page.evaluate("window.shown"))


def _memory(browser: Browser, product: Product, lasts: Mapping[str, str]) -> None:
    """Resident memory of the interface while conversations are opened in one session after the other."""
    process, titles = _interface(product), list(lasts)
    taken = [_megabytes(process)]
    for session in range(SESSIONS):
        page = _opened(browser, product)
        for number in range(OPENED // SESSIONS):
            _open(page, titles[(session + number) % len(titles)], lasts)
            _idle(page)
        page.context.close()
        taken.append(_megabytes(process))
        print(f"session {session + 1}: {taken[-1]:.0f} MB", flush=True)
    time.sleep(SETTLED_S)
    taken.append(_megabytes(process))
    print(
        f"memory of the interface: {taken[0]:.0f} MB before, {taken[1]:.0f} MB after the first session, "
        f"{max(taken):.0f} MB at most, {taken[-1]:.0f} MB at rest after {SESSIONS} sessions and {OPENED} conversations "
        f"({(taken[-1] / taken[1] - 1) * 100:+.0f} % of the first session; bar ±10 %)"
    )


def _interface(product: Product) -> psutil.Process:
    return next(each for each in product.processes() if "frontend" in " ".join(each.cmdline()))


def _megabytes(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 2**20


if __name__ == "__main__":
    main()
