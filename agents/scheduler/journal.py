"""What a run has done for good: recorded with the events that tell of it, so that no attempt does it again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """An entry of a run's journal, given out by a phase among its events and stored in one transaction with them.

    `key` names the step and is the same in every attempt: attempts are the same program over the same journal. `value`
    is JSON: what a model said, what a tool came to, that a call is about to be made, what a person decided. `stored` is
    set once the entry would survive a crash; without it nobody waits.
    """

    key: str
    value: Any
    stored: asyncio.Future[bool] | None = None
