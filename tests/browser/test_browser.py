"""What only a real browser shows: the way from files to a cited answer, stop, re-attachment, languages, themes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, Page, TimeoutError, expect

from frontend.authentication.sessions import COOKIE
from tests.browser.axe import violations
from tests.browser.conftest import OpenPage, Watched
from tests.fake_api import TOKEN
from tests.pdf_files import Text, draw_pdf

ENGLISH = """# Runbook

## Roll back a deployment

To roll back a deployment, run `kubectl rollout undo deployment/web`. Then watch the pods until all are ready.

## Rotate certificates

Certificates are rotated every 90 days by cert-manager.
"""
CHINESE = """# 证书手册

## 手动续期证书

手动续期证书时，请执行 `cmctl renew web-tls`。续期完成后检查证书的有效期。
"""
FAILOVER = """# Failover

| Setting | Meaning |
|---|---|
| `promotion_patience` | how long the standby waits before it is promoted |

```mermaid
graph LR
  A[Primary] --> B[Standby]
```

```mermaid
graph LR
  C@{ img: "https://foreign.example/shape.png", label: "x" }
```

![tracked](https://foreign.example/pixel.png) and <img src="https://foreign.example/tag.png">

```mermaid
graph LR
  A[never closed --> B
```
"""
ARCHIVES = [
    [Text(60, 80, "Backups", 20), Text(60, 130, "Backups of the ledger are taken every six hours.")],
    [Text(60, 80, "Archives", 20), Text(60, 130, "Old archives are shredded by the vault janitor.")],
]
PORTS = "service,port,owner\nledger,8443,Ada\nsettlement,9100,Grace\n"
QUESTION = "How do I roll back a deployment?"
COMMAND = "kubectl rollout undo deployment/web"
CHIP = 'a[href^="#cite-"]'

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def base(product: str, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A knowledge base built in the browser with one click; its address."""
    folder = tmp_path_factory.mktemp("documents")
    (folder / "runbook.md").write_text(ENGLISH, encoding="utf-8")
    (folder / "证书.md").write_text(CHINESE, encoding="utf-8")
    (folder / "failover.md").write_text(FAILOVER, encoding="utf-8")
    (folder / "ports.csv").write_text(PORTS, encoding="utf-8")
    draw_pdf(folder / "archives.pdf", ARCHIVES)
    (folder / "empty.md").write_text("", encoding="utf-8")
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{product}/knowledge")
    page.get_by_role("textbox", name="Name").fill("ops")
    page.locator("input[type=file]").first.set_input_files(sorted(folder.iterdir()))
    expect(page.get_by_text("empty.md")).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Build", exact=True).click()
    expect(page.get_by_role("heading", name="ops")).to_be_visible(timeout=60_000)
    expect(page.locator('[class*="st-key-job-"]').get_by_text(re.compile("done$"))).to_be_visible(timeout=120_000)
    expect(page.get_by_text("empty.md: The file is empty.")).to_be_visible()
    yield page.url
    context.close()


def ask(page: Page, question: str) -> None:
    box = page.get_by_test_id("stChatInputTextArea")
    expect(box).to_be_enabled(timeout=60_000)
    box.fill(question)
    box.press("Enter")


def stop(page: Page) -> None:
    """Stops the answer, however often the page draws the button anew under the pointer."""
    button = page.get_by_role("button", name=re.compile("^Stop"))
    for _ in range(5):
        button.click()
        with suppress(AssertionError):
            expect(button).to_have_count(0, timeout=5_000)
            return


def choose_model(page: Page, name: str) -> None:
    """Chooses it, however often the page shuts the list by drawing itself anew."""
    picker = page.locator(".st-key-model input")
    for _ in range(5):
        picker.click()
        with suppress(TimeoutError):
            page.get_by_role("option", name=name).click(timeout=5_000)
            break
    expect(picker).to_have_value(name)
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def add_model(opened: Watched, model: str, name: str, script: str) -> None:
    page = opened.page
    page.get_by_role("textbox", name="Name shown here").fill(name)
    page.get_by_role("textbox", name="Address (ends in /v1)").fill(model)
    page.get_by_role("textbox", name="Model name at that address").fill(script)
    page.get_by_text("Use it for new questions").click()
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text(f"{name} answers")).to_be_visible(timeout=60_000)


