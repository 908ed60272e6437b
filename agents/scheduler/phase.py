"""A phase that is declared: its definition performed by agents over a graph, an answer journaled step by step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

from agents.answering.phase import AnswerPhase
from agents.errors import BudgetSpent
from agents.phases.context import RunContext
from agents.phases.definition import AnswerAgent, PhaseDefinition
from agents.phases.emission import Emit, emitted
from agents.phases.parts import PhaseParts
from agents.phases.phase import Description, Outcome, PhaseEvent, Requirement, Waiting
from agents.phases.spec import Budget
from agents.scheduler.approvals import Parked
from agents.scheduler.budget import Meter, limits_of
from agents.scheduler.ending import finish, stop
from agents.scheduler.evidence import EvidenceBook
from agents.scheduler.journal import Journal
from agents.scheduler.kinds import KINDS
from agents.scheduler.performance import Performance
from agents.scheduler.positions import most_steps
from agents.scheduler.speaking import Answer
from knowledge.text.analysis import language_of

if TYPE_CHECKING:
    from agents.scheduler.graph import Graph


class DeclaredPhase:
    """Performs a definition. Compiled at its first use, or by `prepare`; serves any number of runs at the same time."""

    def __init__(self, definition: PhaseDefinition, parts: PhaseParts, *, answering: AnswerPhase | None = None) -> None:
        """`answering` is what agents of the kind `answer` do; one may serve all phases."""
        self.definition = definition
        self._parts = parts
        self._answering = answering or AnswerPhase.of(parts)
        self._executor = ThreadPoolExecutor(parts.search_threads, thread_name_prefix=f"phase-{definition.name}")
        self._graph: Graph | None = None

    @classmethod
    def of(cls, definition: PhaseDefinition, parts: PhaseParts) -> DeclaredPhase:
        """The phase made of these parts."""
        return cls(definition, parts)

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def description(self) -> Description:
        return Description(en=self.definition.description.en, zh=self.definition.description.zh)

    @property
    def requires(self) -> frozenset[Requirement]:
        return frozenset(self.definition.requires)

    def prepare(self) -> None:
        """Compile the graph now, which imports LangGraph. May be called in a thread."""
        if any(isinstance(each, AnswerAgent) for each in self.definition.agents.values()):
            self._answering.prepare()
        if not self._answers_alone:
            self._compile()

    def _compile(self) -> None:
        from agents.scheduler.graph import compile_phase

        self._graph = compile_phase(self.definition)

    async def stream(self, context: RunContext) -> AsyncGenerator[PhaseEvent, None]:
        """See Phase.stream. A definition of one agent that answers is the answer phase itself, event by event, unless
        the run has a budget of its own."""
        if self._answers_alone and context.spec.budget == Budget():
            async with aclosing(self._answering.stream(context)) as answer:
                async for event in answer:
                    yield event
            return
        async with aclosing(emitted(partial(self._perform, context))) as events:
            async for event in events:
                yield event

    @property
    def _answers_alone(self) -> bool:
        agents, chains = self.definition.agents, self.definition.chains
        first = agents.get(chains[0].agents[0])
        plain = isinstance(first, AnswerAgent) and first.model is None and self.definition.memory == "thread"
        return plain and len(agents) == len(chains) == len(chains[0].agents) == chains[0].rounds == 1

    async def _perform(self, context: RunContext, emit: Emit) -> None:
        work = self._begun(context, emit)
        end: Outcome | Waiting
        try:
            await self._worked(work)
            end = await finish(work)
        except Parked as parked:
            end = Waiting(asked={"approvals": [dict(each) for each in parked.asked]})
        except BudgetSpent as error:
            end = await stop(work, error)
        emit(end)

    async def _worked(self, work: Performance) -> None:
        """Go through the graph, as long as there is time. Raises BudgetSpent, Parked, and what agents raise."""
        if self._graph is None:
            await asyncio.to_thread(self._compile)
        assert self._graph is not None
        limit = asyncio.timeout(work.meter.seconds_left)
        try:
            async with limit:
                await self._graph.ainvoke({}, context=work, config={"recursion_limit": most_steps(self.definition)})
        except TimeoutError:
            if not limit.expired():
                raise
            raise work.meter.out_of_time() from None

    def _begun(self, context: RunContext, emit: Emit) -> Performance:
        meter = Meter(limits_of(self.definition.budget, context.spec.budget), context.journal)
        evidence = EvidenceBook(context.journal)
        return Performance(
            definition=self.definition,
            context=context,
            parts=self._parts,
            emit=emit,
            journal=Journal(context.journal, emit, lambda: meter.worked),
            meter=meter,
            evidence=evidence,
            answer=Answer(emit, evidence),
            answering=self._answering,
            executor=self._executor,
            language=language_of(context.question),
            acts=KINDS,
        )
