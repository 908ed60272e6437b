"""The one writer of run events: what all runs have said since the last commit goes into the next one together."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from agents.events import ApprovalRequested
from backend.approvals.store import add_requested
from backend.runs.broker import Broker
from backend.runs.journal import add_records
from backend.runs.store import add_events, close, fail, held
from backend.runs.types import StoredEvent, StoredOutcome
from backend.telemetry import Metrics
from knowledge.storage.database import Database

QUEUE_SIZE = 10_000
BATCH_SIZE = 2_000
RETRY_SECONDS = 0.5

UNSTORABLE = "event_not_stored"
_UNSTORABLE_MESSAGE = "The database refused what this run had to say; the server's log says why. Ask again."
_AWAY = (OperationalError, InterfaceError, InternalError, PoolTimeout)
"""Errors of the connection or the server, which no entry is to blame for."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """Events to store together with the `record` (key and value) that they tell of and the decisions that they ask for;
    `outcome` comes with the last one. `stored` is set once it can be read back."""

    run_id: str
    events: tuple[StoredEvent, ...]
    record: tuple[str, Mapping[str, Any]] | None = None
    asked: tuple[ApprovalRequested, ...] = ()
    outcome: StoredOutcome | None = None
    stored: asyncio.Future[bool] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stored:
    """What came of a batch: the runs whose entries were not stored, and the event that ended those it failed."""

    lost: set[str] = field(default_factory=set)
    failed: Mapping[str, StoredEvent] = field(default_factory=dict)


class EventWriter:
    """Stores entries in the order they were put, then publishes them. One per process.

    No error of the database ends it: it waits for a database that is away, and fails the one run whose entries the
    database refuses, so that the others go on.
    """

    def __init__(
        self,
        *,
        database: Database,
        broker: Broker[StoredEvent],
        metrics: Metrics,
        owner: str,
        on_lost: Callable[[str], None],
    ) -> None:
        self._database = database
        self._broker = broker
        self._metrics = metrics
        self._owner = owner
        self._on_lost = on_lost
        self._queue: asyncio.Queue[Entry | None] = asyncio.Queue(QUEUE_SIZE)
        # A thread of its own: retrieval may fill the shared pool, and tokens must not wait for it.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="run-events")

    async def put(self, entry: Entry) -> None:
        """Hand an entry over; waits only when the database is far behind."""
        await self._queue.put(entry)

    async def work(self) -> None:
        """Store what is put until `stop` is called; never ends by itself."""
        loop = asyncio.get_running_loop()
        ended = False
        while not ended:
            batch = [await self._queue.get()]
            while len(batch) < BATCH_SIZE and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            ended = None in batch
            entries = [entry for entry in batch if entry is not None]
            if entries:
                self._tell(entries, await loop.run_in_executor(self._thread, self._store, entries))

    async def stop(self) -> None:
        """Let `work` end after what has been put before."""
        await self._queue.put(None)

    def _tell(self, entries: Sequence[Entry], stored: _Stored) -> None:
        for entry in entries:
            kept = entry.run_id not in stored.lost
            for event in entry.events if kept else ():
                self._broker.publish(entry.run_id, event)
            if entry.stored is not None and not entry.stored.done():
                entry.stored.set_result(kept)
        for run_id, event in stored.failed.items():
            self._broker.publish(run_id, event)
        for kind, count in Counter(event.kind for entry in entries for event in entry.events).items():
            self._metrics.run_events.labels(kind).inc(count)
        for run_id in stored.lost:
            self._on_lost(run_id)

    def _store(self, entries: Sequence[Entry]) -> _Stored:
        """Tries until the database has taken the entries, or said of a run that it will not have them."""
        while True:
            try:
                return _Stored(lost=self._commit(entries))
            except _AWAY as error:
                # The disk is full, the server is away: keep what has been said and try again.
                self._wait(error, entries)
            except Exception as error:  # the outer edge of the writer: whatever it is, the other runs go on
                log.warning("a batch of run events was refused; storing run by run", error=_said(error))
                return self._store_apart(entries)

    def _store_apart(self, entries: Sequence[Entry]) -> _Stored:
        """The entries run by run; a run whose own are refused is failed."""
        outcomes = [
            self._store_or_fail(run_id, [entry for entry in entries if entry.run_id == run_id])
            for run_id in dict.fromkeys(entry.run_id for entry in entries)
        ]
        return _Stored(
            lost=set().union(*(each.lost for each in outcomes)),
            failed={run_id: event for each in outcomes for run_id, event in each.failed.items()},
        )

    def _store_or_fail(self, run_id: str, entries: Sequence[Entry]) -> _Stored:
        while True:
            try:
                return _Stored(lost=self._commit(entries))
            except _AWAY as error:
                self._wait(error, entries)
            except Exception as error:
                log.exception("run events cannot be stored; the run is failed", run_id=run_id)
                try:
                    return self._fail(run_id)
                except SQLAlchemyError:
                    # Not even its end can be written, so the trouble is the database's, not this run's.
                    self._wait(error, entries)

    def _wait(self, error: Exception, entries: Sequence[Entry]) -> None:
        log.warning("run events not stored yet", error=_said(error), waiting=len(entries))
        time.sleep(RETRY_SECONDS)

    def _commit(self, entries: Sequence[Entry]) -> set[str]:
        """The runs whose entries were not taken, because another process has taken them over or they are gone."""
        runs = {entry.run_id for entry in entries}
        with self._database.write() as connection:
            mine = held(connection, runs, self._owner)
            kept = [entry for entry in entries if entry.run_id in mine]
            events = [(entry.run_id, event) for entry in kept for event in entry.events]
            if events:
                add_events(connection, events)
            add_records(connection, [(entry.run_id, *entry.record) for entry in kept if entry.record is not None])
            add_requested(connection, [(entry.run_id, event) for entry in kept for event in entry.asked])
            for entry in kept:
                if entry.outcome is not None:
                    close(connection, entry.run_id, entry.outcome)
        return runs - mine

    def _fail(self, run_id: str) -> _Stored:
        with self._database.write() as connection:
            if not held(connection, [run_id], self._owner):
                return _Stored(lost={run_id})
            return _Stored(lost={run_id}, failed={run_id: fail(connection, run_id, UNSTORABLE, _UNSTORABLE_MESSAGE)})


def _said(error: Exception) -> str:
    """What the database said, without the statement and its values."""
    return str(getattr(error, "orig", None) or type(error).__name__)