def test_from_files_to_the_highlighted_passage(base: str, open_page: OpenPage) -> None:
    opened = open_page()
    page = opened.page
    ask(page, QUESTION)
    chip = page.locator(CHIP).first
    expect(chip).to_be_visible(timeout=60_000)
    expect(page.get_by_test_id("stChatMessage").last).to_contain_text(COMMAND)
    expect(page.get_by_text("quoted, no model")).to_be_visible()

    chip.hover()
    card = page.locator(".card").first
    expect(card).to_be_visible()
    expect(card).to_contain_text("Runbook")

    chip.click()
    passage = page.locator(".st-key-source-passage")
    expect(passage).to_be_in_viewport()
    expect(passage).to_have_attribute("data-marked", re.compile(re.escape(COMMAND)))
    expect(page.get_by_test_id("stChatInputTextArea")).to_be_visible()  # the page stays beside it
    page.get_by_text("Raw text").click()
    expect(page.locator("mark").first).to_contain_text(COMMAND)
    page.locator(".st-key-source-close button").first.click()
    expect(page.locator(".st-key-source-panel")).to_have_count(0)

    page.get_by_text("Why these passages").click()
    expect(page.get_by_text("Searched for")).to_be_visible()
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    opened.check()


def test_a_pdf_is_read_as_its_page_and_shuts_nobody_out(base: str, open_page: OpenPage) -> None:
    opened = open_page()
    page = opened.page
    ask(page, "Who shreds old archives?")
    page.locator(CHIP).first.click(timeout=60_000)
    expect(page.get_by_text("page 2 of 2")).to_be_visible(timeout=30_000)
    picture = page.get_by_role("img", name="Page 2 of")
    page.wait_for_function("image => image.naturalWidth === 1200", arg=picture.element_handle())
    mark, sheet = page.locator(".mark").bounding_box(), picture.bounding_box()
    assert mark is not None
    assert sheet is not None
    assert (mark["y"] - sheet["y"]) / sheet["height"] == pytest.approx(122 / 800, abs=0.01)
    found = violations(page) + violations(page, dark=True)
    page.set_viewport_size({"width": 390, "height": 800})
    panel = page.locator(".st-key-source-panel").bounding_box()
    assert panel is not None
    assert (panel["x"], panel["width"]) == (0, 390)
    found += violations(page) + violations(page, dark=True)
    page.get_by_role("button", name="Page before").click()
    expect(page.get_by_text("page 1 of 2")).to_be_visible()
    page.get_by_text("Text", exact=True).click()
    expect(page.locator(".st-key-source-passage")).to_have_attribute("data-marked", re.compile("vault janitor"))
    page.get_by_role("button", name="Close the source").click()
    page.set_viewport_size({"width": 1280, "height": 900})
    page.locator('[class*="st-key-menu-"] button').first.click()
    page.get_by_text("Rename", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    found += violations(page) + violations(page, dark=True)
    opened.check()
    assert found == []


def test_a_csv_file_is_read_as_its_table(base: str, open_page: OpenPage) -> None:
    opened = open_page()
    page = opened.page
    ask(page, "Which port does the settlement service use?")
    page.locator(CHIP).first.click(timeout=60_000)
    panel = page.locator(".st-key-source-panel")
    expect(panel.get_by_text("row 3")).to_be_visible(timeout=30_000)
    passage = panel.locator(".st-key-source-passage")
    expect(passage.locator("tr").filter(has_text="settlement").locator("td").nth(1)).to_have_text("9100")
    expect(passage).to_have_attribute("data-marked", re.compile("settlement"))
    expect(panel.get_by_text("Raw text")).to_be_visible()
    opened.check()


def test_diagrams_are_drawn_and_nothing_foreign_is_asked_for(base: str, open_page: OpenPage) -> None:
    opened = open_page()
    page = opened.page
    ask(page, "What does promotion_patience mean?")
    chip = page.locator(CHIP).first
    chip.hover(timeout=60_000)
    expect(page.locator(".card td").first).to_have_text("promotion_patience")
    chip.click()
    source = page.locator(".st-key-source-page")
    expect(source.get_by_test_id("stMermaidChart").locator("img")).to_be_visible(timeout=30_000)
    expect(source.get_by_test_id("stMermaidError")).to_contain_text("Parse error", timeout=30_000)
    expect(source.get_by_text("A[never closed --> B")).to_be_visible()  # its text, since it cannot be drawn
    expect(source.get_by_text("A[Primary]")).to_be_hidden()
    expect(source.get_by_text("shape.png")).to_be_visible()  # a diagram that would load something is not tried
    assert violations(page) == []
    opened.check()


def test_a_command_is_completed_asks_for_leave_and_is_found_among_the_runs(base: str, open_page: OpenPage) -> None:
    opened = open_page()
    page = opened.page
    box = page.get_by_test_id("stChatInputTextArea")
    expect(box).to_be_enabled(timeout=60_000)
    box.press_sequentially("/add")
    expect(page.get_by_role("option").filter(has_text="/add_document")).to_be_visible()
    box.press("Tab")
    expect(box).to_have_value("/add_document ")
    box.press_sequentially("Restart web. path=notes.md knowledge_base=ops")
    box.press("Enter")
    approve = page.get_by_role("button", name="Approve")
    expect(approve).to_be_visible(timeout=30_000)
    page.set_viewport_size({"width": 1000, "height": 420})
    page.reload()
    expect(approve).to_be_in_viewport(timeout=30_000)
    approve.click()
    expect(page.get_by_text("was added to").first).to_be_visible(timeout=30_000)
    # A page that is about to draw itself anew may swallow a click.
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=30_000)
    page.get_by_role("link", name="Runs").click()
    page.locator(".st-key-runs button").filter(has_text="add_document Restart web").first.click()
    expect(page.get_by_text("What was done")).to_be_visible(timeout=30_000)
    assert "run=" in page.url
    opened.check()


