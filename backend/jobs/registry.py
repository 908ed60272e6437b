"""The workers there are: each says that it lives, and others can tell when it does not."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psutil
from sqlalchemy import Connection, delete, insert, select, update

from backend.jobs.tables import workers
from knowledge.ids import new_id


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerIdentity:
    """One start of one worker process; never used twice."""

    id: str
    host: str
    pid: int
    process_started: float


def this_process() -> WorkerIdentity:
    """A new identity for a worker in this process."""
    pid = os.getpid()
    return WorkerIdentity(
        id=new_id(), host=_process_space(), pid=pid, process_started=psutil.Process(pid).create_time()
    )


def sign_on(connection: Connection, worker: WorkerIdentity) -> None:
    now = datetime.now(UTC)
    connection.execute(
        insert(workers).values(
            id=worker.id,
            host=worker.host,
            pid=worker.pid,
            process_started=worker.process_started,
            started_at=now,
            heartbeat_at=now,
        )
    )


def beat(connection: Connection, worker: WorkerIdentity) -> None:
    """Says that the worker lives; signs it on again if it had been given up for dead."""
    known = connection.execute(update(workers).where(workers.c.id == worker.id).values(heartbeat_at=datetime.now(UTC)))
    if not known.rowcount:
        sign_on(connection, worker)


def sign_off(connection: Connection, worker: WorkerIdentity) -> None:
    connection.execute(delete(workers).where(workers.c.id == worker.id))


def living(connection: Connection, silent_for: timedelta) -> set[str]:
    """The ids of the workers that live: heard of within `silent_for` and, where this process can look, still there."""
    rows = connection.execute(select(workers).where(workers.c.heartbeat_at > datetime.now(UTC) - silent_for))
    here = _process_space()
    return {row.id for row in rows if row.host != here or _exists(row.pid, row.process_started)}


def dead(connection: Connection, alive: set[str], silent_for: timedelta) -> list[str]:
    """The ids of workers that are gone from this machine, or have been silent for longer than `silent_for`."""
    old = datetime.now(UTC) - silent_for
    here = _process_space()
    rows = connection.execute(select(workers).where(workers.c.id.notin_(alive)))
    return [row.id for row in rows if row.host == here or row.heartbeat_at < old]


def bury(connection: Connection, ids: Collection[str]) -> None:
    """Removes the rows of dead workers; one that was only asleep signs on again by itself."""
    connection.execute(delete(workers).where(workers.c.id.in_(ids)))


def _exists(pid: int, started: float) -> bool:
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - started) < 1.0 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _process_space() -> str:
    """Names what process ids are unique in: the machine, and on Linux the container on it."""
    host = socket.gethostname()
    if platform.system() == "Linux":
        return f"{host} {os.readlink('/proc/self/ns/pid')}"
    return host
