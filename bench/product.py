"""The product as a user starts it, for benches and for tests that need all of it: processes, ports, a small client."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx2
import psutil

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Product:
    """`devops-chatbot up` on free ports with a data folder of its own; stops when the block ends."""

    def __init__(self, data: Path, *, settings: dict[str, str] | None = None, command: str = "up") -> None:
        self.data = data
        self.command = command
        self.api_port, self.ui_port = free_port(), free_port()
        self.api = f"http://127.0.0.1:{self.api_port}/api/v1"
        self.ui = f"http://127.0.0.1:{self.ui_port}"
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("CHATBOT_")},
            "CHATBOT_DATA_DIR": str(data),
            "HF_HUB_OFFLINE": "1",
            "PYTHONPATH": str(ROOT),
            **(settings or {}),
        }
        self.http = httpx2.Client(base_url=self.api, timeout=120)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        ports = ["--api-port", str(self.api_port)]
        if self.command == "up":
            ports += ["--port", str(self.ui_port)]
        log = (self.data.parent / f"{self.data.name}.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "backend", self.command, *ports],
            env=self._environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=self.data.parent,
        )
        log.close()

    def __enter__(self) -> Product:
        self.start()
        self.wait_ready()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.http.close()

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            for process in self.processes():
                process.kill()
            self.process.kill()
            self.process.wait()

    def processes(self) -> list[psutil.Process]:
        """Every live process below the supervisor, itself not counted."""
        if self.process is None or self.process.poll() is not None:
            return []
        return psutil.Process(self.process.pid).children(recursive=True)

    def wait_ready(self, timeout_s: float = 120) -> float:
        """Seconds until the API is ready. Raises TimeoutError with the end of the log."""
        begun = time.monotonic()
        while time.monotonic() - begun < timeout_s:
            if self.process is not None and self.process.poll() is not None:
                break
            try:
                if self.http.get("/readyz", timeout=5).status_code == 200:
                    return time.monotonic() - begun
            except httpx2.HTTPError:
                pass
            time.sleep(0.1)
        log = (self.data.parent / f"{self.data.name}.log").read_text(errors="replace")[-3000:]
        raise TimeoutError(f"The product did not get ready.\n{log}")

    def call(self, method: str, path: str, **options: Any) -> Any:
        """One API call, tried again while the API is being restarted. Raises RuntimeError for a refusal."""
        for attempt in range(60):
            try:
                response = self.http.request(method, path, **options)
            except httpx2.HTTPError:
                if attempt == 59:
                    raise
                time.sleep(0.5)
                continue
            if response.status_code >= 400:
                raise RuntimeError(f"{method} {path}: {response.status_code} {response.text[:500]}")
            return response.json() if response.content else None
        raise AssertionError("unreachable")

    def wait_job(self, job_id: str, timeout_s: float = 900) -> dict[str, Any]:
        begun = time.monotonic()
        while time.monotonic() - begun < timeout_s:
            job: dict[str, Any] = self.call("GET", f"/jobs/{job_id}")
            if job["status"] in {"succeeded", "failed", "cancelled"}:
                return job
            time.sleep(0.2)
        raise TimeoutError(f"Job {job_id} did not end in {timeout_s} s.")

    def events(self, path: str, after: int = 0) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """The server-sent events of a run or a job from `after` on, as (id, kind, data)."""
        with self.http.stream("GET", path, headers={"Last-Event-ID": str(after)}) as response:
            response.raise_for_status()
            identity, kind = 0, ""
            for line in response.iter_lines():
                field, _, value = line.partition(": ")
                if field == "id":
                    identity = int(value)
                elif field == "event":
                    kind = value
                elif field == "data":
                    yield identity, kind, json.loads(value)

    def ask(self, question: str, knowledge_bases: list[str], **options: Any) -> dict[str, Any]:
        """One question in a thread of its own, to the end: the final message."""
        thread = self.call("POST", "/threads", json={"knowledge_bases": knowledge_bases})
        run = self.call("POST", f"/threads/{thread['id']}/runs", json={"input": question, **options})
        for _ in self.events(f"/runs/{run['id']}/events"):
            pass
        messages = self.call("GET", f"/threads/{thread['id']}/messages")["items"]
        return next(
            message for message in messages if message["run_id"] == run["id"] and message["role"] == "assistant"
        )


def percentile(values: list[float], share: float) -> float:
    """Nearest-rank percentile, `share` in 0..1."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
