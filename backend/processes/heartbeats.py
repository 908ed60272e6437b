"""How long heartbeats have not moved, as whoever looks at them counts it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime

_REMEMBERED = 10_000
"""The heartbeats of those that ended are not asked for again; so many moments are no memory to speak of."""


class Heartbeats:
    """The heartbeats that one process looks at, each under the id of what it belongs to.

    How long one has not moved passes on our own monotonic clock, from the moment we saw it move. So neither machines
    whose clocks differ nor a clock that is set while we look make a heartbeat look older or younger than it is.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[datetime, float]] = {}

    def silent_s(self, id: str, heartbeat_at: datetime, first_age_s: float = 0.0) -> float:
        """Seconds since it moved; `first_age_s` is how old it is taken to be when it is seen for the first time."""
        now = self._clock()
        with self._lock:
            before = self._seen.get(id)
            if before is not None and before[0] == heartbeat_at:
                return now - before[1]
            age_s = first_age_s if before is None else 0.0
            self._seen.pop(id, None)
            self._seen[id] = (heartbeat_at, now - age_s)
            if len(self._seen) > _REMEMBERED:
                del self._seen[next(iter(self._seen))]
        return age_s
