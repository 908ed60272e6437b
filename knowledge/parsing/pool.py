"""A pool of children that is fair: whoever asks for little does not wait for whoever asks for much.

Requests come in lanes (one for each knowledge base). A lane has at most `processes` children at once, and one lane's
hostile files take no other lane's children. A file that takes longer than a moment goes on with the processor time
that others leave, and so do the next files of its lane. All children together have one budget of memory; above it, the
largest is ended. A file whose child ended by what need not be the file's doing is tried once more, in a fresh child.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

from knowledge.parsing.children import Child, ChildProcess

_log = logging.getLogger(__name__)

_LANES = 4
"""So many lanes work at once before one has to wait for another."""

_DOCUMENTS_PER_CHILD = 500
_LOOK_EVERY_S = 0.05
_MOMENT_S = 2.0
"""A file that takes longer yields to others."""
_PATIENCE = 4
"""Who yields is judged by the processor time that it was given, up to so many times its seconds."""

_YIELDING_FILES = 50
"""So many files after one of them a lane still yields."""

_FROM_OUTSIDE = frozenset(
    -getattr(signal, name) for name in ("SIGHUP", "SIGINT", "SIGKILL", "SIGTERM") if hasattr(signal, name)
)
"""What a child returns that another process, or the system for want of memory, has ended."""

Ended = Literal["crashed", "time", "memory"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """A child's answer, or why there is none: `code` is what a child that crashed has returned, a signal negated."""

    answer: dict[str, Any] | None
    ended: Ended = "crashed"
    code: int = 0


@dataclass(eq=False, kw_only=True, slots=True)
class _Request:
    lane: str
    number: int
    seconds: float
    child: Child | None = None
    begun: float = field(default_factory=time.monotonic)
    gentle: bool = False
    spent_before: float | None = None
    ended: Ended | None = None
    code: int = 0


