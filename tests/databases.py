"""Blank databases to test on: SQLite always, PostgreSQL where CHATBOT_TEST_POSTGRES_URL names a server."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

DIALECTS = ("sqlite", "postgresql")


@contextmanager
def blank_database_url(dialect: str, folder: Path) -> Iterator[str]:
    """The URL of a database that holds nothing and is gone when the block ends; skips the test without a server."""
    if dialect == "sqlite":
        yield f"sqlite:///{(folder / 'chatbot.db').as_posix()}"
        return
    server = os.environ.get("CHATBOT_TEST_POSTGRES_URL")
    if not server:
        if os.environ.get("CHATBOT_TEST_NO_SKIP"):
            pytest.fail("CHATBOT_TEST_POSTGRES_URL is not set, and nothing may be skipped here.")
        pytest.skip("CHATBOT_TEST_POSTGRES_URL is not set")
    name = f"chatbot_test_{secrets.token_hex(6)}"
    administration = create_engine(server, isolation_level="AUTOCOMMIT")
    with administration.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with administration.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        administration.dispose()
