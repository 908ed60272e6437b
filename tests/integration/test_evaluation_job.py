"""An evaluation as a job: its questions are kept apart, and asked by whoever does it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from backend.errors import Missing
from backend.evaluation.job import EVALUATE
from backend.evaluation.questions import collect_unasked, keep, kept
from backend.evaluation.tables import question_files
from backend.jobs.queue import JobQueue
from backend.jobs.tables import jobs
from backend.processes.identity import this_process
from backend.processes.registry import ProcessRegistry
from knowledge.errors import InvalidInput
from knowledge.storage.bases import KnowledgeBaseStore
from knowledge.storage.database import Database
from knowledge.types import Scope

ME = Scope(workspace_id="w", user_id="me")
STRANGER = Scope(workspace_id="elsewhere", user_id="me")
STATUSES = ("queued", "running", "succeeded", "failed", "cancelled")
QUEUE = JobQueue([EVALUATE], ProcessRegistry(this_process("api")))
GOOD = json.dumps({"id": "1", "question": "Why?"})


def test_questions_are_kept_once_and_for_their_workspace_alone(database: Database) -> None:
    with database.write() as connection:
        first = keep(connection, ME, GOOD)
        assert keep(connection, ME, GOOD) == first
        assert connection.scalar(select(func.count()).select_from(question_files)) == 1
        assert [each.id for each in kept(connection, ME, first)] == ["1"]
        with pytest.raises(Missing):
            kept(connection, STRANGER, first)


def test_a_question_that_is_none_is_named(database: Database) -> None:
    with database.write() as connection:
        found = keep(connection, ME, f'{GOOD}\n\n{{"question": "no id"}}')
        with pytest.raises(InvalidInput, match="Question 2"):
            kept(connection, ME, found)


def test_questions_go_once_nothing_can_ask_them_any_more(database: Database) -> None:
    at_once = timedelta(0)
    with database.write() as connection:
        base = KnowledgeBaseStore(connection, ME).create("handbook", embedders=())
        files = {status: keep(connection, ME, f'{{"id": "{status}", "question": "Why?"}}') for status in STATUSES}
        orphan, elsewhere = keep(connection, ME, GOOD), keep(connection, STRANGER, f"{GOOD}\n{GOOD}")
        gone = keep(connection, ME, f"{GOOD}\n\n{GOOD}")
        for status, file in files.items():
            job = QUEUE.enqueue(connection, ME, "evaluate", {"questions": file}, knowledge_base_id=base.id)
            connection.execute(update(jobs).where(jobs.c.id == job.id).values(status=status))
        QUEUE.enqueue(connection, ME, "evaluate", {"questions": elsewhere}, knowledge_base_id=base.id)
        QUEUE.enqueue(connection, ME, "evaluate", {"questions": gone}, knowledge_base_id="deleted")
    assert collect_unasked(database) == 0, "a job that names them may be about to be queued"
    assert collect_unasked(database, kept_for=at_once) == 4
    with database.read() as connection:
        left = set(connection.scalars(select(question_files.c.content_hash)))
    assert left == {file for status, file in files.items() if status != "succeeded"}
    assert not left & {orphan, elsewhere, gone}


def test_questions_that_come_again_are_kept_as_if_they_were_new(database: Database) -> None:
    with database.write() as connection:
        file = keep(connection, ME, GOOD)
        connection.execute(update(question_files).values(created_at=datetime.now(UTC) - timedelta(days=1)))
        assert keep(connection, ME, GOOD) == file
    assert collect_unasked(database) == 0
