"""Several agents at the same time, and what they wrote joined in their order."""

from __future__ import annotations

import asyncio

from agents.phases.definition import ParallelAgent
from agents.scheduler.approvals import Parked
from agents.scheduler.performance import TurnResult
from agents.scheduler.turns import Turn, take

ABANDON_S = 1.0
"""How long branches that are stopped may take to let go of what they do."""


async def act(turn: Turn) -> TurnResult:
    """The turn of a fan-out. A branch that fails, or waits for somebody, lets the others finish first; what they did is
    recorded. Raises what the first of them raised, and Parked with all that the branches ask."""
    agent = turn.agent
    assert isinstance(agent, ParallelAgent)
    branches = [
        turn.below(name, turn.task, live=False, branch=f"branch.{number}")
        for number, name in enumerate(agent.branches, 1)
    ]
    tasks = [asyncio.create_task(take(branch)) for branch in branches]
    try:
        await asyncio.wait(tasks)
    finally:
        for task in tasks:
            task.cancel()
        if any(not task.done() for task in tasks):
            await asyncio.wait(tasks, timeout=ABANDON_S)
    results = _results(tasks)
    for branch, result in zip(branches, results, strict=True):
        turn.influenced = turn.influenced or result.influenced
        if branch.speaks and turn.live:
            below = branch
            below.live = True
            await below.tell(result.text)
    text = "\n\n".join(f"{name}: {each.text}" for name, each in zip(agent.branches, results, strict=True) if each.text)
    said = any(branch.speaks for branch in branches)
    return TurnResult(text=text if not turn.speaks or said else await turn.tell(text), said=turn.speaks or said)


def _results(tasks: list[asyncio.Task[TurnResult]]) -> list[TurnResult]:
    errors = [error for task in tasks if (error := task.exception()) is not None]
    for error in errors:
        if not isinstance(error, Parked):
            raise error
    parked = [error for error in errors if isinstance(error, Parked)]
    if parked:
        raise Parked([asked for error in parked for asked in error.asked])
    return [task.result() for task in tasks]
