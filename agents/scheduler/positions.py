"""Where in a phase its run is: positions of agents in chains, and which one follows on which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agents.phases.definition import ChainDefinition, CheckerAgent, Condition, PhaseDefinition, SelectorAgent
from agents.scheduler.checker import REJECTED
from agents.scheduler.performance import Board

FINISH = "finish"


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """An agent at its place in a chain."""

    chain: ChainDefinition
    index: int

    @property
    def agent(self) -> str:
        return self.chain.agents[self.index]

    @property
    def name(self) -> str:
        """Names it among all positions of a phase."""
        return f"{self.chain.name}.{self.index + 1}.{self.agent}"


def positions(definition: PhaseDefinition) -> Iterator[Position]:
    """All of them, in order."""
    for chain in definition.chains:
        for index in range(len(chain.agents)):
            yield Position(chain=chain, index=index)


def placed(definition: PhaseDefinition) -> frozenset[str]:
    """The agents that have a place in a chain; the others have their turns within those of others."""
    return frozenset(name for chain in definition.chains for name in chain.agents)


def most_steps(definition: PhaseDefinition) -> int:
    """More steps than a run can take over the graph of its positions."""
    returns = sum(agent.max_returns for agent in definition.agents.values() if isinstance(agent, CheckerAgent))
    return 10 + sum((chain.rounds + returns) * len(chain.agents) for chain in definition.chains) * 2


def first(definition: PhaseDefinition, board: Board) -> str:
    """Where a run begins."""
    return _from_chain(definition, board, 0)


def following(definition: PhaseDefinition, board: Board, position: Position) -> str:
    """Where a run goes on when the agent at a position has had its turn: back to work that was rejected, to the next
    agent, into another round, or into the next chain whose condition holds."""
    back = _returned(definition, board, position)
    if back is not None:
        return back
    chain = position.chain
    following = _from_index(definition, board, chain, position.index + 1)
    if following is not None:
        return following
    board.rounds[chain.name] += 1
    if board.rounds[chain.name] < chain.rounds and not any(holds(each, board) for each in chain.until):
        again = _from_index(definition, board, chain, 0)
        if again is not None:
            return again
    return _from_chain(definition, board, definition.chains.index(chain) + 1)


def holds(condition: Condition, board: Board) -> bool:
    """Whether the last result of an agent is (or with `negate` is not) that of the condition; an agent that has had no
    turn has no result, so nothing holds of it."""
    result = board.results.get(condition.agent)
    return result is not None and (result == condition.result) != condition.negate


def _returned(definition: PhaseDefinition, board: Board, position: Position) -> str | None:
    agent = definition.agents[position.agent]
    if not isinstance(agent, CheckerAgent) or board.results.get(position.agent) != REJECTED:
        return None
    before = [index for index in range(position.index) if position.chain.agents[index] == agent.checks]
    if not before or board.sent_back[position.name] >= agent.max_returns:
        return None
    board.sent_back[position.name] += 1
    return Position(chain=position.chain, index=before[-1]).name


def _from_chain(definition: PhaseDefinition, board: Board, index: int) -> str:
    for chain in definition.chains[index:]:
        if chain.when is None or holds(chain.when, board):
            begin = _from_index(definition, board, chain, 0)
            if begin is not None:
                return begin
    return FINISH


def _from_index(definition: PhaseDefinition, board: Board, chain: ChainDefinition, index: int) -> str | None:
    """The first position from there on whose agent no selector before it has passed over."""
    for at in range(index, len(chain.agents)):
        if not _passed_over(definition, board, chain, at):
            return Position(chain=chain, index=at).name
    return None


def _passed_over(definition: PhaseDefinition, board: Board, chain: ChainDefinition, index: int) -> bool:
    name = chain.agents[index]
    for before in chain.agents[:index]:
        agent = definition.agents[before]
        if isinstance(agent, SelectorAgent) and name in agent.choices and before in board.results:
            return board.results[before] != name
    return False
