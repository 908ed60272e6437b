"""Following a run over server-sent events: never silent for more than a second, and back on track after a break."""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2

from frontend.client import Api, ApiError

BEAT_S = 1.0
"""A page whose script makes no call cannot be interrupted, so it is given something to draw once a second."""

SILENCE_S = 40.0
"""The server sends a sign of life every 15 s."""

PATIENCE_S = 60.0
"""How long a server that went away is waited for."""

_GOES_ON = object()

TERMINAL_KINDS = frozenset({"run_finished", "run_failed", "run_cancelled"})
FRAME_KINDS = TERMINAL_KINDS | {"run_started", "run_waiting"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """A run event: its number in the run, its kind, its data."""

    id: int
    kind: str
    data: dict[str, Any] = field(default_factory=dict)


class RunStream:
    """Reads a run's events in a thread of its own.

    Iterating yields what has come since, in order: one list of events after the other, an empty one after a silent
    second. It ends after the run's last event and raises ApiError when the server stays away.
    """

    def __init__(self, api: Api, run_id: str, after: int = 0) -> None:
        self._api = api
        self._run_id = run_id
        self._after = after
        self._inbox: queue.Queue[Event | ApiError | None] = queue.Queue()
        self._closed = threading.Event()
        self._response: httpx2.Response | None = None
        self._thread = threading.Thread(target=self._read, name="follow-run", daemon=True)

    def __enter__(self) -> RunStream:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[list[Event]]:
        while True:
            events, end = self._take()
            if events or end is _GOES_ON:
                yield events
            if isinstance(end, ApiError):
                raise end
            if end is None:
                return

    def close(self) -> None:
        """Stops reading at once; the run itself goes on."""
        self._closed.set()
        response = self._response
        if response is not None:
            with contextlib.suppress(OSError, KeyError, AttributeError):
                stream = response.extensions["network_stream"]
                stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)  # wakes the reader

    def _take(self) -> tuple[list[Event], ApiError | object | None]:
        """All that waits in the inbox, after at most a second; with the end, if it was there."""
        events: list[Event] = []
        timeout = BEAT_S
        while True:
            try:
                item = self._inbox.get(timeout=timeout) if timeout else self._inbox.get_nowait()
            except queue.Empty:
                return events, _GOES_ON
            if not isinstance(item, Event):
                return events, item
            events.append(item)
            timeout = 0.0

    def _read(self) -> None:
        away_since = 0.0
        while not self._closed.is_set():
            try:
                if self._read_stream():
                    self._inbox.put(None)
                    return
                away_since = 0.0
            except ApiError as error:
                away_since = away_since or time.monotonic()
                lasting = 400 <= error.status < 500 and error.status != 429
                if lasting or time.monotonic() - away_since > PATIENCE_S:
                    self._inbox.put(error)
                    return
            self._closed.wait(0.5)

    def _read_stream(self) -> bool:
        """Whether the run's last event came; False when the stream ended before it."""
        with self._api.event_stream(self._run_id, self._after, SILENCE_S) as response:
            self._response = response
            for sent in httpx2.EventSource(response):
                if self._closed.is_set():
                    return True
                event = Event(id=int(sent.id or self._after), kind=sent.event, data=json.loads(sent.data))
                if event.id <= self._after:
                    continue
                self._after = event.id
                self._inbox.put(event)
                if event.kind in TERMINAL_KINDS:
                    return True
        return False


def read_events(api: Api, run_id: str, *, after: int = 0, until: int | None = None) -> list[Event]:
    """The events of a run above number `after`: all of one that is over, else those up to number `until`. Raises
    ApiError."""
    found: list[Event] = []
    if until is not None and until <= after:
        return found
    with RunStream(api, run_id, after) as following:
        for events in following:
            found += events
            if until is not None and found and found[-1].id >= until:
                break
    return found
