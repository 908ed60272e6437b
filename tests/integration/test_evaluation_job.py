"""An evaluation as a job: its questions are kept apart, and asked by whoever does it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from backend.db.tables import metadata
from backend.errors import Missing
from backend.evaluation.questions import keep, kept
from backend.evaluation.tables import question_files
from knowledge.errors import InvalidInput
from knowledge.storage.database import Database
from knowledge.types import Scope
from tests.databases import DIALECTS, blank_database_url

ME = Scope(workspace_id="w", user_id="me")
STRANGER = Scope(workspace_id="elsewhere", user_id="me")
GOOD = json.dumps({"id": "1", "question": "Why?"})


@pytest.fixture(params=DIALECTS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with blank_database_url(request.param, tmp_path) as url:
        opened = Database(url)
        metadata.create_all(opened.engine)
        yield opened
        opened.close()


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
