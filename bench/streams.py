"""Time to first token over a direct call to the same model, and 100 streams at once on one API process."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx2
import psutil

from bench.product import ROOT, Product, free_port, percentile

STREAMS = 100
TOPICS = (
    "a knowledge base from a folder",
    "a git repository",
    "a web site",
    "the sandbox",
    "PostgreSQL",
    "an embedder",
    "a language model",
    "the citations of an answer",
    "an API key",
    "the command line",
)
QUESTIONS = [
    f"{asked} {topic}?"
    for asked in (
        "How do I set up",
        "What should I know about",
        "Where is it said what happens to",
        "How can I remove",
        "What goes wrong with",
        "Who may use",
        "How do I look at the state of",
        "What does the product keep of",
        "Can I change the name of",
        "How much memory is needed for",
    )
    for topic in TOPICS
]
"""A hundred, all different, so that nothing is remembered from one that would not be in life."""


class Stream:
    """What one run looked like from outside: when each delta came, whether every event came, in order."""

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.first_token = 0.0
        self.retrieval_s = 0.0
        self.arrivals: list[float] = []
        self.ids: list[int] = []
        self.text = ""
        self.final = ""

    def take(self, identity: int, kind: str, data: dict[str, object]) -> None:
        self.ids.append(identity)
        if kind == "text_delta":
            now = time.perf_counter()
            self.first_token = self.first_token or now - self.started
            self.arrivals.append(now)
            self.text += str(data["text"])
        elif kind == "step_finished" and data["step"] == "retrieve":
            self.retrieval_s = float(str(data["duration_ms"])) / 1000
        elif kind == "run_finished":
            self.final = str(data["text"])

    @property
    def whole(self) -> bool:
        return bool(self.final) and self.final == self.text and self.ids == list(range(1, len(self.ids) + 1))

    @property
    def gaps(self) -> list[float]:
        return [later - earlier for earlier, later in zip(self.arrivals, self.arrivals[1:], strict=False)]


async def run_stream(http: httpx2.AsyncClient, thread_id: str, question: str, phase: str = "answer") -> Stream:
    stream = Stream()
    body = {"input": question, "phase": phase}
    run = (await http.post(f"/threads/{thread_id}/runs", json=body)).raise_for_status().json()
    async with http.stream("GET", f"/runs/{run['id']}/events") as response:
        identity, kind = 0, ""
        async for line in response.aiter_lines():
            field, _, value = line.partition(": ")
            if field == "id":
                identity = int(value)
            elif field == "event":
                kind = value
            elif field == "data":
                stream.take(identity, kind, json.loads(value))
    return stream


async def direct_first_token(http: httpx2.AsyncClient, base_url: str, question: str) -> float:
    begun = time.perf_counter()
    body = {"model": "scripted", "stream": True, "messages": [{"role": "user", "content": question}]}
    async with http.stream("POST", f"{base_url}/chat/completions", json=body) as response:
        async for line in response.aiter_lines():
            if line.startswith("data: {") and json.loads(line[6:])["choices"][0]["delta"].get("content"):
                return time.perf_counter() - begun
    raise RuntimeError("The model wrote nothing.")


def api_process(product: Product) -> psutil.Process:
    """The process that serves the API, among those of `up`."""
    return next(process for process in product.processes() if "serve" in process.cmdline())


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def measure(api: str, model: str, process: psutil.Process) -> None:
    limits = httpx2.Limits(max_connections=300, max_keepalive_connections=300)
    async with httpx2.AsyncClient(base_url=api, timeout=120, limits=limits) as http:

        async def new_thread() -> str:
            reply = await http.post("/threads", json={"knowledge_bases": ["guide"]})
            return str(reply.raise_for_status().json()["id"])

        await run_stream(http, await new_thread(), "What is this?")
        through, direct = [], []
        for question in QUESTIONS[:40]:
            stream = await run_stream(http, await new_thread(), question)
            through.append(stream.first_token - stream.retrieval_s)
            direct.append(await direct_first_token(http, model, question))
        extra = percentile(through, 0.95) - percentile(direct, 0.95)
        print(
            f"first token p95, retrieval aside: {percentile(through, 0.95) * 1000:.0f} ms; direct call "
            f"{percentile(direct, 0.95) * 1000:.0f} ms; over it {extra * 1000:.0f} ms (bar 60)"
        )
        for phase in ("answer", "chat"):
            threads = [await new_thread() for _ in range(STREAMS + 1)]
            await measure_at_once(http, threads, phase, process)


async def measure_at_once(http: httpx2.AsyncClient, threads: list[str], phase: str, process: psutil.Process) -> None:
    """A hundred streams of a phase at once, and one alone before them."""
    alone = await run_stream(http, threads.pop(), "How do I begin?", phase)
    spent = cpu_seconds(process)
    streams = await asyncio.gather(*map(run_stream, [http] * STREAMS, threads, QUESTIONS, [phase] * STREAMS))
    spent = cpu_seconds(process) - spent
    whole = sum(stream.whole for stream in streams)
    gap_one, gap_all = percentile(alone.gaps, 0.95), percentile([g for s in streams for g in s.gaps], 0.95)
    print(
        f"{STREAMS} streams of {phase}: {whole} whole and in order; p95 gap between tokens {gap_all * 1000:.0f} ms, "
        f"one stream {gap_one * 1000:.0f} ms, ratio {gap_all / gap_one:.2f} (bar 2)"
    )
    tokens = sum(len(stream.arrivals) for stream in streams)
    print(f"processor time of the API: {spent / STREAMS * 1000:.0f} ms a run of {tokens / STREAMS:.0f} pieces")


def main() -> None:
    port = free_port()
    model = f"http://127.0.0.1:{port}/v1"
    scripted = subprocess.Popen([sys.executable, str(ROOT / "tests" / "scripted_model.py"), "--port", str(port)])
    settings = {"CHATBOT_MODEL__BASE_URL": model, "CHATBOT_MODEL__NAME": "scripted", "CHATBOT_MODEL__API_KEY": "none"}
    try:
        with tempfile.TemporaryDirectory() as folder, Product(Path(folder) / "data", settings=settings) as product:
            while product.call("GET", "/knowledge-bases/guide")["active_job_id"]:
                time.sleep(0.5)
            asyncio.run(measure(product.api, model, api_process(product)))
    finally:
        scripted.terminate()
        scripted.wait()


if __name__ == "__main__":
    main()
