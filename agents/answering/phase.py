"""The phase `answer`: from a question to an answer with a citation behind every sentence, with or without a model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

from agents.answering.ports import Extractor, Introduce, SearcherFor
from agents.answering.steps import AnswerSteps
from agents.phases.context import RunContext
from agents.phases.emission import Emit, emitted
from agents.phases.parts import PhaseParts
from agents.phases.phase import Description, PhaseEvent, Requirement
from knowledge.ports import Embedder

if TYPE_CHECKING:
    from agents.answering.graph import Graph


class AnswerPhase:
    """Answers from the knowledge bases of a request. Compiled at its first use, or by `prepare`."""

    name = "answer"
    description = Description(
        en="Answers from the knowledge bases, with a citation behind every sentence.",
        zh="根据知识库回答，每句话都附引用。",
    )
    requires: frozenset[Requirement] = frozenset()

    def __init__(
        self,
        *,
        searcher_for: SearcherFor,
        extractor: Extractor,
        embedder: Embedder | None = None,
        threads: int = 1,
        introduce: Introduce | None = None,
    ) -> None:
        """`embedder` helps to check what a model wrote in another language than its sources; a fast one.

        `threads`: searches at once. They compute, mostly holding the interpreter's lock: two take no less time than one
        after the other, and leave a third of the turns rather than half to the answers being streamed.
        """
        self._steps = AnswerSteps(
            searcher_for=searcher_for,
            extractor=extractor,
            embedder=embedder,
            executor=ThreadPoolExecutor(threads, thread_name_prefix="answer"),
            introduce=introduce,
        )
        self._graph: Graph | None = None

    @classmethod
    def of(cls, parts: PhaseParts) -> AnswerPhase:
        """The phase made of these parts."""
        return cls(
            searcher_for=parts.searcher_for,
            extractor=parts.extractor,
            embedder=parts.embedder,
            threads=parts.search_threads,
            introduce=parts.introduce,
        )

    def prepare(self) -> None:
        """Compile the graph now, which imports LangGraph. May be called in a thread."""
        from agents.answering.graph import compile_answer

        self._graph = compile_answer(self._steps)

    async def stream(self, context: RunContext) -> AsyncGenerator[PhaseEvent, None]:
        """The events of an answer, an Outcome last. Raises what the model and the knowledge floor raise."""
        if self._graph is None:
            await asyncio.to_thread(self.prepare)
        async with aclosing(emitted(partial(self._perform, context))) as events:
            async for event in events:
                yield event

    async def _perform(self, context: RunContext, emit: Emit) -> None:
        from agents.answering.graph import RECURSION_LIMIT, Answering

        assert self._graph is not None
        given = Answering(context=context, emit=emit)
        await self._graph.ainvoke({}, config={"recursion_limit": RECURSION_LIMIT}, context=given)
