"""A hostile session against the running product: what it answers, how long it falters, what it reads and whom it calls.

Everything that an attacker controls is sent at once with what a neighbour needs: questions, answers of a model, bodies,
paths, origins, half-open connections and files of every format, while a small request is timed all along.
"""

from __future__ import annotations

import argparse
import contextlib
import http.server
import itertools
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psutil

from bench import hostile
from bench.product import ROOT, Product, free_port
from bench.streams import api_process, cpu_seconds

FREEZE_S = 2.0
MEMORY_BAR = 1.5e9
AT_ONCE = 4


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
        self.memory = 0
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


@dataclass
class Session:
    """Sends, and counts what comes back."""

    product: Product
    secret: str
    rows: dict[str, Counter[str]] = field(default_factory=dict)
    slowest: dict[str, float] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)

    def send(self, kind: str, method: str, url: str, **options: Any) -> httpx2.Response | None:
        begun = time.perf_counter()
        try:
            answer = self.product.http.request(method, url, **options)
        except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError, ValueError) as error:
            self._count(kind, type(error).__name__, begun)
            return None
        self._count(kind, f"{answer.status_code // 100}xx", begun)
        if answer.status_code >= 500:
            self.broken.append(f"{answer.status_code} {method} {url[:120]} {answer.text[:200]}")
        if self.secret in answer.text or "root:x:0" in answer.text:
            self.leaks.append(f"{method} {url[:120]}")
        return answer

    def _count(self, kind: str, outcome: str, begun: float) -> None:
        self.rows.setdefault(kind, Counter())[outcome] += 1
        self.slowest[kind] = max(self.slowest.get(kind, 0.0), time.perf_counter() - begun)

    def side_by_side(self, work: Callable[..., object], *given: Any) -> None:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            list(threads.map(work, *given))


def ask(session: Session, base: str, models: list[str]) -> None:
    """Hostile questions: searched, asked in a conversation, and asked over /v1 of a model that echoes them."""
    api = session.product.api

    def one(text: str) -> None:
        session.send("search", "POST", f"{api}/knowledge-bases/{base}/search", json={"query": text})
        thread = session.send("conversation", "POST", f"{api}/threads", json={"title": text[:200]})
        if thread is not None and thread.is_success:
            there = f"{api}/threads/{thread.json()['id']}"
            run = session.send("conversation", "POST", f"{there}/runs", json={"input": text, "model": "none"})
            if run is not None and run.is_success:
                session.send("conversation", "GET", f"{api}/runs/{run.json()['id']}/events")
            session.send("conversation", "GET", f"{there}/export")

    def completed(text: str, model: str) -> None:
        messages = [{"role": "system", "content": text[:20_000]}, {"role": "user", "content": text}]
        body = {"model": "answer", "messages": messages, "language_model": model, "stop": [text[:20]], "stream": True}
        for more in ({}, {"stop": None, "stream": False}):
            url = f"{api.removesuffix('/api/v1')}/v1/chat/completions"
            session.send(f"/v1, {model}", "POST", url, json=body | more)

    session.side_by_side(one, hostile.texts())
    session.side_by_side(completed, *zip(*itertools.product(hostile.texts(), models), strict=True))
    url = f"{api.removesuffix('/api/v1')}/v1/embeddings"
    for text in hostile.texts():
        session.send("embeddings", "POST", url, json={"model": "use-multilingual", "input": [text] * 3})


def probe(session: Session) -> None:
    """Every path that the product describes, with ids and bodies that are none."""
    root = session.product.api.removesuffix("/api/v1")
    described = session.product.http.get(f"{session.product.api}/openapi.json").json()["paths"]
    requests = [(method.upper(), path) for path, operations in described.items() for method in operations]

    def with_id(method: str, path: str, wrong: str) -> None:
        address = root + path[: path.index("{")] + wrong + path[path.rindex("}") + 1 :]
        session.send("ids", method, address, json={} if method in ("POST", "PUT", "PATCH") else None)

    def with_body(method: str, path: str, body: bytes) -> None:
        address = root + path.replace("{", "").replace("}", "")
        for kind in ("application/json", "multipart/form-data; boundary=x"):
            session.send("bodies", method, address, content=body, headers={"content-type": kind})

    named = [request for request in requests if "{" in request[1] and "/events" not in request[1]]
    written = [request for request in requests if request[0] in ("POST", "PUT", "PATCH")]
    session.side_by_side(lambda pair: with_id(*pair[0], pair[1]), list(itertools.product(named, hostile.IDS)))
    session.side_by_side(lambda pair: with_body(*pair[0], pair[1]), list(itertools.product(written, hostile.bodies())))


