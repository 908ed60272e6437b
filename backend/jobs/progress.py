"""Keeps count of a running job: its stages with their rate and time left, and the files it could not use."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from backend.jobs.events import FileRefused, JobNoted, Refusal, Stage

SHOWN_FAILURES = 100
TOLD = 1000
"""A folder of a million broken files does not need a million events; the count still goes on."""
RATE_WINDOW_S = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class StageCount:
    """A handler's report: `done` of `total` items of this stage, `failed` of them without success."""

    name: str
    done: int
    total: int
    failed: int = 0
    last_error: str = ""


@dataclass(slots=True)
class _Pace:
    """The last counts of one stage with their times, enough to tell its rate of late."""

    marks: deque[tuple[float, int]] = field(default_factory=deque)

    def mark(self, now: float, done: int) -> None:
        if self.marks and done < self.marks[-1][1]:
            self.marks.clear()
        self.marks.append((now, done))
        while len(self.marks) > 2 and now - self.marks[0][0] > RATE_WINDOW_S:
            self.marks.popleft()

    def rate(self) -> float | None:
        if len(self.marks) < 2:
            return None
        (first, before), (last, after) = self.marks[0], self.marks[-1]
        return (after - before) / (last - first) if last > first and after > before else None


class Progress:
    """What is known of one attempt. `changed` tells whether there is anything that has not been taken yet."""

    def __init__(
        self,
        stages: Iterable[Stage] = (),
        failures: Iterable[Refusal] = (),
        failure_count: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._counts = {
            stage.name: StageCount(
                name=stage.name,
                done=stage.done,
                total=stage.total,
                failed=stage.failed,
                last_error=stage.last_error,
            )
            for stage in stages
        }
        self._paces: dict[str, _Pace] = {}
        self._failures = {refusal.path: refusal for refusal in failures}
        self._untold: list[FileRefused | JobNoted] = []
        self._told = failure_count
        self.failure_count = failure_count
        self.changed = False

    def count(self, report: StageCount) -> None:
        """Takes a stage's newest count."""
        known = self._counts.get(report.name)
        if known == report:
            return
        self._counts[report.name] = report
        pace = self._paces.setdefault(report.name, _Pace())
        now = self._clock()
        # Thousands of reports a second are possible; four marks a second are enough for a rate.
        if not pace.marks or now - pace.marks[-1][0] >= 0.25 or report.done >= report.total:
            pace.mark(now, report.done)
        self.changed = True

    def refuse(self, refusal: Refusal) -> None:
        """Takes note of a file that could not be used; the same file twice (an attempt that goes on) counts once."""
        if self._failures.pop(refusal.path, None) is None:
            self.failure_count += 1
            if self._told < TOLD:
                self._told += 1
                self._untold.append(FileRefused(refusal=refusal))
        self._failures[refusal.path] = refusal
        while len(self._failures) > SHOWN_FAILURES:
            del self._failures[next(iter(self._failures))]
        self.changed = True

    def note(self, noted: JobNoted) -> None:
        """Takes a line for the job's log."""
        if self._told < TOLD:
            self._told += 1
            self._untold.append(noted)
            self.changed = True

    def stages(self) -> tuple[Stage, ...]:
        """Every stage seen, in the order they were first seen."""
        return tuple(self._stage(each) for each in self._counts.values())

    def failures(self) -> tuple[Refusal, ...]:
        """The last refusals, at most SHOWN_FAILURES, oldest first."""
        return tuple(self._failures.values())

    def take_events(self) -> list[FileRefused | JobNoted]:
        """The events not taken before; also says that everything until now has been taken."""
        untold, self._untold = self._untold, []
        self.changed = False
        return untold

    def _stage(self, each: StageCount) -> Stage:
        pace = self._paces.get(each.name)
        left = max(0, each.total - each.done)
        rate = pace.rate() if pace and left else None
        return Stage(
            name=each.name,
            done=each.done,
            total=each.total,
            failed=each.failed,
            rate=None if rate is None else round(rate, 2),
            eta_s=round(left / rate, 1) if rate else None,
            last_error=each.last_error,
        )
