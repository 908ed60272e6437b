"""The processes that share the database: each says that it lives, and one rule tells who does."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from backend.db.clock import database_now
from backend.processes.heartbeats import Heartbeats
from backend.processes.identity import ProcessIdentity, ProcessKind, start_ticks
from backend.processes.tables import processes

SILENT_AFTER_S = 30.0


class ProcessRegistry:
    """What one process, `me`, knows of all others. Every method works in the caller's transaction.

    A process lives while its kernel, where that is ours, still has it and while its heartbeat moves: one that has not
    moved for `silent_after_s`, as Heartbeats counts it, is dead. Only for a process seen for the first time, and not of
    our kernel, is the age of its heartbeat asked of the database's clock.
    """

    def __init__(
        self,
        me: ProcessIdentity,
        *,
        silent_after_s: float = SILENT_AFTER_S,
        clock: Callable[[], float] = time.monotonic,
        start_ticks: Callable[[int], int | None] = start_ticks,
    ) -> None:
        self.me = me
        self._silent_after_s = silent_after_s
        self._start_ticks = start_ticks
        self._heartbeats = Heartbeats(clock)

    def beat(self, connection: Connection) -> None:
        """Says that this process lives; signs it on when it is not known, or was given up for dead."""
        known = update(processes).where(processes.c.id == self.me.id).values(heartbeat_at=database_now())
        if not connection.execute(known).rowcount:
            moments = {"started_at": database_now(), "heartbeat_at": database_now()}
            connection.execute(insert(processes).values({**asdict(self.me), **moments}))

    def sign_off(self, connection: Connection) -> None:
        connection.execute(delete(processes).where(processes.c.id == self.me.id))

    def living(self, connection: Connection, kind: ProcessKind | None = None) -> set[str]:
        """The ids of the processes that live, of one kind or all. Who is not among them is dead."""
        return {row.id for row in self._rows(connection) if kind in (None, row.kind) and self._lives(row)}

    def dead(self, connection: Connection) -> set[str]:
        """The ids of those that have signed on and died; for whoever keeps the table small."""
        return {row.id for row in self._rows(connection) if not self._lives(row)}

    def forget(self, connection: Connection, ids: Collection[str]) -> None:
        """Removes these; one that was only asleep signs on again by itself."""
        connection.execute(delete(processes).where(processes.c.id.in_(ids)))

    def _rows(self, connection: Connection) -> Sequence[Row[Any]]:
        return connection.execute(select(processes, database_now().label("now"))).all()

    def _lives(self, row: Row[Any]) -> bool:
        if row.id == self.me.id:
            return True
        ours = (row.host, row.boot_id) == (self.me.host, self.me.boot_id)
        if ours and self._start_ticks(row.pid) != row.start_ticks:
            return False
        first_age_s = 0.0 if ours else max(0.0, (row.now - row.heartbeat_at).total_seconds())
        return self._heartbeats.silent_s(row.id, row.heartbeat_at, first_age_s) < self._silent_after_s
