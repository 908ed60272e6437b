"""How many answers and embeddings one process works on at once, whoever asks for them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from backend.errors import Busy


class Capacity:
    """One count for runs, chat completions and embeddings. Safe to use from any number of threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0
        self._lock = threading.Lock()

    @property
    def taken(self) -> int:
        """How much is being worked on."""
        return self._taken

    def check_room(self) -> None:
        """Raises Busy when there is no room for more."""
        if self._taken >= self._most:
            raise _busy()

    def add(self) -> None:
        """Count one more that must be done, whether there is room or not: a run that was promised or taken over."""
        with self._lock:
            self._taken += 1

    def remove(self) -> None:
        """Count one less."""
        with self._lock:
            self._taken -= 1

    @contextmanager
    def room(self) -> Iterator[None]:
        """Count one more until the block ends. Raises Busy when there is no room."""
        with self._lock:
            if self._taken >= self._most:
                raise _busy()
            self._taken += 1
        try:
            yield
        finally:
            self.remove()


def _busy() -> Busy:
    return Busy("Too many answers are being written at the moment; try again in a few seconds.")
