"""The write-ahead log is switched on by several processes at once, and a file that stays locked is said to be."""

import multiprocessing
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

import knowledge.storage.database
from knowledge.storage.database import Database
from knowledge.storage.write_ahead import use_write_ahead_log


def test_many_processes_open_a_new_file_at_the_same_moment(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    for number in range(20):
        path, start = tmp_path / f"{number}.sqlite", context.Barrier(4)
        openers = [context.Process(target=_open, args=(path, start)) for _ in range(4)]
        for each in openers:
            each.start()
        for each in openers:
            each.join()
        assert [each.exitcode for each in openers] == [0, 0, 0, 0]


def _open(path: Path, start: "multiprocessing.synchronize.Barrier") -> None:
    start.wait()
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
        use_write_ahead_log(connection, within_s=30)
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE IF NOT EXISTS t (a)")
        connection.execute("COMMIT")


def test_a_file_that_stays_locked_is_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "locked.sqlite"
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as holder,
        closing(sqlite3.connect(path, timeout=0)) as other,
    ):
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            use_write_ahead_log(other, within_s=0.05)


def test_a_new_file_gives_space_back_and_whoever_comes_later_waits_for_no_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(knowledge.storage.database, "_BUSY_TIMEOUT_S", 0)
    url = f"sqlite:///{tmp_path / 'new.db'}"
    first, second = Database(url), Database(url)
    with first.write() as connection:
        connection.execute(text("CREATE TABLE notes (id INTEGER)"))
    with first.write() as connection:
        connection.execute(text("INSERT INTO notes VALUES (1)"))
        with second.read() as reader:
            assert reader.scalar(text("SELECT count(*) FROM notes")) == 0
            asked = ("page_size", "auto_vacuum", "journal_mode")
            made = [reader.exec_driver_sql(f"PRAGMA {name}").scalar() for name in asked]
    assert made == [8192, 2, "wal"]
    first.close()
    second.close()
