"""Runs that are not stored: whoever asks follows them, and nobody goes on with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from agents.events import RunEvent, RunFailed, RunFinished, UsageReported
from agents.phases.context import RunContext
from agents.phases.spec import RunSpec
from agents.runner import Runner
from backend.knowledge_bases.selection import resolve
from backend.phases.choosing import chosen_phase
from backend.telemetry import Metrics
from knowledge.types import Scope

if TYPE_CHECKING:
    from backend.bootstrap import Container


def unstored_context(container: Container, scope: Scope, question: str, phase: str, bases: Sequence[str]) -> RunContext:
    """What a phase is given for a single question; without `bases`, ids or names, all that there are are asked. Raises
    Missing, UnknownPhase, RequirementMissing, and what opening the model raises."""
    with container.database.read() as connection:
        known = resolve(connection, scope, list(bases))
        chosen = chosen_phase(connection, container.phases, container.abilities, scope, phase)
    spec = RunSpec(question=question, phase=phase, phase_version=chosen.version, scope=scope, knowledge_bases=known)
    return container.contexts.of(spec)


async def unstored_events(runner: Runner, metrics: Metrics, context: RunContext) -> AsyncGenerator[RunEvent, None]:
    """The run's events, counted as those of stored runs are. Closing it ends the run."""
    with metrics.runs_active.track_inprogress():
        async with aclosing(runner.run(context, asyncio.Event())) as events:
            async for event in events:
                if isinstance(event, RunFinished | RunFailed):
                    mode = event.mode if isinstance(event, RunFinished) else context.mode
                    metrics.runs.labels(context.spec.phase, event.kind.removeprefix("run_"), mode).inc()
                if isinstance(event, UsageReported):
                    metrics.tokens.labels("input").inc(event.input_tokens)
                    metrics.tokens.labels("output").inc(event.output_tokens)
                yield event