def call_from_elsewhere(session: Session) -> list[str]:
    """Who was let in that should not have been, or the reverse."""
    wrong = []
    for host, origin in itertools.product(hostile.HOSTS, hostile.ORIGINS):
        for port, address in (
            (session.product.api_port, f"{session.product.api}/threads"),
            (session.product.ui_port, ""),
        ):
            headers = {"host": host.format(port=port)}
            if origin is not None:
                headers["origin"] = origin.format(port=port)
            answer = session.send("origins", "GET", address or f"{session.product.ui}/_stcore/health", headers=headers)
            own = hostile.is_own(headers["host"], headers.get("origin"), port)
            if answer is not None and own != answer.is_success:
                wrong.append(f"{answer.status_code} for {headers} on {port}")
    return wrong


def hold_open(session: Session, count: int, patience_s: float) -> dict[str, int]:
    """Connections on which a request begins and never ends; how many are still there after a while."""
    left = {}
    for name, port in (("api", session.product.api_port), ("ui", session.product.ui_port)):
        held = []
        for number in range(count):
            with contextlib.suppress(OSError):
                connection = socket.create_connection(("127.0.0.1", port), timeout=5)
                connection.sendall(
                    b"POST /api/v1/threads HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X-A: b\r\n" * (number % 9)
                )
                held.append(connection)
        begun = time.monotonic()
        while held and time.monotonic() - begun < patience_s:
            time.sleep(1)
            for connection in held:
                with contextlib.suppress(OSError):
                    connection.sendall(b"X")
            held = [connection for connection in held if is_open(connection)]
        left[name] = len(held)
        for connection in held:
            connection.close()
        session.rows.setdefault("half-open", Counter())[f"{name} kept" if held else f"{name} dropped"] += count
    return left


def is_open(connection: socket.socket) -> bool:
    connection.settimeout(0)
    try:
        return bool(connection.recv(4096)) or False
    except BlockingIOError:
        return True
    except OSError:
        return False


def upload(session: Session, base: str, files: Iterator[tuple[str, bytes]]) -> list[str]:
    """The jobs that read hostile files, a few in each request."""
    jobs = []
    url = f"{session.product.api}/knowledge-bases/{base}/documents"
    for group in iter(lambda: list(itertools.islice(files, 6)), []):
        answer = session.send("files", "POST", url, files=[("files", file) for file in group])
        if answer is not None and answer.is_success:
            jobs.append(answer.json()["job"]["id"])
    return jobs


def add_sources(session: Session, base: str, secret: Path, address: str) -> None:
    """Places of the server and of its network, as sources."""
    for kind, location in (
        ("folder", "/proc/self"), ("folder", "/dev"), ("folder", str(session.product.data)), ("folder", "~root"),
        ("folder", "../../.."), ("zip", str(secret)), ("zip", "/dev/zero"), ("folder", "\x00"),
        ("web", f"{address}/web"),        ("web", "http://169.254.169.254/latest/meta-data"), ("web", "http://[::ffff:127.0.0.1]/"),
        ("web", "gopher://a/"),        ("web", f"http://127.1:{address.rpartition(':')[2]}/"), 
        ("git", "ext::sh -c id"), ("git", "-oProxyCommand=id"),
    ):  # fmt: skip
        body = {"kind": kind, "location": location, "options": {}}
        session.send("sources", "POST", f"{session.product.api}/knowledge-bases/{base}/sources", json=body)


def build_alone(product: Product, name: str, pages: int) -> float:
    """Seconds that a base of harmless pages takes."""
    base = product.call("POST", "/knowledge-bases", json={"name": name, "embedders": ["use-multilingual"]})["id"]
    page = "# Page {0}\n\n" + "## Part\n\nThe setting number {0} of this part is explained in some words.\n\n" * 12
    files = [("files", (f"{at}.md", page.format(f"{name}{at}").encode())) for at in range(pages)]
    begun = time.perf_counter()
    product.wait_job(product.call("POST", f"/knowledge-bases/{base}/documents", files=files)["job"]["id"])
    return time.perf_counter() - begun


