"""The lexical index on SQLite FTS5: one file per knowledge base, safe to share between processes."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from knowledge.indexes.bm25 import ConceptScorer, Statistics, with_page
from knowledge.ports import Scored
from knowledge.storage.write_ahead import use_write_ahead_log
from knowledge.text.analysis import index_terms
from knowledge.text.expansion import Concept, Phrase, concepts_of
from knowledge.text.spelling import correction, may_be_mistyped
from knowledge.types import Chunk

_FORMAT = 5
"""Raised whenever terms or tables change: an index of another format forgets everything and is told again."""

_BUSY_TIMEOUT_S = 30
_MOST_FREQUENCIES = 100_000
_MOST_CONCEPTS = 48
_MOST_CORRECTIONS = 8
"""Words of one question that are taken to be mistyped; each compares a part of the vocabulary."""

_COMMON_SHARE = 0.15
"""A term that more of the chunks hold finds no candidates by itself; it still counts in their score."""

_AMONG = "AND terms.rowid IN (SELECT chunk_id FROM member WHERE document_id IN (SELECT value FROM json_each(?)))"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS member (chunk_id INTEGER PRIMARY KEY, document_id TEXT NOT NULL, length INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS member_document ON member (document_id);
CREATE VIRTUAL TABLE IF NOT EXISTS terms USING fts5(
    header, body, tokenize="unicode61 remove_diacritics 0 categories 'L* N* Co Mn Mc' tokenchars '-_./'"
);
CREATE VIRTUAL TABLE IF NOT EXISTS vocabulary USING fts5vocab(terms, 'row');
"""
_TABLES = ("vocabulary", "terms", "member", "state")


class FtsIndex:
    """A LexicalIndex in one SQLite file. Any number of threads and processes may read it while one writes."""

    def __init__(self, path: Path) -> None:
        """`path`: the file to keep the index in; it and its folder are made when first used."""
        self.path = path
        self._local = threading.local()

    def __len__(self) -> int:
        """How many chunks it holds."""
        with self._connection() as connection:
            return self._state(connection, "chunks")

    def position(self) -> int:
        """The sequence number of the last change applied; 0 when it knows nothing."""
        with self._connection() as connection:
            return self._state(connection, "position")

    def replace(self, documents: Mapping[str, Sequence[Chunk]], position: int) -> None:
        """Make each document hold exactly these chunks (none: forget it) and remember `position`, all or nothing."""
        rows = [_Row.of(chunk, document_id) for document_id, chunks in documents.items() for chunk in chunks]
        with self._connection() as connection, _transaction(connection):
            gone, gone_length = self._forget(connection, list(documents))
            connection.executemany(
                "INSERT INTO member VALUES (?, ?, ?)", [(row.chunk_id, row.document_id, row.length) for row in rows]
            )
            connection.executemany(
                "INSERT INTO terms (rowid, header, body) VALUES (?, ?, ?)",
                [(row.chunk_id, row.header, row.body) for row in rows],
            )
            chunks = self._state(connection, "chunks") + len(rows) - gone
            length = self._state(connection, "length") + sum(row.length for row in rows) - gone_length
            connection.executemany(
                "INSERT OR REPLACE INTO state VALUES (?, ?)",
                [("position", position), ("chunks", chunks), ("length", length)],
            )

    def search(self, question: str, limit: int, documents: Collection[str] | None = None) -> list[Scored]:
        """The best chunks for a question as the user typed it, best first; only of `documents` when given.

        A score is 0..1, the share of what was asked for that a chunk has and, to a small part, its page, so that scores
        of different indexes compare.
        """
        asked = concepts_of(question)[:_MOST_CONCEPTS]
        if not asked or limit < 1 or (documents is not None and not documents):
            return []
        with self._connection() as connection, _transaction(connection, "BEGIN"):
            concepts, statistics = self._understood(connection, asked)
            match = match_expression(concepts, statistics)
            rows = _candidates(connection, match, limit, documents) if match else []
        scorer = ConceptScorer(concepts, statistics)
        chunks = [(row, scorer.counts(f"{row[3]} {row[4]}".split())) for row in rows]
        pages: defaultdict[str, set[str]] = defaultdict(set)
        for row, counts in chunks:
            pages[row[1]].update(counts)
        covered = {document_id: scorer.coverage(terms) for document_id, terms in pages.items()}
        found = [
            Scored(chunk_id=row[0], document_id=row[1], score=with_page(scorer.score(counts, row[2]), covered[row[1]]))
            for row, counts in chunks
        ]
        return sorted(found, key=lambda scored: (-scored.score, scored.chunk_id))

    def clear(self) -> None:
        """Forget everything, as if new."""
        with self._connection() as connection, _transaction(connection):
            for table in ("terms", "member", "state"):
                connection.execute(f"DELETE FROM {table}")

    def _forget(self, connection: sqlite3.Connection, documents: Sequence[str]) -> tuple[int, int]:
        """Delete the chunks of documents; returns how many there were and their length in terms."""
        names = (json.dumps(documents),)
        of_these = "FROM member WHERE document_id IN (SELECT value FROM json_each(?))"
        count, length = connection.execute(f"SELECT count(*), coalesce(sum(length), 0) {of_these}", names).fetchone()
        connection.execute(f"DELETE FROM terms WHERE rowid IN (SELECT chunk_id {of_these})", names)
        connection.execute(f"DELETE {of_these}", names)
        return int(count), int(length)

    def _understood(
        self, connection: sqlite3.Connection, concepts: Sequence[Concept]
    ) -> tuple[list[Concept], Statistics]:
        """The concepts, unknown words of which bring the known one they were most likely meant to be, and what the
        index knows of their terms."""
        frequencies = self._frequencies(connection, {term for concept in concepts for term in concept.every_term()})
        unknown = [
            each.terms[0] for each in concepts if not each.variants and not any(map(frequencies.get, each.terms))
        ]
        meant = {}
        for term in list(filter(may_be_mistyped, unknown))[:_MOST_CORRECTIONS]:
            near = self._beginning_with(connection, term[0])
            known = correction(term, near)
            if known:
                meant[term], frequencies[known] = known, near[known]
        corrected = [
            replace(each, variants=((meant[each.terms[0]],),)) if each.terms[0] in meant else each for each in concepts
        ]
        chunks = self._state(connection, "chunks")
        average = self._state(connection, "length") / max(1, chunks)
        return corrected, Statistics(chunks=chunks, average_length=max(1.0, average), frequencies=frequencies)

    def _beginning_with(self, connection: sqlite3.Connection, letter: str) -> Mapping[str, int]:
        """The words of letters alone that begin with one, with how many chunks hold each; kept until the index changes.

        The first letter of a word is taken to be right.
        """
        self._known_frequencies(connection)
        words: dict[str, dict[str, int]] = self._local.words
        if letter not in words:
            query = "SELECT term, doc FROM vocabulary WHERE term >= ? AND term < ?"
            rows = connection.execute(query, (letter, chr(ord(letter) + 1)))
            words[letter] = {str(term): int(count) for term, count in rows if term.isalpha() and term.isascii()}
        return words[letter]

    def _frequencies(self, connection: sqlite3.Connection, terms: set[str]) -> dict[str, int]:
        """How many chunks hold each term."""
        known = self._known_frequencies(connection)
        unknown = list(terms - known.keys())
        for start in range(0, len(unknown), 500):
            part = unknown[start : start + 500]
            query = f"SELECT term, doc FROM vocabulary WHERE term IN ({', '.join('?' * len(part))})"
            known.update(dict.fromkeys(part, 0))
            known.update({str(term): int(count) for term, count in connection.execute(query, part)})
        return {term: known[term] for term in terms}

    def _known_frequencies(self, connection: sqlite3.Connection) -> dict[str, int]:
        """Document frequencies looked up by this thread since the index last changed: counting one reads its list."""
        position = self._state(connection, "position")
        if getattr(self._local, "frequencies_at", None) != position or len(self._local.frequencies) > _MOST_FREQUENCIES:
            self._local.frequencies_at, self._local.frequencies, self._local.words = position, {}, {}
        frequencies: dict[str, int] = self._local.frequencies
        return frequencies

    @staticmethod
    def _state(connection: sqlite3.Connection, name: str) -> int:
        row = connection.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0

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
            return self.path.stat().st_ino
        except FileNotFoundError:
            return 0

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        use_write_ahead_log(connection, within_s=_BUSY_TIMEOUT_S)
        connection.execute("PRAGMA synchronous = NORMAL")
        if _format_of(connection) != _FORMAT:
            with _transaction(connection):
                # Another process may have made the tables while this one waited for its turn.
                if _format_of(connection) != _FORMAT:
                    _make_tables(connection)
        return connection


