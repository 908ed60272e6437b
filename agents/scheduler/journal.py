"""What a run has done for good: recorded with the events that tell of it, so that no attempt does it again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agents.errors import AttemptLost
from agents.events import RunEvent


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """An entry of a run's journal with the `events` that tell of it, stored together in one transaction.

    `key` names the step and is the same in every attempt: attempts are the same program over the same journal. `value`
    is JSON: what a model said, what a tool came to, that a call is about to be made, what a person decided. `stored` is
    set once the entry would survive a crash; without it nobody waits.
    """

    key: str
    value: Any
    events: tuple[RunEvent, ...] = ()
    stored: asyncio.Future[bool] | None = None


class Journal:
    """What earlier attempts recorded, and recording for those to come."""

    def __init__(
        self, recorded: Mapping[str, Any], give: Callable[[Recorded], None], worked: Callable[[], float]
    ) -> None:
        """`give` hands entries to whoever stores them; `worked` counts the seconds that the run has worked so far."""
        self._recorded = recorded
        self._give = give
        self._worked = worked

    def find(self, key: str) -> Any | None:
        """What is recorded of a step, None when it has not been done."""
        return self._recorded.get(key)

    async def record(self, key: str, value: Mapping[str, Any], *events: RunEvent) -> None:
        """Record a step; returns once it would survive a crash. Raises AttemptLost when it never will."""
        stored: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._give(Recorded(key=key, value=self._dated(value), events=events, stored=stored))
        if not await stored:
            raise AttemptLost("Another process goes on with this run.")

    def note(self, key: str, value: Mapping[str, Any], *events: RunEvent) -> None:
        """Record, if it is not yet, what may be told twice but had better not; waits for nothing."""
        if key not in self._recorded:
            self._give(Recorded(key=key, value=self._dated(value), events=events))

    def _dated(self, value: Mapping[str, Any]) -> dict[str, Any]:
        return {**value, "worked": round(self._worked(), 3)}
