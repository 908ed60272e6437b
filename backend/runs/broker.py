"""Who listens to which run or job in this process. A slow listener is not waited for: it reads the table."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Event = TypeVar("Event")

BACKLOG = 1000
"""Events kept for a slow listener; beyond that it sees a gap and reads what it missed from the database."""


class Listener(Generic[Event]):
    """What is published of one run or job, as it comes. Used from the event loop only, by one reader."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=BACKLOG)
        self._waiter: asyncio.Future[None] | None = None

    def put(self, event: Event) -> None:
        """Keep an event until it is taken."""
        self._events.append(event)
        _wake(self._waiter)

    async def take(self, timeout: float) -> list[Event]:
        """What has come since the last call; waits at most `timeout` seconds for the first."""
        if not self._events:
            # By hand, for asyncio.timeout costs more than all the rest of an event's way.
            loop = asyncio.get_running_loop()
            self._waiter = loop.create_future()
            alarm = loop.call_later(timeout, _wake, self._waiter)
            try:
                await self._waiter
            finally:
                alarm.cancel()
                self._waiter = None
        taken = list(self._events)
        self._events.clear()
        return taken


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


class Broker(Generic[Event]):
    """Hands stored events to the listeners of their runs or jobs."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Listener[Event]]] = {}

    def publish(self, id: str, event: Event) -> None:
        """Tell every listener of this run or job."""
        for listener in self._listeners.get(id, ()):
            listener.put(event)

    @contextmanager
    def listen(self, id: str) -> Iterator[Listener[Event]]:
        """A listener that hears everything published from now on until the block ends."""
        listener = Listener[Event]()
        self._listeners.setdefault(id, []).append(listener)
        try:
            yield listener
        finally:
            remaining = self._listeners[id]
            remaining.remove(listener)
            if not remaining:
                del self._listeners[id]
