"""Answers of hostile models: each shape in conversations, to agents that call tools, and over /v1."""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import sys
from collections.abc import Iterator

from bench.attack.hostile_model import SHAPES
from bench.attack.session import Session
from bench.product import ROOT, Product, free_port

PHASES = ("answer", "chat", "tool_react")
QUESTION = "How do I roll back a deployment, and what is set where?"


@contextlib.contextmanager
def hostile_models(product: Product, bait: str) -> Iterator[list[str]]:
    """One configured model for each shape; their names."""
    port = free_port()
    command = [sys.executable, "-m", "bench.attack.hostile_model", "--port", str(port), "--bait", bait]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        for name in SHAPES:
            body = {"name": name, "model": name, "base_url": f"http://127.0.0.1:{port}/v1", "tool_calls": "native"}
            product.call("POST", "/models", json=body)
        yield list(SHAPES)
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def be_answered(session: Session, base: str, models: list[str]) -> list[str]:
    """Runs that did not come to an end that is told; each asked of each model in each phase."""
    api = session.product.api
    untold: list[str] = []

    def run(model: str, phase: str) -> None:
        kind = f"model, {phase}"
        thread = session.send(kind, "POST", f"{api}/threads", json={"knowledge_bases": [base]})
        if thread is None or not thread.is_success:
            return
        there = f"{api}/threads/{thread.json()['id']}"
        body = {"input": QUESTION, "model": model, "phase": phase}
        asked = session.send(kind, "POST", f"{there}/runs", json=body)
        if asked is None or not asked.is_success:
            return
        heard = session.send(kind, "GET", f"{api}/runs/{asked.json()['id']}/events")
        state = session.send(kind, "GET", f"{api}/runs/{asked.json()['id']}")
        session.send(kind, "GET", f"{there}/messages")
        session.send(kind, "GET", f"{there}/export")
        status = state.json() if state is not None and state.is_success else {}
        if heard is None or status.get("status") not in ("finished", "failed", "cancelled", "waiting"):
            untold.append(f"{model}, {phase}: {status.get('status')}")
        elif "internal_error" in str(status.get("error")):
            untold.append(f"{model}, {phase}: {status['error']}")

    def complete(model: str, stream: bool) -> None:
        body = {"model": "answer", "messages": [{"role": "user", "content": QUESTION}], "language_model": model}
        url = f"{api.removesuffix('/api/v1')}/v1/chat/completions"
        answer = session.send("model, /v1", "POST", url, json={**body, "stream": stream})
        if answer is None:
            untold.append(f"{model}, /v1, {'streamed' if stream else 'whole'}: no end")

    session.side_by_side(run, *zip(*itertools.product(models, PHASES), strict=True))
    session.side_by_side(complete, *zip(*itertools.product(models, (True, False)), strict=True))
    for each in session.product.call("GET", "/models")["items"]:
        if each["name"] in models:
            session.send("model, checked", "POST", f"{api}/models/{each['id']}/check")
    return untold
