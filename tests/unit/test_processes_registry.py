"""Who lives: one rule, which neither a clock that is set nor machines whose clocks differ can fool."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, update

from backend.db.tables import metadata
from backend.processes.identity import ProcessIdentity, start_ticks, this_process
from backend.processes.registry import ProcessRegistry
from backend.processes.tables import processes
from knowledge.storage.database import Database
from tests.clock import Clock


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{(tmp_path / 'chatbot.db').as_posix()}")
    metadata.create_all(opened.engine)
    yield opened
    opened.close()


ME = this_process("api")
BESIDE = replace(ME, kind="worker", id="b" * 32, pid=4711, start_ticks=99)
ELSEWHERE = replace(ME, kind="worker", id="e" * 32, host="another machine")
OUR_KERNEL = {BESIDE.pid: BESIDE.start_ticks}


def registry(me: ProcessIdentity, clock: Clock) -> ProcessRegistry:
    return ProcessRegistry(me, silent_after_s=30, clock=clock, start_ticks=OUR_KERNEL.get)


def beat(database: Database, identity: ProcessIdentity) -> None:
    with database.write() as connection:
        ProcessRegistry(identity).beat(connection)


def step_clock(database: Database, by: timedelta) -> None:
    """Sets the clock that the database asks: seen from there, what was written before is so much older or younger."""
    with database.write() as connection:
        for row in connection.execute(processes.select()).all():
            moved = update(processes).where(processes.c.id == row.id).values(heartbeat_at=row.heartbeat_at - by)
            connection.execute(moved)


def living(database: Database, seen_by: ProcessRegistry) -> set[str]:
    with database.read() as connection:
        return seen_by.living(connection, "worker")


@pytest.mark.parametrize("hours", [3, -3])
def test_a_step_of_the_clock_makes_nobody_dead(database: Database, hours: int) -> None:
    """Neither to whoever looks for the first time nor to whoever has looked before."""
    clock = Clock()
    seen_before = registry(ME, clock)
    beat(database, BESIDE)
    beat(database, ELSEWHERE)
    assert living(database, seen_before) == {BESIDE.id, ELSEWHERE.id}
    step_clock(database, timedelta(hours=hours))
    assert living(database, seen_before) == {BESIDE.id, ELSEWHERE.id}
    assert BESIDE.id in living(database, registry(ME, clock))


@pytest.mark.parametrize("hours", [3, -3])
def test_a_step_of_the_clock_makes_nobody_immortal(database: Database, hours: int) -> None:
    clock = Clock()
    watching = registry(ME, clock)
    beat(database, ELSEWHERE)
    step_clock(database, timedelta(hours=hours))
    living(database, watching)
    clock.now += 31
    assert living(database, watching) == set()


def test_whoever_beats_lives_and_whoever_falls_silent_is_dead(database: Database) -> None:
    clock = Clock()
    watching = registry(ME, clock)
    for _ in range(3):
        beat(database, BESIDE)
        beat(database, ELSEWHERE)
        assert living(database, watching) == {BESIDE.id, ELSEWHERE.id}
        clock.now += 29
    clock.now += 2
    assert living(database, watching) == set(), "a process that is there and does nothing any more is of no use"


def test_a_process_of_our_kernel_that_is_gone_is_dead_at_once(database: Database) -> None:
    gone, reused = replace(BESIDE, id="c" * 32, pid=4712), replace(BESIDE, id="d" * 32, start_ticks=98)
    for identity in (BESIDE, gone, reused):
        beat(database, identity)
    watching = registry(ME, Clock())
    assert living(database, watching) == {BESIDE.id}
    with database.write() as connection:
        assert watching.dead(connection) == {gone.id, reused.id}
        watching.forget(connection, [gone.id, reused.id])
        assert watching.dead(connection) == set()


def test_one_elsewhere_that_was_silent_before_we_came_is_dead_at_once(database: Database) -> None:
    beat(database, ELSEWHERE)
    step_clock(database, timedelta(minutes=2))
    assert living(database, registry(ME, Clock())) == set()


def test_one_that_was_forgotten_signs_on_again(database: Database) -> None:
    asleep = ProcessRegistry(ELSEWHERE)
    with database.write() as connection:
        asleep.beat(connection)
        asleep.forget(connection, [ELSEWHERE.id])
        asleep.beat(connection)
    assert living(database, registry(ME, Clock())) == {ELSEWHERE.id}
    with database.write() as connection:
        asleep.sign_off(connection)
    assert living(database, registry(ME, Clock())) == set()


def test_two_processes_know_each_other_by_their_kernel(database: Database) -> None:
    """What the kernel says of a process does not change while it lives, and is nothing once it has been killed."""
    sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert sleeper.stdin is not None
    ticks = start_ticks(sleeper.pid)
    assert ticks is not None
    other = replace(ME, kind="worker", id="f" * 32, pid=sleeper.pid, start_ticks=ticks)
    beat(database, other)
    watching = ProcessRegistry(ME)
    assert living(database, watching) == {other.id}
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert living(database, watching) == set(), "nor is it alive while nobody has taken note of its end"
    sleeper.wait()
    sleeper.stdin.close()
    assert living(database, watching) == set()


def test_heartbeats_are_told_by_the_clock_of_the_database(database: Database) -> None:
    """Two machines that share a server and disagree about the time do not take each other for dead."""
    ahead = timedelta(hours=3)

    @event.listens_for(database.engine, "connect")
    def set_clock(connection: sqlite3.Connection, record: object) -> None:
        connection.create_function("strftime", -1, lambda *_: f"{datetime.now(UTC) + ahead:%Y-%m-%d %H:%M:%S.%f}")

    database.engine.dispose()
    for _ in range(2):
        beat(database, ELSEWHERE)
        assert living(database, registry(ME, Clock())) == {ELSEWHERE.id}
