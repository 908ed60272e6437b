"""The lexical index on SQLite FTS5: one file per knowledge base, safe to share between processes."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from knowledge.analysis import index_terms, query_terms
from knowledge.ports import Scored
from knowledge.types import Chunk

_FORMAT = 1
"""Raised whenever terms or tables change: an index of another format forgets everything and is told again."""

_BUSY_TIMEOUT_S = 30
_MOST_QUERY_TERMS = 64
_WEIGHTS = "bm25(2.0, 1.0)"
"""Weights of the columns `header` (title and heading path) and `body`."""

_AMONG = "AND terms.rowid IN (SELECT chunk_id FROM member WHERE document_id IN (SELECT value FROM json_each(?)))"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS member (chunk_id INTEGER PRIMARY KEY, document_id TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS member_document ON member (document_id);
CREATE VIRTUAL TABLE IF NOT EXISTS terms USING fts5(header, body, tokenize="unicode61 tokenchars '-_./'");
"""


class FtsIndex:
    """A LexicalIndex in one SQLite file. Any number of threads and processes may read it while one writes."""

    def __init__(self, path: Path) -> None:
        """`path`: the file to keep the index in; it and its folder are made when first used."""
        self._path = path
        self._local = threading.local()

    def position(self) -> int:
        """The sequence number of the last change applied; 0 when it knows nothing."""
        with self._connection() as connection:
            row = connection.execute("SELECT value FROM state WHERE name = 'position'").fetchone()
        return int(row[0]) if row else 0

    def replace(self, documents: Mapping[str, Sequence[Chunk]], position: int) -> None:
        """Make each document hold exactly these chunks (none: forget it) and remember `position`, all or nothing."""
        rows = [
            (chunk.id, document_id, *_columns(chunk)) for document_id, chunks in documents.items() for chunk in chunks
        ]
        with self._connection() as connection, _transaction(connection):
            old = "SELECT chunk_id FROM member WHERE document_id IN (SELECT value FROM json_each(?))"
            names = json.dumps(list(documents))
            connection.execute(f"DELETE FROM terms WHERE rowid IN ({old})", (names,))
            connection.execute(f"DELETE FROM member WHERE chunk_id IN ({old})", (names,))
            connection.executemany("INSERT INTO member VALUES (?, ?)", [row[:2] for row in rows])
            connection.executemany(
                "INSERT INTO terms (rowid, header, body) VALUES (?, ?, ?)", [(row[0], *row[2:]) for row in rows]
            )
            connection.execute("INSERT OR REPLACE INTO state VALUES ('position', ?)", (position,))

    def search(self, question: str, limit: int, documents: Collection[str] | None = None) -> list[Scored]:
        """The best chunks for a question as the user typed it, best first; only of `documents` when given."""
        match = match_expression(question)
        if not match or limit < 1 or (documents is not None and not documents):
            return []
        among, values = ("", ()) if documents is None else (_AMONG, (json.dumps(list(documents)),))
        statement = (
            "SELECT best.rowid, document_id, best.score FROM"
            f" (SELECT rowid, rank AS score FROM terms WHERE terms MATCH ? AND rank MATCH '{_WEIGHTS}' {among}"
            " ORDER BY rank LIMIT ?) AS best JOIN member ON chunk_id = best.rowid ORDER BY best.score, best.rowid"
        )
        with self._connection() as connection:
            found = connection.execute(statement, (match, *values, limit)).fetchall()
        return [Scored(chunk_id=row[0], document_id=row[1], score=-row[2]) for row in found]

    def clear(self) -> None:
        """Forget everything, as if new."""
        with self._connection() as connection, _transaction(connection):
            for table in ("terms", "member", "state"):
                connection.execute(f"DELETE FROM {table}")

    def close(self) -> None:
        """Close this thread's connection."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        connection = getattr(self._local, "connection", None)
        if connection is None or self._local.inode != self._inode():
            # Not opened yet, or the file was deleted under us to have it built anew.
            self.close()
            connection = self._local.connection = self._open()
            self._local.inode = self._inode()
        yield connection

    def _inode(self) -> int:
        try:
            return self._path.stat().st_ino
        except FileNotFoundError:
            return 0

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version != _FORMAT:
            with _transaction(connection):
                for table in ("terms", "member", "state"):
                    connection.execute(f"DROP TABLE IF EXISTS {table}")
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {_FORMAT}")
        return connection


def match_expression(question: str) -> str:
    """The FTS5 query for a question: any of its terms, each quoted; empty when it has none."""
    return " OR ".join('"{}"'.format(term.replace('"', '""')) for term in query_terms(question)[:_MOST_QUERY_TERMS])


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _columns(chunk: Chunk) -> tuple[str, str]:
    header, _, body = chunk.search_text.partition("\n")
    return " ".join(index_terms(header)), " ".join(index_terms(body))
