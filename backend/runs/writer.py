"""The one writer of run events: what all runs have said since the last commit goes into the next one together."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import OperationalError

from backend.runs.broker import Broker
from backend.runs.store import add_events, close, held
from backend.runs.types import Outcome, StoredEvent
from backend.telemetry import Metrics
from knowledge.storage.database import Database

QUEUE_SIZE = 10_000
BATCH_SIZE = 2_000
RETRY_SECONDS = 0.5

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """An event to store; `outcome` comes with the last one. `stored` is set once it can be read back."""

    run_id: str
    event: StoredEvent
    outcome: Outcome | None = None
    stored: asyncio.Future[bool] | None = None


class EventWriter:
    """Stores entries in the order they were put, then publishes them. One per process."""

    def __init__(
        self, *, database: Database, broker: Broker, metrics: Metrics, owner: str, on_lost: Callable[[str], None]
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
            lost = await loop.run_in_executor(self._thread, self._store, entries) if entries else set()
            self._tell(entries, lost)

    async def stop(self) -> None:
        """Let `work` end after what has been put before."""
        await self._queue.put(None)

    def _tell(self, entries: Sequence[Entry], lost: set[str]) -> None:
        for entry in entries:
            kept = entry.run_id not in lost
            if kept:
                self._broker.publish(entry.run_id, entry.event)
            if entry.stored is not None and not entry.stored.done():
                entry.stored.set_result(kept)
        for kind, count in Counter(entry.event.kind for entry in entries).items():
            self._metrics.run_events.labels(kind).inc(count)
        for run_id in lost:
            self._on_lost(run_id)

    def _store(self, entries: Sequence[Entry]) -> set[str]:
        """The runs whose entries were refused, because another process has taken them over or they are gone."""
        while True:
            try:
                return self._commit(entries)
            except OperationalError as error:
                # The disk is full, the server is away: keep what has been said and try again.
                log.warning("run events not stored yet", error=str(error.orig), waiting=len(entries))
                time.sleep(RETRY_SECONDS)

    def _commit(self, entries: Sequence[Entry]) -> set[str]:
        runs = {entry.run_id for entry in entries}
        with self._database.write() as connection:
            mine = held(connection, runs, self._owner)
            kept = [entry for entry in entries if entry.run_id in mine]
            if kept:
                add_events(connection, [(entry.run_id, entry.event) for entry in kept])
            for entry in kept:
                if entry.outcome is not None:
                    close(connection, entry.run_id, entry.outcome)
        return runs - mine
