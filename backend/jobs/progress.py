"""Keeps count of a running job: its stages with their rate and time left, and the files it could not use."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from backend.jobs.events import FileRefused, JobNoted, Refusal, Stage
from backend.jobs.types import Job

SHOWN_FAILURES = 100
MAX_EVENTS = 1000
"""A folder of a million broken files does not need a million events; the count still goes on."""
RATE_WINDOW_S = 20.0
MARK_EVERY_S = 0.25
"""Thousands of reports a second are possible; four marks a second are enough for a rate."""


@dataclass(slots=True)
class _Pace:
    """The last counts of one stage with their times, enough to tell its rate of late."""

    marks: deque[tuple[float, int]] = field(default_factory=deque)

    def mark(self, now: float, stage: Stage) -> None:
        if self.marks and now - self.marks[-1][0] < MARK_EVERY_S and stage.done < stage.total:
            return
        if self.marks and stage.done < self.marks[-1][1]:
            self.marks.clear()
        self.marks.append((now, stage.done))
        while len(self.marks) > 2 and now - self.marks[0][0] > RATE_WINDOW_S:
            self.marks.popleft()

    def rate(self) -> float | None:
        if len(self.marks) < 2:
            return None
        (first, before), (last, after) = self.marks[0], self.marks[-1]
        return (after - before) / (last - first) if last > first and after > before else None


class Progress:
    """What is known of one attempt at `job`, which goes on from what earlier ones had reached. `changed` tells whether
    there is anything that has not been taken yet."""

    def __init__(self, job: Job, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stages = {stage.name: replace(stage, rate=None, eta_s=None) for stage in job.stages}
        self._paces: dict[str, _Pace] = {}
        self._failures = {refusal.path: refusal for refusal in job.failures}
        self._pending: list[FileRefused | JobNoted] = []
        self._event_count = job.failure_count
        self.failure_count = job.failure_count
        self.changed = False

    def count(self, stage: Stage) -> None:
        """Takes a stage's newest count."""
        if self._stages.get(stage.name) != stage:
            self._stages[stage.name] = stage
            self._paces.setdefault(stage.name, _Pace()).mark(self._clock(), stage)
            self.changed = True

    def refuse(self, refusal: Refusal) -> None:
        """Takes note of a file that could not be used; the same file twice (an attempt that goes on) counts once."""
        if self._failures.pop(refusal.path, None) is None:
            self.failure_count += 1
            self._append(FileRefused(refusal=refusal))
        self._failures[refusal.path] = refusal
        while len(self._failures) > SHOWN_FAILURES:
            del self._failures[next(iter(self._failures))]
        self.changed = True

    def note(self, noted: JobNoted) -> None:
        """Takes a line for the job's log."""
        self._append(noted)

    def stages(self) -> tuple[Stage, ...]:
        """Every stage seen, in the order they were first seen."""
        return tuple(self._paced(stage) for stage in self._stages.values())

    def failures(self) -> tuple[Refusal, ...]:
        """The last refusals, at most SHOWN_FAILURES, oldest first."""
        return tuple(self._failures.values())

    def take_events(self) -> list[FileRefused | JobNoted]:
        """The events not taken before; also says that everything until now has been taken."""
        pending, self._pending = self._pending, []
        self.changed = False
        return pending

    def _append(self, event: FileRefused | JobNoted) -> None:
        if self._event_count < MAX_EVENTS:
            self._event_count += 1
            self._pending.append(event)
            self.changed = True

    def _paced(self, stage: Stage) -> Stage:
        pace, left = self._paces.get(stage.name), max(0, stage.total - stage.done)
        rate = pace.rate() if pace and left else None
        return replace(stage, rate=round(rate, 2), eta_s=round(left / rate, 1)) if rate else stage
