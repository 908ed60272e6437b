"""Sessions with owners and lifetimes, and code that agents run, on real engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from agents.errors import AgentError
from backend.sandboxes.code_runner import SandboxCodeRunner
from knowledge.types import Scope
from sandbox.errors import SandboxBusy, SessionMissing
from sandbox.sessions.service import SessionService
from sandbox.sessions.session import Owner
from sandbox.types import RunRequest
from tests.sandboxes import ADAPTERS, LIMITS, engine_of

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