class ParserPool:
    """Children that are started when first needed, and replaced when they die, are ended, or have served 500 files.

    Safe for several threads. `close` it.
    """

    def __init__(
        self, processes: int = 1, *, memory_bytes: int, start: Callable[[], Child] = ChildProcess, lanes: int = _LANES
    ) -> None:
        """`processes`: children at once in each lane; so many are kept warm, too. `memory_bytes`: what all children may
        take together."""
        self._processes = processes
        self._capacity = processes * lanes
        self._memory_bytes = memory_bytes
        self._start = start
        self._turn = threading.Condition()
        self._numbers = count()
        self._waiting: list[_Request] = []
        self._running: list[_Request] = []
        self._idle: list[Child] = []
        self._gentle: list[Child] = []
        """Idle ones that yield to others, which cannot be taken back."""
        self._yielding: dict[str, int] = {}
        """Lanes whose next files yield from the beginning; how many of them."""
        self._served: dict[Child, int] = {}
        self._watching = False
        self._closed = False

    def ask(self, request: dict[str, Any], *, lane: str, seconds: float) -> Reply:
        """The answer of a child to a request, after at most `seconds` from its turn on, or from its second try on."""
        mine = _Request(lane=lane, number=next(self._numbers), seconds=seconds)
        self._enter(mine)
        answer: dict[str, Any] | None = None
        try:
            answer = self._answer(mine, request)
        finally:
            self._leave(mine, healthy=answer is not None and not answer.get("retire") and mine.ended is None)
        return Reply(answer=answer, ended=mine.ended or "crashed", code=mine.code)

    def _answer(self, mine: _Request, request: dict[str, Any]) -> dict[str, Any] | None:
        """One that has served before may have died while idle, or of what an earlier file left behind in it."""
        served_before = mine.child is not None
        answer = (mine.child or self._started(mine)).ask(request)
        if answer is not None or not self._lost(mine):
            return answer
        if not served_before and mine.code not in _FROM_OUTSIDE:
            return None
        _log.warning("A parser ended by itself (return code %d); its file is read once more by a new one", mine.code)
        mine.code = 0
        return self._started(mine).ask(request)

    def _lost(self, mine: _Request) -> bool:
        """Whether the child ended by itself, not by us: then it is given up, and `code` says what it returned."""
        with self._turn:
            child = mine.child
            if mine.ended is not None or child is None:
                return False
            mine.child = None
            self._served.pop(child, None)
        mine.code = child.close()
        return True

    def close(self) -> None:
        """End the children; waits for files being parsed."""
        with self._turn:
            self._closed = True
            while self._running or self._waiting:
                self._turn.wait()
            idle = [*self._idle, *self._gentle]
            self._idle, self._gentle = [], []
        for child in idle:
            child.close()

    def _enter(self, mine: _Request) -> None:
        with self._turn:
            if self._closed:
                raise RuntimeError("This parser has been closed.")
            self._waiting.append(mine)
            while self._next() is not mine:
                self._turn.wait()
            self._waiting.remove(mine)
            self._running.append(mine)
            mine.begun = time.monotonic()
            mine.child = self._take_idle(mine)
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._watch, name="parser-watch", daemon=True).start()
            self._turn.notify_all()

    def _take_idle(self, mine: _Request) -> Child | None:
        if left := self._yielding.pop(mine.lane, 0):
            if left > 1:
                self._yielding[mine.lane] = left - 1
            mine.gentle = True
            if self._gentle:
                return self._gentle.pop()
        child = self._idle.pop() if self._idle else None
        if child is not None and mine.gentle:
            child.yield_to_others()
        return child

    def _started(self, mine: _Request) -> Child:
        child = self._start()
        if mine.gentle:
            child.yield_to_others()
        with self._turn:
            mine.child = child
            mine.begun = time.monotonic()
            mine.spent_before = None
        return child

    def _next(self) -> _Request | None:
        """Whose turn it is: among the lanes that have room, the one with the least running, and there the oldest."""
        if len(self._running) >= self._capacity:
            return None
        busy = Counter(request.lane for request in self._running)
        able = (request for request in self._waiting if busy[request.lane] < self._processes)
        return min(able, key=lambda request: (busy[request.lane], request.number), default=None)

    def _leave(self, mine: _Request, *, healthy: bool) -> None:
        """Make room for the next; `code` says what a child returned that is not kept."""
        child = mine.child
        with self._turn:
            self._running.remove(mine)
            if child is not None:
                served = self._served[child] = self._served.get(child, 0) + 1
                keep = healthy and served < _DOCUMENTS_PER_CHILD
                idle = self._gentle if mine.gentle else self._idle
                if keep and len(idle) < self._processes:
                    idle.append(child)
                    child = None
                else:
                    del self._served[child]
            self._turn.notify_all()
        if child is not None:
            mine.code = child.close()

    def _watch(self) -> None:
        """End what takes too long or too much, as long as anything runs."""
        while True:
            with self._turn:
                if not self._running:
                    self._watching = False
                    return
                self._look(time.monotonic())
            time.sleep(_LOOK_EVERY_S)

    def _look(self, now: float) -> None:
        running = [(request, request.child) for request in self._running if request.child is not None]
        for request, child in running:
            if request.spent_before is None:
                request.spent_before = child.processor_seconds()
            elapsed = now - request.begun
            if elapsed > _MOMENT_S:
                self._yielding[request.lane] = _YIELDING_FILES
                if not request.gentle:
                    request.gentle = True
                    child.yield_to_others()
            if request.gentle and elapsed < _PATIENCE * request.seconds:
                elapsed = _spent(request, child, elapsed)
            if elapsed > request.seconds:
                _end(request, child, "time")
        self._weigh([(child.resident_bytes(), request, child) for request, child in running])

    def _weigh(self, running: Sequence[tuple[int, _Request, Child]]) -> None:
        """Above the budget, those who only wait for work go first, then the largest."""
        taken = sum(size for size, _, _ in running)
        if taken + sum(child.resident_bytes() for child in (*self._idle, *self._gentle)) <= self._memory_bytes:
            return
        for idle in (self._idle, self._gentle):
            while idle:
                child = idle.pop()
                del self._served[child]
                child.close()
        if taken > self._memory_bytes:
            _, request, child = max(running, key=lambda each: each[0])
            _end(request, child, "memory")


def _spent(request: _Request, child: Child, elapsed: float) -> float:
    """The processor time a file has had, or where that is not known, the time that has passed."""
    spent = child.processor_seconds()
    return elapsed if spent is None or request.spent_before is None else spent - request.spent_before


def _end(request: _Request, child: Child, why: Ended) -> None:
    request.ended = request.ended or why
    child.kill()
