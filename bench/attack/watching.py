"""What is looked at all along: how long a small request takes, what the processes weigh, who calls an address."""

from __future__ import annotations

import contextlib
import http.server
import threading
import time
from collections import Counter

import httpx2
import psutil

from bench.product import Product
from bench.streams import api_process, cpu_seconds


class Watchdog(threading.Thread):
    """Times a small request again and again, and weighs the worker with its children."""

    def __init__(self, product: Product) -> None:
        super().__init__(daemon=True)
        self._http = httpx2.Client(base_url=product.api, timeout=120)
        self._product = product
        self._api = api_process(product)
        self.deaths = 0
        self._worker = next(each for each in product.processes() if "worker" in each.cmdline())
        self.enough = threading.Event()
        self.beats = 0
        self.errors = 0
        self.longest_s = self.busiest_s = 0.0
        self.memory = self.api_memory = 0
        self.culprit = ""

    def run(self) -> None:
        while not self.enough.wait(0.05):
            begun = time.perf_counter()
            try:
                spent = cpu_seconds(self._api)
                self._http.get("/version").raise_for_status()
                self.busiest_s = max(self.busiest_s, cpu_seconds(self._api) - spent)
            except httpx2.HTTPError:
                self.errors += 1
            except psutil.Error:
                self.deaths += 1
                with contextlib.suppress(StopIteration):
                    self._api = api_process(self._product)
            self.beats += 1
            self.longest_s = max(self.longest_s, time.perf_counter() - begun)
            self._weigh()

    def _weigh(self) -> None:
        with contextlib.suppress(psutil.Error):
            self.api_memory = max(self.api_memory, self._api.memory_info().rss)
            family = [self._worker, *self._worker.children(recursive=True)]
            sizes = [(each.memory_info().rss, " ".join(each.cmdline()[-2:])) for each in family]
            total = sum(size for size, _ in sizes)
            if total > self.memory:
                self.memory = total
                self.culprit = "{1} with {0} bytes".format(*max(sizes))


class Bait:
    """An address that nobody has a reason to call; whoever does is counted."""

    def __init__(self) -> None:
        calls = self.calls = Counter[str]()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                calls[self.path] += 1
                self.send_error(404)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
