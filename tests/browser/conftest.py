"""The whole product, a scripted model and Debian's Chromium, for the tests of this folder."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

from tests.fake_api import FakeApi, make_app
from tests.scripted_model import ScriptedServer
from tests.serving import serving

ROOT = Path(__file__).parents[2]
READY = "DevOps ChatBot is ready: "
START_WITHIN_S = 120
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(kw_only=True)
class Watched:
    """A page, what went wrong in it, and every request that left the machine."""

    page: Page
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def check(self) -> None:
        assert self.foreign == []
        assert self.errors == []

    def note_request(self, request: Request) -> None:
        if not request.url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")):
            self.foreign.append(request.url)


OpenPage = Callable[..., Watched]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the product, started as a user starts it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CHATBOT_")}
    environment |= {
        "CHATBOT_DATA_DIR": str(tmp_path_factory.mktemp("data")),
        "CHATBOT_SAMPLE_GUIDE": "false",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "backend", "up", "--port", "0", "--api-port", "0"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    killer = threading.Timer(START_WITHIN_S, process.kill)
    killer.start()
    said: list[str] = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if READY in line:
                break
        else:
            pytest.fail("The product did not start:\n" + "".join(said[-40:]))
        killer.cancel()
        threading.Thread(target=process.stdout.read, daemon=True).start()  # so that its log never blocks it
        yield line.partition(READY)[2].strip()
    finally:
        killer.cancel()
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture
def interface_asking_for_a_token() -> Iterator[str]:
    """The address of the interface alone, before an API that asks for a token."""
    with serving(make_app(FakeApi(token_required=True))) as api_url, socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        reserved.close()
        command = [sys.executable, "-m", "frontend", "--port", str(port), "--api-url", api_url]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            url = f"http://127.0.0.1:{port}"
            with httpx2.Client(transport=httpx2.HTTPTransport(retries=8)) as client:
                client.get(f"{url}/_stcore/health")
            yield url
        finally:
            process.terminate()
            process.wait(timeout=30)


@pytest.fixture(scope="module")
def model() -> Iterator[str]:
    """The address of a scripted language model."""
    with ScriptedServer() as server:
        yield server.base_url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the module. It is closed at its end: its event loop must not outlive it."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("Chromium is not installed.")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Browser, product: str) -> Iterator[OpenPage]:
    """Opens a path of the product in a context of its own: language, colours, size."""
    contexts = []

    def open_page(path: str = "/", *, locale: str = "en-US", dark: bool = False, width: int = 1280) -> Watched:
        context = browser.new_context(
            locale=locale,
            color_scheme="dark" if dark else "light",
            viewport={"width": width, "height": 900},
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(45_000)
        watched = Watched(page=page)
        page.on("request", watched.note_request)
        page.on("pageerror", lambda error: watched.errors.append(str(error)))
        page.on(
            "console",
            # Streamlit looks for its own files below the page's path first; those it does not find it looks for above.
            lambda said: watched.errors.append(said.text) if said.type == "error" and "404" not in said.text else None,
        )
        page.goto(f"{product}{path}")
        return watched

    yield open_page
    for context in contexts:
        context.close()
