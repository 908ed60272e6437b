"""Indexes follow the log, and begin anew when they are lost, damaged, or hold what never happened."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock
from sqlalchemy import Connection, func, select

from knowledge.errors import NotFound
from knowledge.indexes.lexical_projection import WORDS
from knowledge.indexes.projections import Projections
from knowledge.ports import LexicalIndex, Scored
from knowledge.storage.bases import KnowledgeBaseStore
from knowledge.storage.changes import prune, read_base
from knowledge.storage.database import Database
from knowledge.storage.tables import changes, metadata
from knowledge.types import KnowledgeBase
from tests.workshop import SCOPE, Workshop


def zoo(workshop: Workshop, *animals: str) -> None:
    for animal in animals:
        workshop.write(f"{animal}.md", f"# The house\n\nThe {animal} lives here.\n")


def built(workshop: Workshop, *animals: str) -> KnowledgeBase:
    zoo(workshop, *animals)
    base = workshop.make_base()
    workshop.build(base)
    return base


def words_file(workshop: Workshop, base: KnowledgeBase) -> Path:
    [found] = (workshop.data / "indexes" / base.id).glob("words.db")
    return found


def fresh(workshop: Workshop) -> Projections:
    """The same indexes as another process would open them."""
    return Projections(workshop.database, workshop.data / "indexes")


def test_a_deleted_index_comes_back(workshop: Workshop) -> None:
    base = built(workshop, "zebra", "walrus")
    assert workshop.found_by_words(base, "zebra") == ["zebra.md"]
    shutil.rmtree(workshop.data / "indexes")
    assert workshop.found_by_words(base, "zebra") == ["zebra.md"]
    assert workshop.broken() == []


@pytest.mark.parametrize("damage", [b"this is no database", b"\x00" * 8192])
def test_a_damaged_index_comes_back(workshop: Workshop, damage: bytes) -> None:
    base = built(workshop, "zebra", "walrus")
    file = words_file(workshop, base)
    for extra in file.parent.glob("words.db-*"):
        extra.unlink()
    file.write_bytes(damage)
    projections = fresh(workshop)
    assert len(projections.open(base.id).lexical.search("zebra", 10)) == 1
    assert projections.sizes(base.id)[WORDS] == 2


def opened_and_damaged(workshop: Workshop) -> tuple[LexicalIndex, Path, bytes]:
    """Words that are damaged once they are opened, so that a search finds out; their file, and what it held before."""
    base = built(workshop, *(f"animal{number}" for number in range(40)))
    opened = fresh(workshop).open(base.id).lexical
    file = words_file(workshop, base)
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    whole = file.read_bytes()
    content = bytearray(file.read_bytes())
    page = int.from_bytes(content[16:18], "big")
    content[page:] = b"\xff" * (len(content) - page)
    for extra in file.parent.glob("words.db-*"):
        extra.unlink()
    file.write_bytes(content)
    return opened, file, whole


def test_an_index_damaged_inside_is_repaired_by_the_search_that_finds_out(workshop: Workshop) -> None:
    opened, _, _ = opened_and_damaged(workshop)
    assert len(opened.search("animal7", 10)) == 1


def test_a_damaged_index_that_others_are_repairing_is_left_to_them(workshop: Workshop) -> None:
    opened, file, whole = opened_and_damaged(workshop)
    damaged = file.stat().st_ino
    found: list[list[Scored]] = []
    search = threading.Thread(target=lambda: found.append(opened.search("animal7", 10)))
    with FileLock(file.with_suffix(".lock")):
        search.start()
        search.join(1)
        assert (search.is_alive(), file.stat().st_ino) == (True, damaged), "it waits, and has removed nothing"
        repaired = file.with_suffix(".new")
        repaired.write_bytes(whole)
        identity = repaired.stat().st_ino
        repaired.replace(file)
    search.join()
    assert [len(each) for each in found] == [1]
    assert file.stat().st_ino == identity


@pytest.mark.parametrize("written_since", [False, True])
def test_an_index_ahead_of_a_restored_database_begins_anew(tmp_path: Path, written_since: bool) -> None:
    """Also when the restored database has grown past the index before the index finds out."""
    live, backup = tmp_path / "live.db", tmp_path / "backup.db"
    database = Database(f"sqlite:///{live}")
    with database.write() as connection:
        metadata.create_all(connection)
    with Workshop(database, tmp_path) as workshop:
        base = built(workshop, "zebra")
        database.close()
        shutil.copy(live, backup)
        zoo(workshop, "walrus", "penguin")
        workshop.build(base)
        assert workshop.found_by_words(base, "walrus") == ["walrus.md"]
        database.close()
        for leftover in tmp_path.glob("live.db-*"):
            leftover.unlink()
        shutil.copy(backup, live)
        (workshop.pages / "walrus.md").unlink()
        (workshop.pages / "penguin.md").unlink()
        if written_since:
            with Workshop(database, tmp_path / "elsewhere") as other:  # indexes of its own, as on another machine
                for animal in ("giraffe", "heron"):
                    workshop.write(f"{animal}.md", f"# The house\n\nThe {animal} lives here.\n")
                other.build(base)
        projections = fresh(workshop)
        assert projections.open(base.id).lexical.search("walrus", 10) == []
        assert len(projections.open(base.id).lexical.search("giraffe", 10)) == written_since
        assert projections.sizes(base.id)[WORDS] == (3 if written_since else 1)
    database.close()


def test_an_index_that_stopped_below_the_floor_of_the_log_begins_anew(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = built(workshop, "zebra", "walrus")
    behind = fresh(workshop)
    behind.follow(base.id)
    monkeypatch.setattr("knowledge.storage.changes._KEPT_ROWS", 2)
    (workshop.pages / "walrus.md").unlink()
    workshop.build(base)
    for number in range(3):
        zoo(workshop, f"animal{number}")
        workshop.build(base)
    with workshop.database.write() as connection:
        prune(connection, base.id)
        floor = read_base(connection, base.id).log_floor
        left = connection.execute(select(func.count()).select_from(changes)).scalar_one()
    assert floor > behind.position(base.id, "fast") > 0
    assert left <= 4 * 3  # text, and two kinds of vectors, of the documents there are
    assert len(behind.open(base.id).vectors["fast"]) == 4
    assert workshop.broken() == []


def test_a_replica_follows_what_another_process_does(workshop: Workshop) -> None:
    base = built(workshop, "zebra", "walrus")
    replica = fresh(workshop)
    assert len(replica.open(base.id).vectors["fast"]) == 2
    (workshop.pages / "walrus.md").unlink()
    zoo(workshop, "penguin", "heron")
    workshop.build(base)
    indexes = replica.open(base.id)
    assert len(indexes.vectors["fast"]) == 3
    assert len(indexes.lexical.search("penguin", 10)) == 1
    assert indexes.lexical.search("walrus", 10) == []


def test_opening_again_without_changes_reads_nothing_anew(workshop: Workshop) -> None:
    base = built(workshop, "zebra")
    first = workshop.projections.open(base.id)
    position = workshop.projections.position(base.id)
    again = workshop.projections.open(base.id)
    assert again.vectors["fast"] is first.vectors["fast"]
    assert workshop.projections.position(base.id) == position


def test_idle_vectors_are_let_go_and_come_back(workshop: Workshop) -> None:
    base = built(workshop, "zebra")
    before = workshop.projections.open(base.id).vectors["fast"]
    workshop.projections.release_idle(-1)
    after = workshop.projections.open(base.id).vectors["fast"]
    assert after is not before
    assert len(after) == 1


def test_indexes_of_bases_that_are_gone_are_collected(workshop: Workshop) -> None:
    base = built(workshop, "zebra")
    (workshop.data / "indexes" / "0123").mkdir()
    assert workshop.projections.collect_garbage() == 1
    assert [entry.name for entry in (workshop.data / "indexes").iterdir()] == [base.id]


def test_the_indexes_of_a_base_made_meanwhile_are_not_collected(workshop: Workshop) -> None:
    """Another process makes and builds a base while this one looks for those that are gone."""
    built(workshop, "zebra")
    made: list[KnowledgeBase] = []

    class Busy(Database):
        @contextmanager
        def read(self) -> Iterator[Connection]:
            with super().read() as connection:
                yield connection
            if not made:
                made.append(workshop.make_base("later"))
                workshop.build(made[0])

    busy = Busy(workshop.database.engine.url.render_as_string(hide_password=False))
    assert Projections(busy, workshop.data / "indexes").collect_garbage() == 0
    busy.close()
    assert words_file(workshop, made[0]).is_file()


def test_a_search_without_time_answers_with_what_there_is_and_the_rest_follows(workshop: Workshop) -> None:
    base = built(workshop, *(f"animal{number}" for number in range(30)))
    hurried = Projections(workshop.database, workshop.data / "elsewhere", patience_s=0)
    assert hurried.open(base.id).incomplete == {"words", "fast", "english"}
    patient = threading.Event()
    for _ in range(600):
        if not hurried.open(base.id).incomplete:
            break
        patient.wait(0.05)
    assert hurried.open(base.id).incomplete == frozenset()
    assert hurried.sizes(base.id) == {"words": 30, "fast": 30, "english": 30}


def test_an_unknown_base_is_not_found(workshop: Workshop) -> None:
    with pytest.raises(NotFound):
        workshop.projections.open("no such")
    assert not (workshop.data / "indexes" / "no such").exists()


def test_many_threads_may_search_while_a_base_is_built(workshop: Workshop) -> None:
    base = built(workshop, *(f"animal{number}" for number in range(20)))
    failures: list[Exception] = []
    done = threading.Event()

    def search() -> None:
        while not done.is_set():
            try:
                workshop.search(base, "which animal7 lives here")
            except Exception as error:  # whatever it is, the test shows it
                failures.append(error)
                return

    searchers = [threading.Thread(target=search) for _ in range(3)]
    for searcher in searchers:
        searcher.start()
    for round_ in range(3):
        for number in range(20):
            workshop.write(f"animal{number}.md", f"# Round {round_}\n\nThe animal{number} moved {round_} times.\n")
        workshop.build(base)
    done.set()
    for searcher in searchers:
        searcher.join()
    assert failures == []
    assert workshop.broken() == []


def test_embedders_of_a_base_are_those_of_its_row(workshop: Workshop) -> None:
    base = built(workshop, "zebra")
    with workshop.database.write() as connection:
        changed = KnowledgeBaseStore(connection, SCOPE).choose_embedders(base.id, ["english"])
    assert changed.next_embedders == ("english",)
    assert set(workshop.projections.open(base.id).vectors) == {"fast", "english"}
    workshop.build(base)
    assert set(workshop.projections.open(base.id).vectors) == {"english"}
