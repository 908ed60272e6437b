"""A phase's definition as a LangGraph graph: a node for every position, which says itself where to go on.

Importing this imports LangGraph, which takes a second: see phase.py. There is no checkpointer: what must survive a
crash is in the journal of the run, from which every attempt goes through the same nodes again.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command

from agents.answering import found
from agents.events import StepFinished, StepStarted
from agents.phases.definition import CheckerAgent, PhaseDefinition, SelectorAgent
from agents.scheduler.checker import ACCEPTED
from agents.scheduler.evidence import decode_found, encode_found
from agents.scheduler.loops import check_handoffs
from agents.scheduler.performance import Contribution, Performance, TurnResult
from agents.scheduler.positions import FINISH, Position, first, following, placed, positions
from agents.scheduler.turns import Turn, take
from knowledge.retrieval.followup import contextualise

BEGIN = "begin"
RETRIEVE = "retrieve"


class State(TypedDict, total=False):
    """What LangGraph itself carries: nothing but where the run has come to, for those who look at it."""

    at: str


Graph = CompiledStateGraph[State, Performance, State, State]


class Node(Protocol):
    def __call__(self, state: State, *, runtime: Runtime[Performance]) -> Awaitable[Command[str]]: ...


def compile_phase(definition: PhaseDefinition) -> Graph:
    """The graph of a definition. It is given a Performance as its context."""
    graph: StateGraph[State, Performance, State, State] = StateGraph(State, context_schema=Performance)
    places = list(positions(definition))
    names = (*(place.name for place in places), FINISH)
    graph.add_node(BEGIN, _node(_begin), destinations=names)
    graph.add_edge(START, BEGIN)
    for place in places:
        graph.add_node(place.name, _node(partial(_perform, place)), destinations=names)
    graph.add_node(FINISH, _finish)
    graph.add_edge(FINISH, END)
    compiled: Any = graph.compile(name=definition.name)
    return compiled  # type: ignore[no-any-return]


def _node(act: Callable[[Performance], Awaitable[str]]) -> Node:
    async def node(state: State, *, runtime: Runtime[Performance]) -> Command[str]:
        at = await act(runtime.context)
        return Command(goto=at, update={"at": at})

    return node


async def _finish(state: State) -> State:
    return {}


async def _begin(work: Performance) -> str:
    if work.definition.retrieve is not None and work.context.knowledge_bases:
        await _retrieve(work, work.definition.retrieve.top_k)
    return first(work.definition, work.board)


async def _retrieve(work: Performance, top_k: int) -> None:
    """Search before the first agent speaks, once for all attempts."""
    entry = work.journal.find(RETRIEVE)
    if entry is not None:
        work.evidence.add(decode_found(entry))
        return
    context = work.context
    work.emit(StepStarted(step=RETRIEVE, step_id=RETRIEVE))
    begun = time.perf_counter()
    query = context.question
    earlier = [said.text for said in context.history if said.role == "user"]
    if earlier and work.definition.memory == "thread":
        query = await work.compute(contextualise, query, earlier)
    searcher = work.parts.searcher_for(context.spec.scope)
    result = await work.compute(
        searcher.search, query, knowledge_bases=context.knowledge_bases, top_k=top_k, filters=context.filters
    )
    event = found.retrieved(query, result)
    work.evidence.reserve(len(event.passages))
    work.evidence.add(event.passages)
    await work.journal.record(RETRIEVE, {"found": encode_found(event.passages)}, event)
    duration = round((time.perf_counter() - begun) * 1000, 3)
    work.emit(StepFinished(step=RETRIEVE, step_id=RETRIEVE, duration_ms=duration))


async def _perform(position: Position, work: Performance) -> str:
    """The turn of the agent at a position, and where to go on."""
    name, board = position.agent, work.board
    board.visits[position.name] += 1
    agent = work.definition.agents[name]
    turn = Turn(
        work=work,
        name=name,
        agent=agent,
        path=f"{position.name}.{board.visits[position.name]}",
        live=name not in _checked(work.definition),
        influenced=board.influenced,
        speaks=agent.speaks,
        handoffs=(name,),
    )
    result = await take(turn)
    board.returns.pop(name, None)
    speaker, result = await _handed_on(turn, result)
    _take_in(work, speaker, turn, result)
    at = following(work.definition, board, position)
    if isinstance(agent, CheckerAgent):
        await _settle(work, agent, board.results[name], result)
    return at


async def _handed_on(turn: Turn, result: TurnResult) -> tuple[str, TurnResult]:
    """What an agent that a selector chose, and that has no place of its own, comes to; else the result itself."""
    while isinstance(turn.agent, SelectorAgent) and result.result not in placed(turn.work.definition):
        influenced = turn.influenced or result.influenced
        turn = turn.below(result.result)
        turn.influenced = influenced
        check_handoffs(turn.handoffs)
        result = await take(turn)
    return turn.name, result


def _take_in(work: Performance, name: str, turn: Turn, result: TurnResult) -> None:
    board = work.board
    board.influenced = board.influenced or result.influenced
    if result.text.strip():
        board.contributions.append(Contribution(agent=name, text=result.text))
    if turn.speaks and not turn.live:
        board.held[turn.name] = result.text


async def _settle(work: Performance, checker: CheckerAgent, verdict: str, result: TurnResult) -> None:
    """Say what was accepted; keep the reasons for who has to do it again."""
    if verdict == ACCEPTED:
        if (text := work.board.held.pop(checker.checks, None)) is not None:
            await say_held(work, checker.checks, text)
    else:
        work.board.returns[checker.checks] = result.detail or result.text


async def say_held(work: Performance, name: str, text: str) -> None:
    """Say what an agent wrote before."""
    agent = work.definition.agents[name]
    await Turn(work=work, name=name, agent=agent, path=name, speaks=True).tell(text)


def _checked(definition: PhaseDefinition) -> frozenset[str]:
    """The agents whose work somebody may send back: what they write for the user waits for that."""
    return frozenset(agent.checks for agent in definition.agents.values() if isinstance(agent, CheckerAgent))
