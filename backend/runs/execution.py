"""Carrying out stored runs on the agents floor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from agents.events import RunEvent
from agents.runner import Runner
from agents.scheduler.journal import Recorded
from backend.runs.contexts import RunContexts
from backend.runs.types import Run


@dataclass(frozen=True, kw_only=True, slots=True)
class RunExecution:
    """Executes stored runs: what a run needs is read when an attempt begins, by whichever process begins it."""

    runner: Runner
    contexts: RunContexts

    async def __call__(self, run: Run) -> AsyncGenerator[RunEvent | Recorded, None]:
        """What the run's attempt tells and records. Raises what making its context raises."""
        context = await asyncio.to_thread(self.contexts.of_run, run)
        # The service stops a run by cancelling its task, here and from other processes alike; so no event is needed.
        async with aclosing(self.runner.perform(context, asyncio.Event())) as events:
            async for event in events:
                yield event
