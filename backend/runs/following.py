"""Following a run: everything stored after an event, then everything as it comes, without a gap or a duplicate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from backend.runs.broker import Broker, Listener
from backend.runs.store import read_events, status_of
from backend.runs.types import ACTIVE, WAITING, StoredEvent
from knowledge.storage.database import Database

POLL_SECONDS = 0.2
"""How often the table is read for a run that another process performs."""

LISTEN_SECONDS = 2.0
"""How long a listener waits before it looks whether the run is still performed here; also how often the table is read
for a run that waits for an answer, as it may for days."""

PAGE = 2_000


class Follower:
    """Reads runs for any number of streams."""

    def __init__(self, *, database: Database, broker: Broker[StoredEvent], is_local: Callable[[str], bool]) -> None:
        self._database = database
        self._broker = broker
        self._is_local = is_local

    async def follow(self, run_id: str, after: int, *, beat: float = 15.0) -> AsyncIterator[list[StoredEvent]]:
        """Events above number `after`, in order, up to the run's last; an empty list when `beat` seconds were silent.

        The listener is there before the table is read, so an event is in one of the two; what is in both is dropped by
        its number, and a gap (a listener that fell behind) sends the reader back to the table.
        """
        clock = asyncio.get_running_loop().time
        with self._broker.listen(run_id) as listener:
            sent_at, live, status = clock(), False, None
            while True:
                if live:
                    timeout = min(beat, self._patience(run_id, status))
                    events, live = await self._next(run_id, listener, after, timeout)
                else:
                    events, status = await asyncio.to_thread(self._read, run_id, after)
                    if status not in ACTIVE and not events:
                        return
                    live = len(events) < PAGE
                if events:
                    after, sent_at = events[-1].seq, clock()
                    yield events
                    if events[-1].last:
                        return
                elif clock() - sent_at >= beat:
                    sent_at = clock()
                    yield []

    def _patience(self, run_id: str, status: str | None) -> float:
        return LISTEN_SECONDS if status == WAITING or self._is_local(run_id) else POLL_SECONDS

    async def _next(
        self, run_id: str, listener: Listener[StoredEvent], after: int, timeout: float
    ) -> tuple[list[StoredEvent], bool]:
        """What the listener got next, and whether to go on listening; otherwise the table is to be read."""
        local = self._is_local(run_id)
        events = [event for event in await listener.take(timeout) if event.seq > after]
        if events and events[0].seq != after + 1:
            return [], False
        return events, local or bool(events)

    def _read(self, run_id: str, after: int) -> tuple[list[StoredEvent], str | None]:
        with self._database.read() as connection:
            status = status_of(connection, run_id)  # before the events: what ended a run is stored with its end
            return read_events(connection, run_id, after, PAGE), status
