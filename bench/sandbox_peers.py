"""The sandbox beside others, on the same inputs: `python -m bench sandbox_peers `.

Hostile programs and `1+1` in our engines (named as for the tests) and in llm-sandbox: `--peer` is a Python of its own
that has it, `--peer-image` an image in which the interpreter is also called `python`. `--kernel-image` is one with
ipykernel, whose bare round trip is measured beside ours.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import time
from typing import Any

from bench.sandbox import KERNEL, opened, ran, spread, timed
from sandbox.config import SandboxLimits
from sandbox.docker.adapter import CPU_PERIOD_US, USER, DockerSandbox
from sandbox.errors import SandboxError
from tests.hostile import ALL, Hostile, faults
from tests.sandboxes import ADAPTERS, Lab, engine_of

Faults = dict[str, list[str]]


async def ours(name: str) -> Faults:
    """What is wrong with the outcomes in one of our engines."""
    lab = Lab(engine_of(name), owner="bench")
    found = {each.name: await judged(lab, each) for each in ALL}
    await lab.close()
    return found


async def judged(lab: Lab, program: Hostile) -> list[str]:
    session = await lab.session()
    await session.warm()
    begun = time.monotonic()
    outcome = await lab.run(program.code, program.language, timeout_s=program.timeout_s)
    wrong = faults(program, outcome.end.reason, time.monotonic() - begun, outcome.stdout + outcome.stderr)
    try:
        after = await lab.run("__import__('os').getpid() > 0")
        _, usage = await (await lab.session()).manage("list")
        if after.result != "True" or usage.processes != 2:
            wrong.append(f"leaves processes ({usage.processes})")
    except SandboxError as error:
        wrong.append(f"does not answer afterwards ({error.code})")
    return wrong


def theirs(python: str, image: str) -> tuple[Faults, dict[str, float]]:
    """The same of llm-sandbox, and its `1+1`."""
    command = [python, "-m", "bench.peer_llm_sandbox", os.environ["CHATBOT_TEST_DOCKER_HOST"], image]
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    found: Faults = {}
    speed: dict[str, float] = {}
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            said: dict[str, Any] = json.loads(line)
            if "name" in said:
                found[said["name"]] = said["wrong"]
            else:
                speed = said
    return found, speed


async def kernel_beside(engine: DockerSandbox, image: str) -> None:
    """Our `1+1` and the bare kernel's, in turn, in containers of the same limits."""
    link = await opened(engine)
    await timed(lambda: ran(link), 20)
    for _ in range(3):
        print(f"  1+1 in a warm session                         {spread(await timed(lambda: ran(link), 200))}")
        said = await asyncio.to_thread(_kernel, engine, image)
        print(f"  bare ipykernel in a container of these limits {spread([float(each) for each in said.split()])}")
    await link.close()


def _kernel(engine: DockerSandbox, image: str) -> str:
    """Its sockets ask the kernel for interfaces, which our policy of system calls forbids: it has the engine's."""
    limits, client = engine._config.limits, engine._engine()
    host = client.create_host_config(
        network_mode="none", mem_limit=limits.memory_bytes, memswap_limit=limits.memory_bytes,
        pids_limit=limits.processes, cpu_period=CPU_PERIOD_US, cpu_quota=int(limits.cpus * CPU_PERIOD_US),
    )  # fmt: skip
    made = client.create_container(
        image, ["python3", "-c", KERNEL], host_config=host, environment={"HOME": "/work"}, user=USER
    )
    try:
        client.start(made)
        client.wait(made)
        return str(client.logs(made, stdout=True, stderr=False).decode())
    finally:
        client.remove_container(made, force=True)


async def main_async(given: argparse.Namespace) -> None:
    limits = SandboxLimits()
    columns: dict[str, Faults] = {}
    for name in given.engine or ADAPTERS:
        engine = engine_of(name, limits)
        if given.kernel_image and isinstance(engine, DockerSandbox):
            await kernel_beside(engine, given.kernel_image)
        link = await opened(engine)
        await timed(lambda link=link: ran(link), 20)  # type: ignore[misc]
        print(f"{name}: 1+1 {spread(await timed(lambda link=link: ran(link), 200))}")  # type: ignore[misc]
        await link.close()
        await engine.aclose()
        columns[name] = await ours(name)
    if given.peer:
        columns["llm-sandbox"], speed = await asyncio.to_thread(theirs, given.peer, given.peer_image)
        print(f"llm-sandbox: 1+1 p50 {speed['p50']:.1f}  p95 {speed['p95']:.1f} ms")
    table(columns)


def table(columns: dict[str, Faults]) -> None:
    """One row a program, one column a sandbox; below, what was wrong."""
    print(f"\n{'program':<52}" + "".join(f"{name:>14}" for name in columns))
    for program in ALL:
        cells = ["-" if program.name not in found else "wrong" if found[program.name] else "ok"
                 for found in columns.values()]  # fmt: skip
        print(f"{program.name:<52}" + "".join(f"{cell:>14}" for cell in cells))
    sums = [f"{sum(not each for each in found.values())} of {len(found)}" for found in columns.values()]
    print(f"{'contained as required':<52}" + "".join(f"{each:>14}" for each in sums))
    for name, found in columns.items():
        for program_name, wrong in found.items():
            if wrong:
                print(f"  {name}: {program_name}: {'; '.join(wrong)}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", choices=ADAPTERS, action="append")
    parser.add_argument("--peer", help="a Python with llm-sandbox")
    parser.add_argument("--peer-image", default="")
    parser.add_argument("--kernel-image", help="an image with ipykernel and jupyter_client")
    given = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    asyncio.run(main_async(given))


if __name__ == "__main__":
    main()
