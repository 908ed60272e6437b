"""Turns at something that serves one at a time: whoever has been served least comes first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

HEAD_START_S = 60.0
"""Whoever is new counts as served so much less than the others at most: a small one is done before the large go on, and
many small ones cannot keep a large one waiting for ever."""

FORGOTTEN_AFTER_S = 60.0


@dataclass(kw_only=True, slots=True)
class _Lane:
    served_s: float
    seen_at: float
    waiting: int = 0


class Turns:
    """One turn at a time; several threads may wait for theirs."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._free = threading.Condition()
        self._numbers = count()
        self._lanes: dict[str, _Lane] = {}
        self._queue: list[tuple[int, str]] = []
        self._taken = False

    @contextmanager
    def turn(self, lane: str) -> Iterator[None]:
        """Wait for a turn and have it; `lane`: on whose account (a knowledge base)."""
        mine = (next(self._numbers), lane)
        with self._free:
            account = self._account(lane)
            account.waiting += 1
            self._queue.append(mine)
            while self._taken or self._next() != mine:
                self._free.wait()
            self._queue.remove(mine)
            self._taken = True
        begun = self._clock()
        try:
            yield
        finally:
            with self._free:
                self._taken = False
                account.waiting -= 1
                account.seen_at = self._clock()
                account.served_s += account.seen_at - begun
                self._free.notify_all()

    def _next(self) -> tuple[int, str]:
        return min(self._queue, key=lambda each: (self._lanes[each[1]].served_s, each[0]))

    def _account(self, lane: str) -> _Lane:
        now = self._clock()
        gone = [
            name
            for name, each in self._lanes.items()
            if not each.waiting and now - each.seen_at > FORGOTTEN_AFTER_S and name != lane
        ]
        for name in gone:
            del self._lanes[name]
        if lane not in self._lanes:
            least = min((each.served_s for each in self._lanes.values()), default=0.0)
            self._lanes[lane] = _Lane(served_s=max(0.0, least - HEAD_START_S), seen_at=now)
        return self._lanes[lane]
