"""One budget for a run, over all its attempts: what is recorded counts, and what is used from now on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from agents.errors import BudgetSpent
from agents.phases.definition import BudgetLimits
from agents.phases.spec import Budget

_SAID = {
    "steps": "calls of a model",
    "tool_calls": "calls of tools",
    "tokens": "tokens",
    "seconds": "seconds of work",
    "cost": "cost",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """What a recorded step used."""

    steps: int = 0
    tool_calls: int = 0
    tokens: int = 0
    cost: float = 0.0


def limits_of(declared: BudgetLimits, asked: Budget) -> Budget:
    """The lesser of what a phase allows and what its caller asks for, limit by limit."""
    least: dict[str, Any] = {}
    for each in fields(Budget):
        given = [value for value in (getattr(declared, each.name), getattr(asked, each.name)) if value is not None]
        least[each.name] = min(given) if given else None
    return Budget(**least)


class Meter:
    """Counts what a run uses and says when it has used it up."""

    def __init__(
        self, limits: Budget, recorded: Mapping[str, Any], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._begun = clock()
        entries = [value for value in recorded.values() if isinstance(value, dict)]
        self._worked_before = max((float(each.get("worked", 0.0)) for each in entries), default=0.0)
        self._used: dict[str, float] = {"steps": 0, "tool_calls": 0, "tokens": 0, "cost": 0.0}
        for each in entries:
            for name, count in (each.get("spent") or {}).items():
                self._used[name] += count

    @property
    def worked(self) -> float:
        """Seconds that the run has worked, waiting for people and crashes left out."""
        return self._worked_before + self._clock() - self._begun

    @property
    def seconds_left(self) -> float | None:
        """None when time is not limited."""
        return None if self._limits.seconds is None else max(0.0, self._limits.seconds - self.worked)

    def begin_step(self) -> None:
        """Count a call of a model that is about to be made. Raises BudgetSpent."""
        self._take("steps")

    def begin_call(self) -> None:
        """Count a call of a tool that is about to be made. Raises BudgetSpent."""
        self._take("tool_calls")

    def spend(self, spent: Spent) -> None:
        """Count the tokens and the cost of a call that has been made."""
        self._used["tokens"] += spent.tokens
        self._used["cost"] += spent.cost

    def out_of_time(self) -> BudgetSpent:
        """The error of a run whose seconds are over."""
        return self._spent("seconds", self.worked)

    def _take(self, name: str) -> None:
        for limit in ("tokens", "cost"):
            self._check(limit, self._used[limit])
        self._check("seconds", self.worked)
        self._check(name, self._used[name])
        self._used[name] += 1

    def _check(self, name: str, used: float) -> None:
        allowed = getattr(self._limits, name)
        if allowed is not None and used >= allowed:
            raise self._spent(name, used)

    def _spent(self, name: str, used: float) -> BudgetSpent:
        allowed = getattr(self._limits, name)
        return BudgetSpent(
            f"This run may use {allowed:g} {_SAID[name]} and has used them.",
            limit=name,
            used=round(used, 3),
            allowed=allowed,
        )