def test_a_silent_model_is_stopped_and_the_backend_knows(base: str, model: str, open_page: OpenPage) -> None:
    opened = open_page("/models")
    page = opened.page
    add_model(opened, model, "silent", "scripted:grounded?first_ms=5000&delay_ms=50&slow=quoting")
    page.get_by_role("link", name="Chat").click()
    choose_model(page, "silent")
    ask(page, QUESTION)
    stop(page)
    expect(page.get_by_text("Stopped by you.")).to_be_visible(timeout=20_000)
    expect(page.get_by_test_id("stChatInputTextArea")).to_be_enabled()
    opened.check()


def test_a_reload_takes_up_the_answer_and_the_second_turn_shows_no_ghost(
    base: str, model: str, open_page: OpenPage
) -> None:
    opened = open_page("/models")
    page = opened.page
    add_model(opened, model, "steady", "scripted:grounded?delay_ms=400&slow=quoting")
    page.get_by_role("link", name="Chat").click()
    choose_model(page, "steady")
    ask(page, QUESTION)
    answer = page.get_by_test_id("stChatMessage").last
    expect(answer).to_contain_text("kubectl", timeout=60_000)
    page.reload()
    expect(page.get_by_role("button", name=re.compile("^Stop"))).to_be_visible(timeout=30_000)
    expect(page.locator(CHIP).first).to_be_visible(timeout=90_000)
    assert "thread=" in page.url

    second = "How often are certificates rotated?"
    choose_model(page, "No model (quotes)")
    ask(page, second)
    expect(page.get_by_test_id("stChatMessage").nth(3)).to_contain_text("90 days", timeout=60_000)
    expect(page.get_by_role("button", name=re.compile("^Stop"))).to_have_count(0, timeout=60_000)
    expect(page.get_by_role("button", name="Regenerate")).to_have_count(
        1
    )  # of the model's; the other would be the same
    bubbles = [bubble.inner_text() for bubble in page.get_by_test_id("stChatMessage").all()]
    assert len(bubbles) == 4
    assert not [text for text in bubbles if second in text and COMMAND in text]
    opened.check()


def test_an_answer_that_is_stopped_keeps_its_citations(base: str, model: str, open_page: OpenPage) -> None:
    opened = open_page("/models")
    page = opened.page
    add_model(opened, model, "slow", "scripted:grounded?delay_ms=400&slow=quoting")
    page.get_by_role("link", name="Chat").click()
    choose_model(page, "slow")
    ask(page, QUESTION)
    expect(page.get_by_test_id("stChatMessage").last).to_contain_text("[1]", timeout=60_000)
    stop(page)
    expect(page.get_by_text(re.compile("^Stopped by you"))).to_be_visible(timeout=20_000)
    page.locator(CHIP).first.click()
    expect(page.locator(".st-key-source-passage")).to_be_in_viewport()
    opened.check()


def test_the_language_chosen_is_kept_for_the_next_visit(product: str, open_page: OpenPage) -> None:
    opened = open_page("/models")
    page = opened.page
    page.get_by_role("button", name="中文").or_(page.get_by_role("radio", name="中文")).first.click()
    expect(page.get_by_role("heading", name="模型", exact=True)).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    page.goto(f"{product}/models")
    expect(page.get_by_role("heading", name="模型", exact=True)).to_be_visible()
    opened.check()


