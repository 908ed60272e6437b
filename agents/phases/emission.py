"""Handing on what a phase emits while it works, from a task of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

from agents.phases.phase import PhaseEvent

Emit = Callable[[PhaseEvent], None]


async def emitted(perform: Callable[[Emit], Coroutine[Any, Any, None]]) -> AsyncGenerator[PhaseEvent, None]:
    """What `perform` emits, as it comes and in order; afterwards raises what it raised. Closing this ends it.

    LangGraph's own stream of what nodes write makes a task for every piece, a tenth of what an answer costs.
    """
    events: asyncio.Queue[PhaseEvent | None] = asyncio.Queue()
    work = asyncio.create_task(perform(events.put_nowait))
    work.add_done_callback(lambda _: events.put_nowait(None))
    try:
        while (event := await events.get()) is not None:
            yield event
        work.result()
    finally:
        work.cancel()
        await asyncio.wait((work,))
