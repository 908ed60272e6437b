"""Doing a run: its phase's events, framed by exactly one beginning and exactly one end, whatever happens between."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

from agents.errors import AgentError, CannotWait
from agents.events import FRAME_KINDS, RunCancelled, RunEvent, RunFailed, RunFinished, RunStarted, RunWaiting, TextDelta
from agents.phases.catalogue import PhaseCatalogue
from agents.phases.context import RunContext
from agents.phases.phase import Outcome, Phase, Waiting
from agents.scheduler.journal import Recorded
from knowledge.errors import KnowledgeError

_log = logging.getLogger(__name__)

_INTERNAL = "Something went wrong inside the program; its log says more. Asking again may help."
_NO_OUTCOME = "The phase ended without saying how."

ABANDON_S = 1.5
"""How long an attempt that is stopped may take to let go of what it does."""


class Runner:
    """Does runs by their phase. It keeps nothing of a run, so one serves any number at the same time."""

    def __init__(self, phases: PhaseCatalogue | Iterable[Phase]) -> None:
        self.phases = phases if isinstance(phases, PhaseCatalogue) else PhaseCatalogue(phases)

    async def run(self, context: RunContext, cancel: asyncio.Event) -> AsyncGenerator[RunEvent, None]:
        """The attempt's events: RunStarted first, exactly one of RunFinished, RunFailed, RunCancelled, RunWaiting last.

        Nothing but the cancellation of the calling task is raised. Setting `cancel` ends the run at its next wait, a
        search in a thread excepted, whose result is then dropped. Closing the iterator ends what is under way.

        What the phase records is taken as stored: a run performed so is never begun again.
        """
        async with aclosing(self.perform(context, cancel)) as events:
            async for event in events:
                if isinstance(event, Recorded):
                    for told in event.events:
                        yield told
                    _acknowledge(event)
                else:
                    yield event

    async def perform(self, context: RunContext, cancel: asyncio.Event) -> AsyncGenerator[RunEvent | Recorded, None]:
        """As `run`, with what the phase records among the events, for a caller that stores both in their order."""
        yield run_started(context)
        # The phase runs in a task of its own: cancelling that one leaves the caller's task alone.
        events: asyncio.Queue[RunEvent | Recorded | None] = asyncio.Queue()
        work = asyncio.create_task(self._work(context, cancel, events))
        work.add_done_callback(lambda _: events.put_nowait(None))
        watch = asyncio.create_task(_cancel_when(cancel, work))
        try:
            while (event := await events.get()) is not None:
                yield event
            work.result()
        finally:
            watch.cancel()
            work.cancel()
            # What does not heed its cancellation is left behind: nobody waits for it.
            await asyncio.wait((watch, work), timeout=ABANDON_S)

    async def _work(
        self, context: RunContext, cancel: asyncio.Event, events: asyncio.Queue[RunEvent | Recorded | None]
    ) -> None:
        text: list[str] = []
        try:
            end = await self._follow(context, events, text)
        except asyncio.CancelledError:
            if not cancel.is_set():
                raise
            end = RunCancelled(text="".join(text))
        except (AgentError, KnowledgeError) as error:
            end = RunFailed(code=error.code, message=str(error) or type(error).__name__)
        except Exception:  # the outermost edge of a run: it must end, and say so
            _log.exception("run %s failed", context.run_id)
            end = RunFailed(code="internal_error", message=_INTERNAL)
        events.put_nowait(end)

    async def _follow(
        self, context: RunContext, events: asyncio.Queue[RunEvent | Recorded | None], text: list[str]
    ) -> RunEvent:
        """Hand the phase's events on, whatever they are, gathering `text`; returns the end it came to."""
        phase = await self.phases.phase_for(context)
        begun = time.perf_counter()
        end: Outcome | Waiting | None = None
        async with aclosing(phase.stream(context)) as stream:
            async for event in stream:
                if isinstance(event, Outcome | Waiting):
                    end = event
                    continue
                for each in event.events if isinstance(event, Recorded) else (event,):
                    if each.kind in FRAME_KINDS:
                        raise RuntimeError(f"The phase {phase.name} spoke of a run's beginning or end: {each.kind}.")
                if isinstance(event, TextDelta):
                    text.append(event.text)
                events.put_nowait(event)
        if end is None:
            raise RuntimeError(_NO_OUTCOME)
        if isinstance(end, Waiting):
            return _waiting(context, end)
        return RunFinished(
            text="".join(text),
            verdict=end.verdict,
            mode=end.mode,
            nearest=end.nearest,
            duration_ms=round((time.perf_counter() - begun) * 1000, 3),
        )


def run_started(context: RunContext) -> RunStarted:
    """The first event of an attempt."""
    return RunStarted(
        run_id=context.run_id,
        thread_id=context.thread_id,
        phase=context.spec.phase,
        question=context.question,
        mode=context.mode,
        model=context.model.name if context.model is not None else "",
        attempt=context.attempt,
    )


def _waiting(context: RunContext, end: Waiting) -> RunWaiting:
    if not context.may_wait:
        raise CannotWait(
            f"The phase {context.spec.phase!r} needs an answer in the middle of its work: ask it in a conversation."
        )
    return RunWaiting(asked=dict(end.asked))


def _acknowledge(entry: Recorded) -> None:
    if entry.stored is not None and not entry.stored.done():
        entry.stored.set_result(True)


async def _cancel_when(cancel: asyncio.Event, work: asyncio.Task[None]) -> None:
    await cancel.wait()
    work.cancel()
