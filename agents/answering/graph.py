"""The answer phase as a LangGraph graph. Importing this imports LangGraph, which takes a second: see phase.py."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from agents.answering.steps import AnswerState, AnswerSteps, outcome
from agents.events import StepFinished, StepStarted
from agents.phases.context import RunContext
from agents.phases.emission import Emit

Step = Callable[[AnswerState, RunContext, Emit], Awaitable[AnswerState]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answering:
    """What all steps of one answer are given."""

    context: RunContext
    emit: Emit


Graph = CompiledStateGraph[AnswerState, Answering, AnswerState, AnswerState]


class Node(Protocol):
    def __call__(self, state: AnswerState, *, runtime: Runtime[Answering]) -> Awaitable[AnswerState]: ...


RECURSION_LIMIT = 8
"""Steps a run may take: four, with room for the engine's own. Its default of ten thousand would be no limit."""


def compile_answer(steps: AnswerSteps) -> Graph:
    """The graph understand → retrieve → answer → verify. It is given an Answering as its context, and emits run events
    and at its end an Outcome by that."""
    graph: StateGraph[AnswerState, Answering, AnswerState, AnswerState] = StateGraph(
        AnswerState, context_schema=Answering
    )
    in_order: tuple[tuple[str, Step], ...] = (
        ("understand", steps.understand),
        ("retrieve", steps.retrieve),
        ("answer", steps.answer),
        ("verify", steps.verify),
    )
    before = START
    for name, step in in_order:
        graph.add_node(name, _node(name, step))
        graph.add_edge(before, name)
        before = name
    graph.add_node("finish", _finish)
    graph.add_edge(before, "finish")
    graph.add_edge("finish", END)
    compiled: Any = graph.compile(name="answer")
    return compiled  # type: ignore[no-any-return]


def _node(name: str, step: Step) -> Node:
    """The step as a node that says when it begins and how long it took."""

    async def node(state: AnswerState, *, runtime: Runtime[Answering]) -> AnswerState:
        emit = runtime.context.emit
        emit(StepStarted(step=name, step_id=name))
        begun = time.perf_counter()
        changes = await step(state, runtime.context.context, emit)
        duration = round((time.perf_counter() - begun) * 1000, 3)
        emit(StepFinished(step=name, step_id=name, duration_ms=duration, detail=changes.pop("detail", "")))
        return changes

    return node


async def _finish(state: AnswerState, *, runtime: Runtime[Answering]) -> AnswerState:
    runtime.context.emit(outcome(state))
    return {}
