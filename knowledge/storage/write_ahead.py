"""SQLite's write-ahead log, switched on by however many processes at once."""

from __future__ import annotations

import sqlite3
import time

_PAUSE_S = 0.01


def use_write_ahead_log(connection: sqlite3.Connection, *, within_s: float) -> None:
    """Switch the file of `connection` to the write-ahead log, in which readers and the writer do not wait for another.

    SQLite refuses at once, whatever the timeout of the connection, when another process switches a new file at the same
    moment; so it is asked again for `within_s` seconds. Raises sqlite3.OperationalError after that.
    """
    deadline = time.monotonic() + within_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_S)
