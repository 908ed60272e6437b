"""Databases to test on: SQLite always, PostgreSQL where CHATBOT_TEST_POSTGRES_URL names a server."""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from backend.migrations import upgrade_database
from knowledge.storage.database import Database

DIALECTS = ("sqlite", "postgresql")


@contextmanager
def database_url(dialect: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database of the newest shape, gone when the block ends; skips the test without a server."""
    if dialect == "sqlite":
        yield _sqlite_url(Path(shutil.copyfile(sqlite_template(), folder / "chatbot.db")))
    else:
        with _made_on_server(template=_postgresql_template()) as url:
            yield url


@contextmanager
def blank_database_url(dialect: str, folder: Path) -> Iterator[str]:
    """The URL of a database that holds nothing, not even tables; otherwise as `database_url`."""
    if dialect == "sqlite":
        yield _sqlite_url(folder / "chatbot.db")
    else:
        with _made_on_server() as url:
            yield url


@cache
def sqlite_template() -> Path:
    """A file that holds an empty database of the newest shape: copying it is quicker than making one."""
    folder = tempfile.TemporaryDirectory(prefix="chatbot-template-")
    atexit.register(folder.cleanup)
    file = Path(folder.name) / "chatbot.db"
    _upgrade(_sqlite_url(file))
    return file


@cache
def _postgresql_template() -> str:
    kept = ExitStack()
    url = kept.enter_context(_made_on_server())
    atexit.register(kept.close)
    _upgrade(url)
    return str(make_url(url).database)


@contextmanager
def _made_on_server(template: str = "template1") -> Iterator[str]:
    server = os.environ.get("CHATBOT_TEST_POSTGRES_URL")
    if not server:
        if os.environ.get("CHATBOT_TEST_NO_SKIP"):
            pytest.fail("CHATBOT_TEST_POSTGRES_URL is not set, and nothing may be skipped here.")
        pytest.skip("CHATBOT_TEST_POSTGRES_URL is not set")
    name = f"chatbot_test_{secrets.token_hex(6)}"
    administration = create_engine(server, isolation_level="AUTOCOMMIT")
    with administration.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with administration.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        administration.dispose()


def _upgrade(url: str) -> None:
    database = Database(url)
    upgrade_database(database)
    database.close()


def _sqlite_url(file: Path) -> str:
    return f"sqlite:///{file.as_posix()}"
