"""What the sandbox costs: `python -m bench sandbox [--engine docker|bubblewrap] [--kernel PYTHON] [--sessions N]`.

Engines are named as for the tests (CHATBOT_TEST_DOCKER_HOST, CHATBOT_TEST_BUBBLEWRAP and the like). `--kernel` is a
Python with ipykernel and jupyter_client, whose bare round trip is measured beside ours.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import psutil

from sandbox.config import SandboxLimits
from sandbox.docker.adapter import DockerSandbox
from sandbox.link import AgentLink
from sandbox.ports import Sandbox
from sandbox.sessions.service import SessionService
from sandbox.sessions.session import Owner
from sandbox.types import Finished, RunRequest, SessionSpec
from tests.sandboxes import ADAPTERS, engine_of

WHO = Owner(workspace_id="bench", user_id="bench")
READY = (
    "from IPython.core.interactiveshell import InteractiveShell as S; S.instance(); print('ready', flush=True); input()"
)
KERNEL = """
import time
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel()
def once():
    begun = time.perf_counter()
    client.execute_interactive("1+1", output_hook=lambda m: None)
    return (time.perf_counter() - begun) * 1000
[once() for _ in range(20)]
print(*[once() for _ in range(200)])
client.stop_channels(); manager.shutdown_kernel(now=True)
"""
CRASHING = """
import asyncio, secrets, sys
from tests.sandboxes import engine_of
from sandbox.types import SessionSpec
async def main():
    engine = engine_of(sys.argv[1])
    for _ in range(2):
        await engine.open(SessionSpec(id=secrets.token_hex(16), owner="crashed", installation="bench"))
    print("open", flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


def spread(milliseconds: Sequence[float]) -> str:
    """Median and 95th percentile."""
    ordered = sorted(milliseconds)
    return f"p50 {statistics.median(ordered):7.1f}  p95 {ordered[int(len(ordered) * 0.95)]:7.1f} ms"


async def opened(engine: Sandbox, owner: str = "bench") -> AgentLink:
    link = await engine.open(SessionSpec(id=secrets.token_hex(16), owner=owner, installation="bench"))
    assert isinstance(link, AgentLink)
    return link


async def ran(link: AgentLink, code: str = "1+1", timeout_s: float = 60) -> Finished:
    last = [event async for event in link.run(RunRequest(code=code, timeout_s=timeout_s))][-1]
    assert isinstance(last, Finished)
    return last


async def timed(what: Callable[[], Awaitable[object]], times: int) -> list[float]:
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        await what()
        taken.append((time.perf_counter() - begun) * 1000)
    return taken


async def warm_runs(engine: Sandbox) -> None:
    link = await opened(engine)
    await timed(lambda: ran(link), 20)
    print(f"  1+1 in a warm session                 {spread(await timed(lambda: ran(link), 200))}")
    await link.close()


async def deadlines(engine: Sandbox) -> None:
    over = []
    for _ in range(5):
        link = await opened(engine)
        await link.warm()
        begun = time.perf_counter()
        await ran(link, "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", 1.0)
        over.append((time.perf_counter() - begun - 1.0) * 1000)
        await link.close()
    print(f"  past the deadline, fork bomb          worst {max(over):.0f} ms (bar 300)")


async def first_runs(engine: Sandbox) -> None:
    async def cold() -> None:
        link = await opened(engine)
        await ran(link)
        await link.close()

    print(f"  open, first 1+1, close; no pool       {spread(await timed(cold, 10))}")
    if isinstance(engine, DockerSandbox):
        print(
            "  bare create + start to IPython ready  "
            f"{spread(await timed(lambda: asyncio.to_thread(_bare, engine), 10))}"
        )
    limits = SandboxLimits(pool=1)
    service = SessionService([engine], limits, owner="bench", installation="bench")
    taken = []
    for _ in range(10):
        await service.prefill()
        begun = time.perf_counter()
        session = await service.open(WHO)
        async for _event in service.run(session, RunRequest(code="1+1")):
            pass
        taken.append((time.perf_counter() - begun) * 1000)
        await service.end(session)
    print(f"  open, first 1+1; pool warm            {spread(taken)}")
    await service.stop()


def _bare(engine: DockerSandbox) -> None:
    client = engine._engine()
    container = client.create_container(engine._config.image, ["python3", "-c", READY], stdin_open=True, tty=True)
    try:
        client.start(container)
        for part in client.attach(container, stream=True, logs=True):
            if b"ready" in part:
                break
    finally:
        client.remove_container(container, force=True)


async def many(engine: Sandbox) -> None:
    async def one() -> float:
        begun = time.perf_counter()
        link = await opened(engine)
        end = await ran(link, "sum(i * i for i in range(200_000))")
        assert end.reason == "finished", end
        await link.close()
        return time.perf_counter() - begun

    taken = await asyncio.gather(*(one() for _ in range(20)))
    print(f"  20 sessions at once                   first {min(taken):.1f} s, last {max(taken):.1f} s, all answered")


async def leaks(engine: Sandbox, name: str, sessions: int) -> None:
    crashes = max(1, sessions // 20)
    before = _left(engine)
    begun = time.perf_counter()
    for number in range(sessions):
        link = await opened(engine)
        await link.close()
        if number % 20 == 19:
            _crash(name)
    deadline = time.monotonic() + 60
    while _left(engine) != before and time.monotonic() < deadline:
        await engine.reap({"bench"}, "bench")
        await asyncio.sleep(1)
    print(
        f"  {sessions} opened and closed, {crashes} crashes between   {time.perf_counter() - begun:.0f} s;"
        f" left over (containers, groups, jails): {_left(engine)}, before: {before}"
    )


def _crash(name: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    child = subprocess.Popen([sys.executable, "-c", CRASHING, name], stdout=subprocess.PIPE, env=environment)
    assert child.stdout is not None
    child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()


def _left(engine: Sandbox) -> tuple[int, int, int]:
    containers = 0
    if isinstance(engine, DockerSandbox):
        found = engine._engine().containers(all=True, filters={"label": "devops-chatbot.sandbox=bench"})
        containers = len(found)
    groups = list(Path("/sys/fs/cgroup").glob("*/**/devops-chatbot-sandbox.bench.*"))
    jails = sum(1 for each in psutil.process_iter(["name"]) if each.info["name"] == "bwrap")
    return containers, len(groups), jails


async def measure(name: str, sessions: int) -> None:
    engine = engine_of(name)
    found = await engine.probe()
    print(f"{name}: {found.detail or found.reason}")
    await warm_runs(engine)
    await first_runs(engine)
    await deadlines(engine)
    await many(engine)
    await leaks(engine, name, sessions)
    await engine.aclose()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", choices=ADAPTERS, action="append")
    parser.add_argument("--kernel", help="a Python with ipykernel")
    parser.add_argument("--sessions", type=int, default=100)
    given = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    if given.kernel:
        said = subprocess.run([given.kernel, "-c", KERNEL], capture_output=True, text=True, check=True).stdout
        print(f"bare ipykernel on the host: 1+1         {spread([float(each) for each in said.split()])}")
    for name in given.engine or ADAPTERS:
        asyncio.run(measure(name, given.sessions))


if __name__ == "__main__":
    main()