def _format_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _make_tables(connection: sqlite3.Connection) -> None:
    for table in _TABLES:
        connection.execute(f"DROP TABLE IF EXISTS {table}")
    for statement in filter(str.strip, _SCHEMA.split(";")):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {_FORMAT}")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    chunk_id: int
    document_id: str
    header: str
    body: str
    length: int

    @classmethod
    def of(cls, chunk: Chunk, document_id: str) -> _Row:
        header, _, body = chunk.search_text.partition("\n")
        header_terms, body_terms = index_terms(header), index_terms(body)
        return cls(
            chunk_id=chunk.id,
            document_id=document_id,
            header=" ".join(header_terms),
            body=" ".join(body_terms),
            length=len(header_terms) + len(body_terms),
        )


def match_expression(concepts: Sequence[Concept], statistics: Statistics) -> str:
    """The FTS5 query for candidates: any term asked with or whole variant that occurs; empty when none does.

    Terms that a good part of the chunks hold are left out as long as another remains.
    """
    frequencies = statistics.frequencies
    phrases: list[Phrase] = [(term,) for concept in concepts for term in concept.terms]
    phrases += [phrase for concept in concepts for phrase in concept.variants]
    found = [phrase for phrase in dict.fromkeys(phrases) if all(frequencies[term] for term in phrase)]
    most = _COMMON_SHARE * statistics.chunks
    rare = [phrase for phrase in found if min(frequencies[term] for term in phrase) <= most]
    return " OR ".join("({})".format(" AND ".join(map(_quoted, phrase))) for phrase in rare or found)


def _quoted(term: str) -> str:
    return '"{}"'.format(term.replace('"', '""'))


def _candidates(
    connection: sqlite3.Connection, match: str, limit: int, documents: Collection[str] | None
) -> list[tuple[int, str, int, str, str]]:
    """(chunk id, document id, length, header terms, body terms) of the best rows by FTS5's own BM25."""
    among, values = ("", ()) if documents is None else (_AMONG, (json.dumps(list(documents)),))
    statement = (
        "SELECT member.chunk_id, member.document_id, member.length, terms.header, terms.body"
        f" FROM (SELECT rowid AS id FROM terms WHERE terms MATCH ? {among} ORDER BY rank LIMIT ?) AS best"
        " JOIN member ON member.chunk_id = best.id JOIN terms ON terms.rowid = best.id"
    )
    return connection.execute(statement, (match, *values, limit)).fetchall()


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