def test_chinese_in_the_dark_on_a_telephone(base: str, open_page: OpenPage) -> None:
    opened = open_page(locale="zh-CN", dark=True, width=390)
    page = opened.page
    expect(page.get_by_text("您想了解什么？")).to_be_visible()
    ask(page, "如何手动续期证书？")
    expect(page.locator(CHIP).first).to_be_visible(timeout=60_000)
    expect(page.get_by_test_id("stChatMessage").last).to_contain_text("cmctl renew web-tls")
    background = page.get_by_test_id("stApp").evaluate("element => getComputedStyle(element).backgroundColor")
    assert sum(int(part) for part in re.findall(r"\d+", background)[:3]) < 150
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0
    opened.check()


def test_a_model_cannot_make_the_browser_load_anything(base: str, model: str, open_page: OpenPage) -> None:
    opened = open_page("/models")
    page = opened.page
    add_model(opened, model, "evil", "scripted:malicious")
    page.get_by_role("link", name="Chat").click()
    choose_model(page, "evil")
    ask(page, QUESTION)
    expect(page.get_by_role("button", name="Regenerate")).to_be_visible(timeout=60_000)
    assert page.locator('[class*="st-key-message-"] img').count() == 0
    opened.check()


def test_the_product_does_not_answer_to_a_foreign_host(product: str) -> None:
    for path in ("/", "/_stcore/health", "/_stcore/stream"):
        assert httpx2.get(f"{product}{path}", headers={"host": "evil.example"}).status_code == 403


def test_documents_can_be_downloaded_through_the_interface(base: str, open_page: OpenPage, tmp_path: Path) -> None:
    opened = open_page("/knowledge?" + base.partition("?")[2])
    page = opened.page
    page.get_by_role("button", name="Retrieval lab").or_(page.get_by_role("radio", name="Retrieval lab")).first.click()
    page.get_by_role("textbox", name="Question").fill(QUESTION)
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_text("1. Runbook").click()
    page.get_by_role("button", name="Open at the passage").first.click()
    link = page.get_by_role("link", name="Download")
    expect(link).to_be_visible()
    target = link.get_attribute("href")
    assert target is not None
    answer = httpx2.get(httpx2.URL(page.url).join(target))
    assert answer.text == ENGLISH
    assert answer.headers["content-disposition"].startswith("attachment")
    opened.check()


def test_the_token_opens_the_interface(browser: Browser, interface_asking_for_a_token: str) -> None:
    page = browser.new_context(locale="en-US").new_page()
    page.goto(f"{interface_asking_for_a_token}/models")
    page.get_by_label("Token").fill("a guess")
    page.keyboard.press("Enter")
    expect(page.get_by_text("That is not the token of this server.")).to_be_visible()
    page.get_by_label("Token").fill(TOKEN)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Models")).to_be_visible(timeout=30_000)
    assert page.url == f"{interface_asking_for_a_token}/models"
    assert COOKIE not in page.evaluate("document.cookie")
    page.context.close()


def test_a_mode_is_copied_corrected_as_it_is_typed_saved_and_tried(open_page: OpenPage) -> None:
    opened = open_page("/phases?phase=answer")
    page = opened.page
    expect(page.locator(".stGraphVizChart svg").get_by_text("Question", exact=True)).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Copy", exact=True).first.click()
    editor = page.get_by_role("textbox", name="YAML")
    expect(editor).to_have_value(re.compile("^name: my_answer\n"), timeout=30_000)
    good = editor.input_value()
    editor.fill(good.replace("kind: answer", "kind: anwser"))
    expect(page.get_by_text("Did you mean 'answer'?")).to_be_visible(timeout=30_000)
    expect(page.locator(".gutter .error")).to_have_text("8")
    expect(page.get_by_role("button", name="Save")).to_be_disabled()
    editor.fill(good.replace("en: Document Q&A", "en: Our answers"))
    expect(page.get_by_text("Nothing is wrong.")).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Try it").click()
    expect(page.locator(".st-key-mode button").first).to_contain_text("Our answers", timeout=30_000)
    choose_model(page, "No model (quotes)")
    page.locator(".st-key-mode button").first.click()
    expect(page.get_by_role("button", name="Chat", exact=True)).to_be_disabled(timeout=30_000)
    expect(page.get_by_text("It needs a language model").first).to_be_visible()
    page.get_by_role("button", name="Document Q&A", exact=True).click()
    expect(page.get_by_role("button", name="Chat", exact=True)).not_to_be_visible(timeout=30_000)
    opened.check()


