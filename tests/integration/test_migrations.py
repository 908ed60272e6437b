"""One history makes the tables on both databases, however many processes begin at once."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Connection, MetaData, Table, insert, inspect, text
from structlog.testing import capture_logs

import backend.jobs.tables
import knowledge.storage.database
import knowledge.storage.tables
from backend.db.tables import metadata
from backend.evaluation.job import EvaluationArguments
from backend.evaluation.questions import kept
from backend.jobs.claims import unclaimed
from backend.jobs.queue import JobQueue
from backend.jobs.registry import KINDS
from backend.knowledge_bases.jobs import BuildArguments
from backend.migrations import DatabaseNewer, configuration, current_revision, head_revision, upgrade_database
from backend.processes.identity import this_process
from backend.processes.registry import ProcessRegistry
from knowledge.storage.database import Database
from knowledge.types import Scope
from tests.databases import DIALECTS, blank_database_url

NOW = "2026-01-02 03:04:05+00:00"
THREAD = (
    "INSERT INTO threads (id, workspace_id, owner_id, title, knowledge_bases, created_at, updated_at) "
    "VALUES (:id, 'w', 'o', '', '[]', :now, :now)"
)
MESSAGE = (
    "INSERT INTO messages (id, thread_id, parent_id, role, text, status, model, error, citations, uncited, nearest, "
    "created_at) VALUES (:id, :thread, :parent, 'user', '', 'finished', '', '', '[]', '[]', '[]', :now)"
)
FEEDBACK = (
    "INSERT INTO feedback (message_id, workspace_id, owner_id, rating, reasons, comment, updated_at) "
    "VALUES ('3', 'w', 'o', 'up', '[]', '', :now)"
)
ROOT = Path(__file__).resolve().parents[2]
MIGRATE = """
import sys
from backend.migrations import upgrade_database
from knowledge.storage.database import Database
print(upgrade_database(Database(sys.argv[1])))
"""


@pytest.fixture(params=DIALECTS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with blank_database_url(request.param, tmp_path) as url:
        opened = Database(url)
        yield opened
        opened.close()


def url_of(database: Database) -> str:
    return database.engine.url.render_as_string(hide_password=False)


def test_the_history_makes_exactly_the_tables_of_the_code(database: Database) -> None:
    upgrade_database(database)
    assert backend.jobs.tables.jobs.name in metadata.tables
    with database.write() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        # Both metadata at once: a table of the one is not too many for the other.
        differences = compare_metadata(context, [knowledge.storage.tables.metadata, metadata])  # type: ignore[arg-type]
    assert differences == []


def test_the_history_is_one_numbered_line() -> None:
    scripts = ScriptDirectory.from_config(configuration())
    assert scripts.get_heads() == [head_revision()]


def test_what_a_comparison_does_not_see_is_the_same_too(tmp_path: Path) -> None:
    """WITHOUT ROWID and AUTOINCREMENT, which Alembic does not compare."""
    with blank_database_url("sqlite", tmp_path) as url:
        database = Database(url)
        upgrade_database(database)
        with database.read() as connection:
            rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
            made: dict[str, str] = {row.name: row.sql for row in rows}
        database.close()
    assert "AUTOINCREMENT" in made["chunks"]
    assert "WITHOUT ROWID" in made["job_events"]
    assert "WITHOUT ROWID" in made["run_events"]


def test_a_second_time_there_is_nothing_to_do(database: Database) -> None:
    assert current_revision(database) is None
    assert upgrade_database(database) is True
    assert current_revision(database) == head_revision()
    assert upgrade_database(database) is False


def test_processes_that_begin_at_once_do_it_once(database: Database) -> None:
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE, url_of(database)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(3)
    ]
    outputs = [process.communicate(timeout=60) for process in starts]
    assert [process.returncode for process in starts] == [0, 0, 0], outputs
    assert sorted(out.decode().strip() for out, _ in outputs) == ["False", "False", "True"]
    with database.read() as connection:
        assert inspect(connection).has_table("jobs")


def test_whoever_finds_the_file_locked_for_long_waits_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As while a large database is brought up to date by another process."""
    monkeypatch.setattr(knowledge.storage.database, "_BUSY_TIMEOUT_S", 0.1)
    with blank_database_url("sqlite", tmp_path) as url:
        first, second = Database(url), Database(url)
        with first.write() as connection:
            connection.execute(text("CREATE TABLE older (id INTEGER)"))
        with ThreadPoolExecutor(1) as pool, capture_logs() as logs:
            with first.write():
                waiting = pool.submit(upgrade_database, second)
                while not logs and not waiting.done():
                    time.sleep(0.02)
            assert waiting.result(timeout=30) is True
        first.close()
        second.close()


def test_a_database_of_a_later_version_is_left_alone(database: Database) -> None:
    upgrade_database(database)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseNewer, match="later"):
        upgrade_database(database)
    assert current_revision(database) == "9999"


