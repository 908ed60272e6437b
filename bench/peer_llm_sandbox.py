"""The hostile programs and `1+1` in llm-sandbox: run by a Python that has it, prints a line of JSON for each.

It gets the limits that ours has, as far as it passes them on to the engine; a root that is read-only it cannot use.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import Any

import docker  # type: ignore[import-not-found,import-untyped,unused-ignore]
from llm_sandbox import SandboxSession  # type: ignore[import-not-found]

from tests.hostile import ALL, Hostile, faults

LABEL = "devops-chatbot.bench.peer"
LIMITS = {
    "mem_limit": 256 * 1024 * 1024, "memswap_limit": 256 * 1024 * 1024, "pids_limit": 64, "nano_cpus": 1_000_000_000,
    "command": ["bash"], "network_mode": "none", "cap_drop": ["ALL"], "security_opt": ["no-new-privileges"],
    "labels": {LABEL: "1"},
}  # fmt: skip


class Peer:
    """A session of the peer, opened anew when it has become of no use."""

    def __init__(self, client: Any, image: str) -> None:
        self._given = {
            "client": client, "image": image, "lang": "python", "workdir": "/work", "skip_environment_setup": True,
            "runtime_configs": LIMITS, "encoding_errors": "replace",
        }  # fmt: skip
        self._session: Any = None

    def run(self, code: str, timeout_s: float) -> Any:
        if self._session is None:
            self._session = SandboxSession(**self._given)
            self._session.open()
        return self._session.run(code, timeout=timeout_s)

    def drop(self) -> None:
        """Its own way to close waits long for a container that is broken: it is removed from outside."""
        self._session = None
        for each in self._given["client"].containers.list(all=True, filters={"label": LABEL}):
            each.remove(force=True)


def judged(peer: Peer, program: Hostile) -> dict[str, Any]:
    """How it went: what was wrong with it, and how long it took."""
    code = program.code
    if program.language == "shell":
        code = f"import subprocess, sys\nsys.exit(subprocess.run(['bash', '-c', {program.code!r}]).returncode)"
    begun, output = time.monotonic(), ""
    try:
        done = peer.run(code, program.timeout_s)
        output = done.stdout + done.stderr
        reason = "finished" if done.exit_code == 0 else "memory" if done.exit_code == 137 else "error"
    except Exception as error:
        reason = "timeout" if "imeout" in type(error).__name__ + str(error) else type(error).__name__
    seconds = time.monotonic() - begun
    wrong = faults(program, reason, seconds, output)
    try:
        alive = peer.run("import os; print(len([p for p in os.listdir('/proc') if p.isdigit()]))", 5)
        if alive.exit_code != 0 or int(alive.stdout.split()[-1]) > 3:
            wrong.append(f"leaves processes ({alive.stdout.strip()[-20:]})")
    except Exception as error:
        wrong.append(f"does not answer afterwards ({type(error).__name__})")
    if wrong:
        peer.drop()
    return {"name": program.name, "wrong": wrong, "seconds": round(seconds, 2)}


def main() -> None:
    host, image = sys.argv[1:3]
    client = docker.DockerClient(base_url=host, timeout=20)
    peer = Peer(client, image)
    for program in ALL:
        if program.language in ("python", "shell"):
            print(json.dumps(judged(peer, program)), flush=True)
    peer.drop()
    peer.run("1+1", 30)
    taken = []
    for _ in range(30):
        begun = time.perf_counter()
        peer.run("print(1+1)", 30)
        taken.append((time.perf_counter() - begun) * 1000)
    peer.drop()
    ordered = sorted(taken)
    print(json.dumps({"p50": statistics.median(ordered), "p95": ordered[int(len(ordered) * 0.95)]}))


if __name__ == "__main__":
    main()
