"""The record of calls and what waits for a person, on both databases: before each call, once, and for its time."""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from agents.tools.calling import ToolCaller
from backend.accounts.sealing import Sealer
from backend.errors import ApprovalGone, Missing
from backend.migrations import upgrade_database
from backend.tools.approvals import ToolApprovals
from backend.tools.audit import AuditFilter, AuditTrail, SqlToolAudit, prune_audit
from backend.tools.documents import ToolDocuments
from backend.tools.tables import audit_calls, audit_ends, tool_approvals
from knowledge.errors import NameTaken, NotFound
from knowledge.storage.database import Database
from knowledge.types import Scope
from tests.api_client import container
from tests.tools import SCOPE, FakeTool, box, context, spec

STRANGER = Scope(workspace_id="elsewhere", user_id="mallory")


def entries(database: Database, scope: Scope = SCOPE, **wanted: Any) -> list[Any]:
    with database.read() as connection:
        return AuditTrail(connection, scope).page(AuditFilter(**wanted), 100)[0]


async def test_a_call_that_died_with_its_process_is_told_as_interrupted(database: Database) -> None:
    audit = SqlToolAudit(database)
    begun = await audit.begin(spec("scale", risk="write"), {"what": "x" * 5_000}, context(), decision="approved")
    (entry,) = entries(database)
    assert (entry.status, entry.finished_at, entry.tool) == ("running", None, "scale")
    assert entry.arguments["what"].endswith(f"{hashlib.sha256(b'x' * 5_000).hexdigest()})")
    with database.write() as connection:
        past = datetime.now(UTC) - timedelta(seconds=1)
        connection.execute(update(audit_calls).values(deadline_at=past))
    assert [each.status for each in entries(database, status="interrupted")] == ["interrupted"]
    assert entries(database, status="running") == []
    await audit.end(begun, status="succeeded", output="späť", duration_ms=1.5)
    (entry,) = entries(database, status="succeeded", tool="scale", user="local")
    assert (entry.output_size, entry.output_hash) == (6, hashlib.sha256("späť".encode()).hexdigest())


async def test_every_call_has_its_row_and_none_has_two(database: Database) -> None:
    audit = SqlToolAudit(database)
    tool = FakeTool(spec())
    caller = ToolCaller(replace(box(tool), audit=audit))
    given = [({"what": str(each)}, context(f"c{each}")) for each in range(60)]
    prepared = [caller.prepare("look", arguments, made, influenced=False) for arguments, made in given]
    tasks = [asyncio.create_task(caller.perform(each)) for each in prepared]
    for _ in range(30):
        await asyncio.sleep(0)
    for task in tasks[::7]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if rest := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(rest)  # rows whose caller did not wait for them
    recorded = {entry.call_id: entry for entry in entries(database)}
    with database.read() as connection:
        rows = connection.execute(select(func.count()).select_from(audit_calls)).scalar_one()
    assert rows == len(recorded)
    made = {f"c{each['what']}" for each in tool.calls}
    assert made <= set(recorded)
    assert {entry.status for entry in recorded.values()} <= {"succeeded", "cancelled"}


async def test_the_record_is_paged_filtered_kept_apart_and_goes_with_age(database: Database) -> None:
    audit = SqlToolAudit(database)
    for number in range(5):
        begun = await audit.begin(spec(f"tool_{number % 2}"), {}, context(f"c{number}"), decision="allowed")
        await audit.end(begun, status="failed" if number == 3 else "succeeded", output="", duration_ms=0)
    with database.read() as connection:
        trail = AuditTrail(connection, SCOPE)
        first, cursor = trail.page(AuditFilter(), 2)
        rest, end = trail.page(AuditFilter(), 10, cursor or "")
    assert [entry.call_id for entry in (*first, *rest)] == ["c4", "c3", "c2", "c1", "c0"]
    assert end is None
    assert [entry.call_id for entry in entries(database, status="failed")] == ["c3"]
    assert len(entries(database, tool="tool_1")) == 2
    assert entries(database, since=datetime.now(UTC) + timedelta(minutes=1)) == []
    assert entries(database, STRANGER) == []
    with database.write() as connection:
        old = datetime.now(UTC) - timedelta(days=40)
        connection.execute(update(audit_calls).where(audit_calls.c.call_id < "c3").values(started_at=old))
    assert sum(prune_audit(database, 0)) == 0
    assert sum(prune_audit(database, 30)) == 3
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(audit_ends)).scalar_one() == 2


def test_of_many_decisions_at_once_one_counts(database: Database, tmp_path: Path) -> None:
    sealer = Sealer(tmp_path / "key")
    given: dict[str, Any] = {
        "tool": "scale",
        "fingerprint": "f" * 64,
        "bases": (),
        "shown": {},
        "round": 1,
        "rounds": 1,
    }
    with database.write() as connection:
        store = ToolApprovals(connection, SCOPE, sealer)
        waiting = store.add(arguments={"password": "hunter2"}, minutes=15, **given)
        late = store.add(arguments={}, minutes=15, **given)
        assert "hunter2" not in str(connection.execute(select(tool_approvals)).all())
        assert waiting.arguments == {"password": "hunter2"}
        past = datetime.now(UTC) - timedelta(seconds=1)
        connection.execute(update(tool_approvals).where(tool_approvals.c.id == late.id).values(expires_at=past))

    def decide(scope: Scope, approval_id: str) -> str:
        try:
            with database.write() as connection:
                ToolApprovals(connection, scope, sealer).decide(approval_id, approved=True)
        except (ApprovalGone, Missing) as error:
            return error.code
        return "decided"

    assert decide(STRANGER, waiting.id) == "not_found"
    assert decide(SCOPE, late.id) == "approval_gone"
    with ThreadPoolExecutor(4) as threads:
        outcomes = list(threads.map(lambda _: decide(SCOPE, waiting.id), range(8)))
    assert sorted(outcomes) == ["approval_gone"] * 7 + ["decided"]


def test_a_document_is_added_once_for_a_call_and_never_over_another(tmp_path: Path) -> None:
    made = container(tmp_path)
    upgrade_database(made.database)
    from knowledge.storage.bases import KnowledgeBaseStore

    with made.database.write() as connection:
        base = KnowledgeBaseStore(connection, SCOPE).create("docs", embedders=["hashing"])
    tools = ToolDocuments(database=made.database, blobs=made.blobs, ingestor=made.ingestor, jobs=made.jobs)
    job = tools.add(SCOPE, base.id, "a.md", "# A", call_id="call")
    assert tools.add(SCOPE, base.id, "a.md", "# A", call_id="call") == job
    with pytest.raises(NameTaken):
        tools.add(SCOPE, base.id, "a.md", "# B", call_id="another")
    (line,) = tools.list(SCOPE, [base.id], query="", limit=10).documents
    with pytest.raises(NotFound):
        tools.delete(SCOPE, [], line.id, call_id="d0")
    with pytest.raises(NotFound):
        tools.passage(STRANGER, [base.id], line.id, 0, 10)
    assert tools.delete(SCOPE, [base.id], line.id, call_id="d1") == "a.md"
    assert tools.delete(SCOPE, [base.id], line.id, call_id="d1") == "a.md"
    made.close()