@contextlib.contextmanager
def echoing_model(product: Product) -> Iterator[None]:
    """A model that repeats all it is sent, and one that says what a hostile one would, configured in the product."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "scripted_model.py"), "--port", str(port)], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        for name in ("echo", "malicious"):
            product.call(
                "POST",
                "/models",
                json={"name": name, "model": f"scripted:{name}", "base_url": f"http://127.0.0.1:{port}/v1"},
            )
        yield
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def attack(product: Product, secret: Path, pages: int) -> int:
    word = secret.read_text().strip()
    session, bait = Session(product, word), Bait()
    alone = min(build_alone(product, f"alone{at}", pages) for at in range(2))
    base = product.call("POST", "/knowledge-bases", json={"name": "hostile", "embedders": ["use-multilingual"]})["id"]
    watchdog = Watchdog(product)
    watchdog.start()
    jobs = upload(session, base, hostile.files(secret, bait.address))
    beside = build_alone(product, "beside", pages)
    with echoing_model(product):
        for job in jobs:
            product.wait_job(job, 1800)
        ask(session, base, ["none", "echo", "malicious"])
    probe(session)
    add_sources(session, base, secret, bait.address)
    wrong = call_from_elsewhere(session)
    kept = hold_open(session, 100, 90)
    session.send("files", "POST", f"{product.api}/knowledge-bases/{base}/search", json={"query": word})
    watchdog.enough.set()
    watchdog.join()
    return report(session, watchdog, bait, wrong, kept, beside / alone)


def report(
    session: Session, watchdog: Watchdog, bait: Bait, wrong: list[str], kept: dict[str, int], ratio: float
) -> int:
    """Print the table; the number of bars that do not hold."""
    print(f"{'what':<18}{'sent':>6}{'slowest':>10}  outcomes")
    for kind, row in session.rows.items():
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(row.items()))
        print(f"{kind:<18}{row.total():>6}{session.slowest.get(kind, 0):>9.2f}s  {outcomes}")
    asked = [path for path in bait.calls if path not in ("/web", "/")]
    bars = (
        ("answers of 500 and above", len(session.broken), 0),
        ("longest time without an answer, s", round(watchdog.longest_s, 2), FREEZE_S),
        ("of it at work in the API at most, s", round(watchdog.busiest_s, 2), FREEZE_S),
        ("requests of the watchdog that failed", watchdog.errors, 0),
        ("times that the API's process was gone", watchdog.deaths, 0),
        ("reads outside", len(session.leaks), 0),
        ("requests to addresses in files and answers", len(asked), 0),
        ("origins and hosts judged wrongly", len(wrong), 0),
        ("half-open connections kept", sum(kept.values()), 0),
        ("memory of worker and children, MB", round(watchdog.memory / 1e6), MEMORY_BAR / 1e6),
        ("another base beside hostile files, times alone", round(ratio, 2), 1.3),
    )
    for name, found, bar in bars:
        print(f"{'ok  ' if found <= bar else 'NOT '} {name}: {found:g} (bar {bar:g})")
    print(f"most memory: {watchdog.culprit}; {watchdog.beats} beats of the watchdog")
    for line in [*session.broken[:20], *session.leaks[:20], *asked[:20], *wrong[:40]]:
        print("  ", line)
    return sum(found > bar for _, found, bar in bars)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--pages", type=int, default=60, help="pages of the base that is built beside the hostile files"
    )
    pages = parser.parse_args().pages
    with tempfile.TemporaryDirectory() as folder:
        secret = Path(folder, "secret.md")
        secret.write_text(f"word{secrets.token_hex(8)}\n")
        settings = {"CHATBOT_SAMPLE_GUIDE": "false", "CHATBOT_DEFAULT_EMBEDDERS": "use-multilingual"}
        failed = 1
        try:
            with Product(Path(folder, "data"), settings=settings) as product:
                failed = attack(product, secret, pages)
        finally:
            if failed:
                said = Path(folder, "data.log").read_text(errors="replace").splitlines()
                print("\n".join([line[:300] for line in said if "[info" not in line][-60:]))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