def test_messages_of_before_are_numbered_parents_first(database: Database) -> None:
    """Also where the clocks of two machines made a question's id later than its answer's."""
    with database.write() as connection:
        migrate(connection, "0002")
    rows = [("t1", "3", None), ("t1", "1", "3"), ("t1", "2", "1"), ("t2", "5", None), ("t2", "6", "5")]
    with database.write() as connection:
        for thread in ("t1", "t2"):
            connection.execute(text(THREAD), {"id": thread, "now": NOW})
        for thread, identity, parent in rows:
            connection.execute(text(MESSAGE), {"id": identity, "thread": thread, "parent": parent, "now": NOW})
        connection.execute(text(FEEDBACK), {"now": NOW})
    upgrade_database(database)
    with database.read() as connection:
        numbered = connection.execute(text("SELECT thread_id, id, seq FROM messages ORDER BY thread_id, seq")).all()
        assert [tuple(row) for row in numbered] == [
            ("t1", "3", 1), ("t1", "1", 2), ("t1", "2", 3), ("t2", "5", 1), ("t2", "6", 2),
        ]  # fmt: skip
        assert connection.execute(text("SELECT last_seq FROM threads ORDER BY id")).scalars().all() == [3, 2]
        assert connection.scalar(text("SELECT count(*) FROM feedback")) == 1, "nothing that hangs on messages is lost"


def test_jobs_that_wait_are_kept_by_an_upgrade_with_what_they_were_asked(database: Database) -> None:
    """From before the arguments of jobs stood apart; and back again."""
    question = {"id": "1", "question": "Why?"}
    with database.write() as connection:
        migrate(connection, "0002")
        add_old_job(connection, "a" * 32, "build", {"source_ids": ["s"]})
        add_old_job(connection, "b" * 32, "evaluate", {"questions": [question], "file": "q.jsonl"})
    upgrade_database(database)
    queue = JobQueue(KINDS, ProcessRegistry(this_process("api")))
    scope = Scope(workspace_id="w", user_id="me")
    with database.read() as connection:
        build, evaluate = (queue.get(connection, scope, each * 32) for each in "ab")
        assert [row.id for row in unclaimed(connection, ())] == [build.id, evaluate.id]
        assert queue.arguments(connection, build) == BuildArguments(source_ids=("s",))
        given = queue.arguments(connection, evaluate)
        assert isinstance(given, EvaluationArguments)
        assert given.file == "q.jsonl"
        assert [each.text for each in kept(connection, scope, given.questions)] == ["Why?"]
    with database.write() as connection:
        migrate(connection, "0002")
        rows = connection.execute(text("SELECT arguments FROM jobs ORDER BY id").columns(arguments=JSON())).scalars()
        assert [each["source_ids" if "source_ids" in each else "questions"] for each in rows] == [["s"], [question]]


def migrate(connection: Connection, revision: str) -> None:
    """To this revision, from below or above."""
    below = current(connection) is None or str(current(connection)) < revision
    (command.upgrade if below else command.downgrade)(configuration(connection), revision)


def current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def add_old_job(connection: Connection, job_id: str, kind: str, arguments: dict[str, Any]) -> None:
    table = Table("jobs", MetaData(), autoload_with=connection)
    empty = {"stages": [], "failures": [], "result": {}, "error": "", "error_code": "", "worker_id": ""}
    zero = dict.fromkeys(
        ("failure_count", "attempt", "last_event_id", "round", "reached", "crash_reached", "crashes"), 0
    )
    no = dict.fromkeys(("cancel_requested", "submitted", "told_stuck"), False)
    row = {"id": job_id, "kind": kind, "arguments": arguments, "workspace_id": "w", "owner_id": "me"}
    connection.execute(
        insert(table).values({**row, **empty, **zero, **no, "status": "queued", "created_at": datetime.now(UTC)})
    )


def test_messages_of_two_verdicts_get_one_of_three(database: Database) -> None:
    row = {"thread_id": "t", "role": "assistant", "text": "", "status": "finished", "model": "", "error": "",
           "citations": "[]", "uncited": "[]", "nearest": "[]", "created_at": "2026-01-01 00:00:00"}  # fmt: skip
    thread = {"id": "t", "workspace_id": "w", "owner_id": "o", "title": "", "knowledge_bases": "[]",
              "created_at": "2026-01-01 00:00:00", "updated_at": "2026-01-01 00:00:00"}  # fmt: skip
    with database.write() as connection:
        migrate(connection, "0002")
        _insert(connection, "threads", thread)
        for name, answered in (("a", True), ("b", False), ("c", None)):
            _insert(connection, "messages", {**row, "id": name, "answered": answered})
    upgrade_database(database)
    with database.read() as connection:
        told = connection.execute(text("SELECT id, verdict FROM messages ORDER BY id"))
        assert [tuple(each) for each in told] == [("a", "answered"), ("b", "nothing"), ("c", None)]


def _insert(connection: Connection, table: str, values: dict[str, object]) -> None:
    names = ", ".join(values)
    connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({', '.join(':' + n for n in values)})"), values)