def is_focused(page: Page) -> None:
    expect(page.get_by_test_id("stChatInputTextArea")).to_be_focused(timeout=60_000)


def test_what_to_ask_first_and_next_and_a_page_that_has_grown_stale(base: str, open_page: OpenPage) -> None:
    opened, other = open_page(), open_page()
    page = opened.page
    expect(page.locator(".st-key-welcome-questions button")).to_have_count(4)  # three questions, and what this can do
    is_focused(page)
    page.locator(".st-key-card-can button").click()
    expect(page.get_by_test_id("stChatMessage").last).to_contain_text(
        re.compile(r"ops \(\d documents\)"), timeout=60_000
    )
    is_focused(page)

    page.keyboard.press("Alt+n")
    expect(page.locator(".st-key-card-0 button")).to_be_visible(timeout=60_000)
    choose_model(page, "No model (quotes)")
    page.locator(".st-key-card-0 button").click()
    following = page.locator('[class*="st-key-next-"] button').first
    expect(following).to_be_visible(timeout=60_000)
    expect(page.get_by_text(re.compile(r"^\d+\.\d s$"))).to_be_visible()
    expect(page.get_by_role("button", name="Regenerate")).to_have_count(0)  # it could only come out the same

    stale = other.page
    stale.goto(page.url)
    expect(stale.locator('[class*="st-key-next-"] button').first).to_be_visible(timeout=60_000)
    expect(stale.get_by_text(re.compile(r"^\d+\.\d s$"))).to_be_visible()  # it is kept
    following.click()
    expect(page.get_by_test_id("stChatMessage")).to_have_count(4, timeout=60_000)
    ask(stale, "And the certificates?")
    expect(stale.get_by_text("went on in another window")).to_be_visible(timeout=60_000)
    expect(stale.get_by_test_id("stChatMessage")).to_have_count(6, timeout=60_000)

    stale.locator('[class*="st-key-menu-"] button').first.click()
    stale.get_by_role("menuitem", name="Pin", exact=True).click()
    expect(stale.get_by_test_id("stSidebar").get_by_text("Pinned")).to_be_visible()
    opened.check()
    other.check()


def test_a_base_is_taken_out_brought_back_and_asked(base: str, open_page: OpenPage, tmp_path: Path) -> None:
    opened = open_page("/knowledge")
    page = opened.page
    page.get_by_role("textbox", name="Name", exact=True).fill("wrong")
    page.get_by_role("textbox", name="Folders or zips").fill("/there/is/none")
    page.get_by_role("button", name="Build", exact=True).click()
    expect(page.get_by_text("There is no folder /there/is/none")).to_be_visible(timeout=30_000)
    page.reload()
    expect(page.locator('[class*="st-key-base-"]').first).to_be_visible()
    expect(page.get_by_text("wrong", exact=True)).to_have_count(0)

    page.goto(base)
    documents = page.get_by_text(re.compile(r"Documents: \d+ · ")).inner_text().partition(" · ")[0]
    page.get_by_text("Settings", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as a file").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert file.name == "ops.zip"
    page.goto(base.partition("?")[0])
    page.get_by_text("Or make it of an export").click()
    page.locator(".st-key-import-base input[type=file]").set_input_files(file)
    page.get_by_role("textbox", name="Another name").fill("again")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_role("heading", name="again")).to_be_visible(timeout=60_000)
    expect(page.get_by_text(f"{documents} · ")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Ask this knowledge base").click()
    expect(page.locator(".st-key-choices").get_by_text("again")).to_be_visible()
    opened.check()


def test_pages_have_one_width_and_a_phones_side_bar_makes_way(base: str, open_page: OpenPage) -> None:
    page = open_page().page
    ask(page, "Who shreds old archives?")  # a conversation that a side bar can open
    expect(page.locator(CHIP).first).to_be_visible(timeout=60_000)
    main = page.get_by_test_id("stMainBlockContainer")
    for path in ("Chat", "Knowledge", "Evaluation", "Tools", "Models"):
        page.get_by_role("link", name=path, exact=True).click()
        expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
        expect(main).to_have_css("width", "990px")  # 66rem, once the page that was clicked is drawn

    phone = open_page(width=390, locale="zh-CN").page
    phone.get_by_test_id("stExpandSidebarButton").click()
    expect(phone.get_by_test_id("stSidebar")).to_have_attribute("data-collapsed", "false")
    phone.locator('[class*="st-key-open-"] button').first.click()
    expect(phone.get_by_test_id("stSidebar")).to_have_attribute("data-collapsed", "true")
