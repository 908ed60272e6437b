"""Fixtures that many tests share: on SQLite, and where CHATBOT_TEST_POSTGRES_URL is set on PostgreSQL, too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from knowledge.storage.database import Database
from knowledge.types import Scope
from tests.databases import DIALECTS, database_url
from tests.workshop import Workshop

settings.register_profile("no test asserts on time", deadline=None)
settings.load_profile("no test asserts on time")


@pytest.fixture(params=DIALECTS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database with the tables of every floor."""
    with database_url(request.param, tmp_path) as url:
        opened = Database(url)
        yield opened
        opened.close()


@pytest.fixture
def scope() -> Scope:
    return Scope(workspace_id="local", user_id="local")


@pytest.fixture
def workshop(database: Database, tmp_path: Path) -> Iterator[Workshop]:
    """A knowledge floor with a folder of documents beside it, and embedders that need no model."""
    with Workshop(database, tmp_path) as opened:
        yield opened
