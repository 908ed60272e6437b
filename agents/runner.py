"""Doing a run: its phase's events, framed by exactly one beginning and exactly one end, whatever happens between."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import assert_never

from agents.errors import AgentError, UnknownPhase
from agents.events import (
    Cited,
    Retrieved,
    RunCancelled,
    RunEvent,
    RunFailed,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    TextDelta,
    UsageReported,
)
from agents.phases import Outcome, Phase, RunRequest
from knowledge.errors import KnowledgeError

_log = logging.getLogger(__name__)

_INTERNAL = "Something went wrong inside the program; its log says more. Asking again may help."
_NO_OUTCOME = "The phase ended without saying how."


class Runner:
    """Runs requests by their phase. It keeps nothing of a run, so one serves any number at the same time."""

    def __init__(self, phases: Iterable[Phase]) -> None:
        self._phases = {phase.name: phase for phase in phases}

    @property
    def phases(self) -> tuple[str, ...]:
        """The names that `RunRequest.phase` may have."""
        return tuple(self._phases)

    async def run(self, request: RunRequest, cancel: asyncio.Event) -> AsyncGenerator[RunEvent, None]:
        """The run's events: RunStarted first, exactly one of RunFinished, RunFailed and RunCancelled last.

        Nothing but the cancellation of the calling task is raised. Setting `cancel` ends the run at its next wait, a
        search in a thread excepted, whose result is then dropped. Closing the iterator ends what is under way.
        """
        yield RunStarted(
            run_id=request.run_id,
            thread_id=request.thread_id,
            phase=request.phase,
            question=request.question,
            mode=request.mode,
            model=request.model.name if request.model is not None else "",
            attempt=request.attempt,
        )
        # The phase runs in a task of its own: cancelling that one leaves the caller's task alone.
        events: asyncio.Queue[RunEvent | None] = asyncio.Queue()
        work = asyncio.create_task(self._work(request, cancel, events))
        work.add_done_callback(lambda _: events.put_nowait(None))
        watch = asyncio.create_task(_cancel_when(cancel, work))
        try:
            while (event := await events.get()) is not None:
                yield event
            work.result()
        finally:
            watch.cancel()
            work.cancel()
            await asyncio.wait((watch, work))

    async def _work(self, request: RunRequest, cancel: asyncio.Event, events: asyncio.Queue[RunEvent | None]) -> None:
        text: list[str] = []
        try:
            end = await self._follow(request, events, text)
        except asyncio.CancelledError:
            if not cancel.is_set():
                raise
            end = RunCancelled(text="".join(text))
        except (AgentError, KnowledgeError) as error:
            end = RunFailed(code=error.code, message=str(error) or type(error).__name__)
        except Exception:  # the outermost edge of a run: it must end, and say so
            _log.exception("run %s failed", request.run_id)
            end = RunFailed(code="internal_error", message=_INTERNAL)
        events.put_nowait(end)

    async def _follow(self, request: RunRequest, events: asyncio.Queue[RunEvent | None], text: list[str]) -> RunEvent:
        """Hand the phase's events on, gathering `text`; returns the end it came to."""
        phase = self._phases.get(request.phase)
        if phase is None:
            raise UnknownPhase(f"There is no phase named {request.phase!r}; there is {', '.join(self._phases)}.")
        begun = time.perf_counter()
        outcome: Outcome | None = None
        async with aclosing(phase.stream(request)) as stream:
            async for event in stream:
                match event:
                    case TextDelta():
                        text.append(event.text)
                        events.put_nowait(event)
                    case StepStarted() | StepFinished() | Retrieved() | Cited() | UsageReported():
                        events.put_nowait(event)
                    case Outcome():
                        outcome = event
                    case _:
                        assert_never(event)
        if outcome is None:
            raise RuntimeError(_NO_OUTCOME)
        return RunFinished(
            text="".join(text),
            answered=outcome.answered,
            mode=outcome.mode,
            nearest=outcome.nearest,
            duration_ms=round((time.perf_counter() - begun) * 1000, 3),
        )


async def _cancel_when(cancel: asyncio.Event, work: asyncio.Task[None]) -> None:
    await cancel.wait()
    work.cancel()


__all__ = ["RunRequest", "Runner"]
