"""Sessions with owners and lifetimes, and code that agents run, on real engines."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from agents.errors import AgentError
from backend.sandboxes.code_runner import SandboxCodeRunner
from knowledge.types import Scope
from sandbox.docker.adapter import LABEL, DockerSandbox
from sandbox.errors import SandboxBusy, SessionBusy, SessionMissing
from sandbox.ports import Sandbox
from sandbox.sessions.service import SessionService
from sandbox.sessions.session import Owner, Session
from sandbox.types import Finished, RunRequest
from tests.sandboxes import ADAPTERS, LIMITS, engine_of

CRASHING = """
import asyncio, secrets, sys
from sandbox.types import RunRequest, SessionSpec
from tests.sandboxes import engine_of
async def main():
    engine = engine_of(sys.argv[1])
    link = await engine.open(SessionSpec(id=secrets.token_hex(16), owner="crashed", installation="crashing"))
    await link.warm()
    events = link.run(RunRequest(code="print(1, flush=True)\\nwhile True: pass", timeout_s=60))
    await anext(events)
    print("open", flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


def left_of(engine: Sandbox) -> list[object]:
    """Containers and groups of the installation that crashes."""
    groups: list[object] = list(Path("/sys/fs/cgroup").glob("*/**/devops-chatbot-sandbox.crashing.*"))
    if isinstance(engine, DockerSandbox):
        groups += engine._engine().containers(all=True, filters={"label": f"{LABEL}=crashing"})
    return groups


pytestmark = pytest.mark.asyncio(loop_scope="module")

ANN, BEN = (Owner(workspace_id="w", user_id=name) for name in ("ann", "ben"))
SCOPE = Scope(workspace_id="w", user_id="ann")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=ADAPTERS)
async def service(request: pytest.FixtureRequest) -> AsyncIterator[SessionService]:
    limits = replace(LIMITS, pool=0, max_sessions_each=2)
    opened = SessionService([engine_of(request.param, limits)], limits, owner="tests", installation="tests")
    yield opened
    await opened.stop()


async def test_a_session_is_found_by_its_owner_alone_and_ends_in_time(service: SessionService) -> None:
    session = await service.open(ANN, lifetime_s=60)
    assert service.of(ANN) == [session]
    with pytest.raises(SessionMissing):
        service.find(BEN, session.id)
    now = session.clock()
    session.clock = lambda: now + 61
    assert session.due == "lifetime"
    await service.end(session, "lifetime")
    with pytest.raises(SessionMissing):
        service.find(ANN, session.id)


async def test_what_is_ready_beforehand_serves_whoever_comes_first(service: SessionService) -> None:
    service.limits = replace(service.limits, pool=1)
    await service.prefill()
    ((name, _),) = service._spare
    session = await service.open(BEN)
    assert session.id == name
    events = [event async for event in service.run(session, RunRequest(code="1 + 1"))]
    assert events
    service.limits = replace(service.limits, pool=0)
    await service._drop_spares()
    await service.end(session)


async def test_nobody_opens_more_than_their_share(service: SessionService) -> None:
    mine = [await service.open(ANN) for _ in range(2)]
    with pytest.raises(SandboxBusy):
        await service.open(ANN)
    await asyncio.gather(*(service.end(each) for each in mine))


async def test_a_hundred_at_once_get_what_they_may_have_and_no_more(service: SessionService) -> None:
    asked = await asyncio.gather(*(service.open(ANN) for _ in range(100)), return_exceptions=True)
    opened = [each for each in asked if isinstance(each, Session)]
    assert len(opened) == 2
    assert {type(each) for each in asked} == {Session, SandboxBusy}
    runs = [service.run(opened[0], RunRequest(code="import time; time.sleep(60)", timeout_s=90)) for _ in range(100)]
    first = asyncio.ensure_future(anext(runs[0]))
    await asyncio.sleep(0.2)
    others = await asyncio.gather(*(anext(each) for each in runs[1:]), return_exceptions=True)
    assert {type(each) for each in others} == {SessionBusy}
    first.cancel()  # its caller goes away
    await asyncio.gather(first, return_exceptions=True)
    events = [event async for event in service.run(opened[0], RunRequest(code="1 + 1"))]
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "finished"
    for each in opened:
        await service.end(each)


async def test_what_a_killed_process_left_is_removed(service: SessionService, request: pytest.FixtureRequest) -> None:
    (engine,) = service._adapters
    child = subprocess.Popen(
        [sys.executable, "-c", CRASHING, engine.name],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"open\n"
    child.kill()
    child.wait()
    child.stdout.close()
    async with asyncio.timeout(60):
        while await engine.reap({"tests"}, "crashing") or left_of(engine):
            await asyncio.sleep(0.2)


async def test_agents_run_code_in_a_session_of_their_conversation(service: SessionService) -> None:
    runner = SandboxCodeRunner(service)
    await service.status()
    assert "python" in runner.languages
    await runner.write_file(SCOPE, "thread", "data.csv", b"a,b\n1,2\n")
    first = await runner.run(SCOPE, "thread", "import csv\nrows = list(csv.reader(open('data.csv')))\nprint(len(rows))")
    assert (first.status, first.stdout) == ("finished", "2\n")
    second = await runner.run(SCOPE, "thread", "open('out.txt', 'w').write(rows[0][1])\nrows[1]")
    assert (second.result, [each.path for each in second.files]) == ("['1', '2']", ["out.txt"])
    assert await runner.read_file(SCOPE, "thread", "out.txt") == b"b"
    slow = await runner.run(SCOPE, "thread", "while True: pass", timeout_s=1)
    assert slow.status == "timeout"
    assert "variables" in slow.stderr
    with pytest.raises(AgentError):
        await runner.read_file(SCOPE, "thread", "none.txt")
    with pytest.raises(AgentError):
        await runner.run(SCOPE, "thread", "x", language="cobol")
    await service.end(service.of(ANN)[0])
    assert (await runner.run(SCOPE, "thread", "'rows' in globals()")).result == "False"
    await service.end(service.of(ANN)[0])
