"""`kill -9` of each process at random moments of building and chatting; then everything is counted.

Nothing may be lost, nothing doubled, no stale hit may remain, and the product must go on by itself.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx2
import psutil

from bench.product import Product

WORDS = ("ingress", "rollout", "canary", "quota", "webhook", "operator", "finalizer", "taint", "probe", "secret")


def write_documents(folder: Path, version: int, count: int, chosen: random.Random) -> None:
    """`count` pages; each carries one word that only it has, and one that only this version of it has."""
    folder.mkdir(exist_ok=True)
    for number in range(count):
        body = "\n\n".join(
            f"## Part {part}\n\nThe {chosen.choice(WORDS)} of page{number}x needs {chosen.choice(WORDS)} "
            f"number {part} and the {chosen.choice(WORDS)} setting of release{version}y{number}z."
            for part in range(6)
        )
        (folder / f"page-{number}.md").write_text(f"# Page {number}\n\n{body}\n")


def role(process: psutil.Process) -> str:
    command = " ".join(process.cmdline())
    for name in ("worker", "serve", "frontend", "streamlit"):
        if name in command:
            return "ui" if name in {"frontend", "streamlit"} else name
    return "other"


class Chatter(threading.Thread):
    """Asks all the time, follows each run to its end across restarts, and remembers what it was promised."""

    def __init__(self, product: Product) -> None:
        super().__init__(daemon=True)
        self.product = product
        self.http = httpx2.Client(base_url=product.api, timeout=30)
        self.enough = threading.Event()
        self.accepted: dict[str, str] = {}

    def run(self) -> None:
        number = 0
        while not self.enough.is_set():
            number += 1
            with contextlib.suppress(httpx2.HTTPError, KeyError):
                body = {"knowledge_bases": ["crash"]}
                thread = self._post("/threads", f"thread-{number}", body)
                question = f"What does page{number % 40}x need?"
                run = self._post(f"/threads/{thread['id']}/runs", f"run-{number}", {"input": question})
                self.accepted[run["id"]] = thread["id"]
            time.sleep(0.05)

    def _post(self, path: str, key: str, body: dict[str, Any]) -> dict[str, Any]:
        """Sent again with the same key while the server is away, so that what it had done already is not done twice."""
        while True:
            try:
                response = self.http.post(path, json=body, headers={"Idempotency-Key": key})
                accepted: dict[str, Any] = response.raise_for_status().json()
                return accepted
            except httpx2.TransportError:
                time.sleep(0.2)


def kill_one(product: Product, wanted: str) -> bool:
    """Whether a process of this role was there and has been killed."""
    for process in product.processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            if role(process) == wanted:
                process.kill()
                return True
    return False


def kill_randomly(product: Product, rounds: int, chosen: random.Random) -> dict[str, int]:
    killed: dict[str, int] = {}
    for number in range(rounds):
        if number % 2:
            product.wait_ready()  # or a slow machine is killed while starting up again and again, and nobody ever chats
        time.sleep(chosen.uniform(0.05, 1.5))
        wanted = ("serve", "worker", "worker", "serve", "ui")[number % 5]
        while not kill_one(product, wanted):
            time.sleep(0.1)
        killed[wanted] = killed.get(wanted, 0) + 1
    return killed


def check_documents(product: Product, version: int, count: int) -> list[str]:
    """What is wrong with the base: a page missing or doubled, a stale or a missing hit."""
    wrong = []
    base = product.call("GET", "/knowledge-bases/crash")
    if base["document_count"] != count:
        wrong.append(f"{base['document_count']} documents, not {count}")
    listed = product.call("GET", "/knowledge-bases/crash/documents", params={"limit": 100})["items"]
    if sorted(item["path"] for item in listed) != sorted(f"page-{n}.md" for n in range(count)):
        wrong.append("the documents listed are not the files of the folder")
    for number in range(count):
        body = {"query": f"release{version}y{number}z", "top_k": 20}
        hits = product.call("POST", "/knowledge-bases/crash/search", json=body)["hits"]
        if not hits or hits[0]["document"]["path"] != f"page-{number}.md":
            wrong.append(f"page {number} is not found by its own word")
        if any(f"release{old}y" in hit["text"] for hit in hits for old in range(version)):
            wrong.append(f"a stale passage is found for page {number}")
        if len({hit["chunk_id"] for hit in hits}) != len(hits):
            wrong.append(f"a passage is found twice for page {number}")
    for index in base["indexes"]:
        if index["done"] != index["total"]:
            wrong.append(f"index {index['name']} holds {index['done']} of {index['total']} chunks")
    return wrong


def check_runs(product: Product, accepted: dict[str, str]) -> list[str]:
    """What is wrong with the conversations: a run without an end, with two, with a gap, an answer lost or doubled."""
    wrong = []
    for run_id, thread_id in accepted.items():
        events = list(product.events(f"/runs/{run_id}/events"))
        ends = [kind for _, kind, _ in events if kind in {"run_finished", "run_failed", "run_cancelled"}]
        if ends != ["run_finished"]:
            codes = [data["code"] for _, kind, data in events if kind == "run_failed"]
            wrong.append(f"run {run_id} ended {ends} {codes}")
            continue
        if [identity for identity, _, _ in events] != list(range(1, len(events) + 1)):
            wrong.append(f"run {run_id} has a gap in its events")
        last_start = max(n for n, (_, kind, _) in enumerate(events) if kind == "run_started")
        text = "".join(str(data["text"]) for _, kind, data in events[last_start:] if kind == "text_delta")
        messages = product.call("GET", f"/threads/{thread_id}/messages")["items"]
        roles = [message["role"] for message in messages]
        if sorted(roles) != ["assistant", "user"]:
            wrong.append(f"thread {thread_id} holds {roles}")
        answer: dict[str, Any] = next(message for message in messages if message["role"] == "assistant")
        if answer["text"] != text or answer["status"] != "finished":
            wrong.append(f"the answer of run {run_id} is not what was streamed")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--documents", type=int, default=40)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    chosen = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        pages = Path(folder) / "pages"
        write_documents(pages, 0, options.documents, chosen)
        with Product(Path(folder) / "data") as product:
            product.call("POST", "/knowledge-bases", json={"name": "crash"})
            body = {"kind": "folder", "location": str(pages)}
            accepted = product.call("POST", "/knowledge-bases/crash/sources", json=body)
            source_id = accepted["source_id"]
            chatter = Chatter(product)
            chatter.start()
            killed: dict[str, int] = {}
            version, jobs = 0, [accepted["job"]["id"]]
            for _ in range(max(1, options.kills // 20)):
                for name, count in kill_randomly(product, 20, chosen).items():
                    killed[name] = killed.get(name, 0) + count
                version += 1
                write_documents(pages, version, options.documents, chosen)
                sync = product.call("POST", f"/knowledge-bases/crash/sources/{source_id}/sync")
                jobs.append(sync["job"]["id"])
            chatter.enough.set()
            chatter.join()
            product.wait_ready()
            begun = time.monotonic()
            ended = [product.wait_job(job, 300)["status"] for job in jobs]
            print(f"killed {killed}; jobs ended {ended}, {time.monotonic() - begun:.0f} s after the last kill")
            wrong = check_documents(product, version, options.documents) + check_runs(product, chatter.accepted)
            if set(ended) != {"succeeded"}:
                wrong.append(f"jobs ended {ended}")
            print(f"{len(chatter.accepted)} runs accepted; {len(wrong)} things wrong (bar 0)")
            for line in wrong[:20]:
                print(f"  {line}")


if __name__ == "__main__":
    main()
