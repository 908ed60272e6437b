"""The SQL database that holds the truth: SQLite or PostgreSQL by URL, one way of opening transactions on both."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from knowledge.errors import InvalidInput
from knowledge.storage.write_ahead import use_write_ahead_log

_BUSY_TIMEOUT_S = 30
_PAGE_BYTES = 8192
"""A vector of 512 numbers takes 2 KB: three fit a page of this size, only one the default of 4 KB."""
_INCREMENTAL = 2
"""The value of `auto_vacuum` by which free pages can be given back portion by portion."""
_PAGES_AT_ONCE = 1000
_FEW_PAGES = 250

_POSTGRESQL = frozenset({"postgres", "postgresql", "postgresql+psycopg"})


class Database:
    """Hands out connections, each in one transaction that is committed at the end of the block or rolled back.

    On SQLite a writer holds the lock from its first moment, so that it never fails half way for want of it. Readers see
    one state of the database for the whole block, and may not write. Safe to use from any number of threads.
    """

    def __init__(self, url: str, *, pool_size: int = 20) -> None:
        """`url`: sqlite:///path/to/file.db or postgresql://user:password@host/name. Connects at first use only.

        Raises InvalidInput for another kind of database.
        """
        parsed = _parse(url)
        self.dialect: Literal["sqlite", "postgresql"] = "sqlite" if parsed.drivername == "sqlite" else "postgresql"
        if self.dialect == "sqlite":
            Path(str(parsed.database)).expanduser().parent.mkdir(parents=True, exist_ok=True)
        self.engine = _engine(parsed, pool_size)
        self._writing = threading.Lock()
        self._readers = self.engine.execution_options(**_READING[self.dialect])

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one state of the database until the block ends, and may not write."""
        with self._readers.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection whose changes are committed together when the block ends, or not at all when it raises."""
        with self._turn(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """On SQLite the writers of a process wait in a row: left to SQLite, each would look again every tenth of a
        second whether the file is free, and of a hundred at once some would not find it so in time."""
        mine = self.dialect == "sqlite" and self._writing.acquire(timeout=_BUSY_TIMEOUT_S)
        try:
            yield
        finally:
            if mine:
                self._writing.release()

    def give_back_space(self) -> Iterator[int]:
        """Shorten the file by what deletions left free in it, when that is much; yields portion by portion how many
        pages. PostgreSQL uses such room again by itself."""
        while self.dialect == "sqlite" and self._is_hollow():
            with self.write() as connection:
                # It frees a page for each row that is asked of it, and SQLAlchemy asks for none: rows have no columns.
                cursor = connection.connection.cursor()
                cursor.execute(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})")
                cursor.fetchall()
                cursor.close()
            yield _PAGES_AT_ONCE

    def _is_hollow(self) -> bool:
        with self.read() as connection:
            free, pages, mode = (
                int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
                for name in ("freelist_count", "page_count", "auto_vacuum")
            )
        return mode == _INCREMENTAL and free >= _FEW_PAGES and free * 4 >= pages

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        self.engine.dispose()


_READING: dict[str, dict[str, Any]] = {
    "sqlite": {"begin_reading": True},
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is not None and parsed.drivername == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed
    if parsed is not None and parsed.drivername in _POSTGRESQL:
        return parsed.set(drivername="postgresql+psycopg")
    raise InvalidInput("The database URL must be sqlite:///path/to/file.db or postgresql://user:password@host/name.")


def _engine(url: URL, pool_size: int) -> Engine:
    if url.drivername != "sqlite":
        return create_engine(url, pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=True)
    arguments = {"timeout": _BUSY_TIMEOUT_S, "check_same_thread": False}
    engine = create_engine(url, pool_size=pool_size, max_overflow=pool_size, connect_args=arguments)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: ConnectionPoolEntry) -> None:
    # The driver would begin transactions by itself, and too late; we begin them.
    connection.isolation_level = None
    cursor = connection.cursor()
    if cursor.execute("PRAGMA page_count").fetchone() == (0,):  # what a new file alone heeds, and a writer would delay
        cursor.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        cursor.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")
    use_write_ahead_log(connection, within_s=_BUSY_TIMEOUT_S)
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA temp_store = MEMORY")
    cursor.execute("PRAGMA journal_size_limit = 67108864")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reading = bool(connection.get_execution_options().get("begin_reading"))
    connection.exec_driver_sql(f"PRAGMA query_only = {int(reading)}")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
