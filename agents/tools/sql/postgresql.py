"""Asks PostgreSQL, in a transaction that cannot write; the server cuts rows and cells before it sends them."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import errors

from agents.errors import ToolFailed
from agents.tools.http.endpoint import Tls
from agents.tools.http.failures import Cause, RequestFailed
from agents.tools.sql.session import LONGEST_CELL, Question, Rows, bounded, shut
from agents.tools.tcp.place import Place

_MOST_COLUMNS = 200
_DENIED: dict[str, tuple[Cause, str]] = {
    "28P01": ("unauthorized", "{place} does not take this user and password: are they right?"),
    "28000": ("unauthorized", "{place} does not let this user in from here: what does its pg_hba.conf say?"),
    "3D000": ("not_found", "{place} has no database of the name in the address."),
    "42501": ("forbidden", "The user may not do this."),
    "53300": ("busy", "{place} has no connection left."),
}


class PostgreSqlSession:
    """One question to one PostgreSQL server."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._connection: psycopg.Connection[Any] | None = None
        self._lock = threading.Lock()
        self._is_over = False

    def ask(self, question: Question) -> Rows:
        """Raises RequestFailed, ToolFailed."""
        with _files(self._place.endpoint.tls, self._place.options.get("sslmode", "")) as files:
            connection = self._connect(files, question.timeout_s)
        try:
            with connection.transaction(force_rollback=True):
                milliseconds = max(100, int(question.timeout_s * 900))
                for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
                    connection.execute(f"SET LOCAL {name} = {milliseconds}")
                connection.execute("SET LOCAL standard_conforming_strings = on")
                return _answered(connection, question)
        except psycopg.Error as error:
            raise self._failure(error) from None
        finally:
            with self._lock:
                self._is_over = True
            connection.close()

    def break_off(self) -> None:
        with self._lock:
            if self._connection is not None and not self._is_over:
                shut(self._connection.pgconn.socket)
            self._is_over = True

    def _connect(self, files: dict[str, str], timeout_s: float) -> psycopg.Connection[Any]:
        place = self._place
        given: dict[str, Any] = {
            # Everything is said, so that nothing of the process's own environment counts.
            "host": ",".join([place.host] * len(place.addresses)),
            "hostaddr": ",".join(place.addresses),
            "port": str(place.port),
            "dbname": place.path or "postgres",
            "user": place.user or "postgres",
            "password": place.password,
            "passfile": "/nonexistent/pgpass",
            "options": "",
            "application_name": "devops-chatbot",
            "connect_timeout": str(max(2, min(10, int(timeout_s)))),
            "gssencmode": "disable",
            "client_encoding": "UTF8",
            **files,
        }
        try:
            connection = psycopg.connect("", autocommit=False, **given)
        except psycopg.Error as error:
            raise self._failure(error) from None
        connection.read_only = True
        connection.prepare_threshold = None
        with self._lock:
            self._connection = connection
            is_over = self._is_over
        if is_over:
            connection.close()
            raise RequestFailed(f"{place.shown} did not answer in time.", "timeout")
        return connection

    def _failure(self, error: psycopg.Error) -> ToolFailed:
        shown, said = self._place.shown, " ".join(str(error).split())[:500]
        state = error.sqlstate or ""
        if isinstance(error, errors.QueryCanceled | errors.LockNotAvailable):
            return RequestFailed(f"{shown} needed longer than this connection allows: ask for less.", "timeout")
        if isinstance(error, errors.ReadOnlySqlTransaction):
            return ToolFailed("The statement would write, and nothing may be written here.")
        if state in _DENIED:
            cause, sentence = _DENIED[state]
            return RequestFailed(f"{sentence.format(place=shown)} {said}", cause)
        if state:
            return ToolFailed(f"{shown} says: {said}")
        return RequestFailed(*_unreached(shown, said))


def _unreached(shown: str, said: str) -> tuple[str, Cause]:
    """What libpq says of a server that it did not get to; it gives no codes."""
    low = said.lower()
    if "password authentication failed" in low or "no password supplied" in low or "pg_hba.conf" in low:
        return f"{shown} does not take this user and password: are they right? ({said})", "unauthorized"
    if "does not exist" in low:
        return f"{shown} has no such database or user. ({said})", "not_found"
    if ("certificate" in low or "ssl" in low) and "invalid response" not in low:
        return f"No TLS with {shown}: {said}", "tls"
    if "timeout" in low or "timed out" in low:
        return f"{shown} did not answer in time.", "timeout"
    if "refused" in low:
        return f"{shown} refused the connection: is the service running, is the port right?", "refused"
    return f"{shown} broke off or is no PostgreSQL server. ({said})", "protocol"


def _answered(connection: psycopg.Connection[Any], question: Question) -> Rows:
    text: Any = question.text
    if not question.is_query:
        cursor = connection.execute(text)
        columns = [each.name for each in cursor.description or ()]
        return bounded(columns, cursor, question.most_rows)
    cursor = connection.execute(f"SELECT * FROM ({text}) AS t LIMIT 0")
    columns = [each.name for each in cursor.description or ()]
    if not columns:
        return Rows(columns=(), rows=())
    if len(columns) > _MOST_COLUMNS:
        raise ToolFailed(f"The statement has {len(columns)} columns: ask for {_MOST_COLUMNS} at most.")
    names = [f"c{index}" for index in range(len(columns))]
    cells = ", ".join(f"left({name}::text, {LONGEST_CELL + 1})" for name in names)
    whole = f"SELECT {cells} FROM ({text}) AS t({', '.join(names)}) LIMIT {question.most_rows + 1}"
    with connection.cursor() as reading:
        return bounded(columns, reading.stream(whole), question.most_rows)


_ALWAYS_TLS = ("require", "verify-ca", "verify-full")
MODES = ("disable", "allow", "prefer", *_ALWAYS_TLS)


@contextmanager
def _files(tls: Tls, mode: str) -> Iterator[dict[str, str]]:
    """How TLS is asked for. libpq reads certificates from files: ones that only we may read, and briefly."""
    wanted = mode if mode in MODES else ("verify-full" if tls.ca else "prefer")
    with tempfile.TemporaryDirectory(prefix="tls-") as folder:
        given = {} if wanted in _ALWAYS_TLS else {"require_auth": "!password"}  # no password in clear text
        given["sslmode"] = wanted if tls.verify or not wanted.startswith("verify") else "require"
        texts = {"sslrootcert": tls.ca, "sslcert": tls.certificate, "sslkey": tls.key}
        for name, text in texts.items():
            if text:
                path = Path(folder) / name
                path.touch(mode=0o600)
                path.write_text(text.strip() + "\n")
                given[name] = str(path)
        if not tls.certificate:
            given["sslcertmode"] = "disable"
        if not tls.ca and wanted.startswith("verify"):
            given["sslrootcert"] = "system"
        yield given
