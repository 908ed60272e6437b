"""The phase `answer`: from a question to an answer with a citation behind every sentence, with or without a model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import aclosing
from typing import TYPE_CHECKING, cast

from agents.answering.ports import Extractor, Searcher
from agents.answering.steps import AnswerSteps
from agents.phases import PhaseEvent, RunRequest
from knowledge.ports import Embedder

if TYPE_CHECKING:
    from agents.answering.graph import Graph

THREADS = 2
"""Searches at once: they compute, so more would only take the processor from answers being streamed."""


class AnswerPhase:
    """Answers from the knowledge bases of a request. Compiled at its first use, or by `prepare`."""

    name = "answer"

    def __init__(
        self,
        *,
        searcher: Searcher,
        extractor: Extractor,
        embedder: Embedder | None = None,
        executor: Executor | None = None,
    ) -> None:
        """`embedder` helps to check what a model wrote in another language than its sources; a fast one."""
        self._steps = AnswerSteps(
            searcher=searcher,
            extractor=extractor,
            embedder=embedder,
            executor=executor or ThreadPoolExecutor(THREADS, thread_name_prefix="answer"),
        )
        self._graph: Graph | None = None

    def prepare(self) -> None:
        """Compile the graph now, which imports LangGraph. May be called in a thread."""
        from agents.answering.graph import compile_answer

        self._graph = compile_answer(self._steps)

    async def stream(self, request: RunRequest) -> AsyncGenerator[PhaseEvent, None]:
        """The events of an answer, an Outcome last. Raises what the model and the knowledge floor raise."""
        if self._graph is None:
            await asyncio.to_thread(self.prepare)
        from agents.answering.graph import RECURSION_LIMIT

        assert self._graph is not None
        stream = self._graph.astream(
            {}, config={"recursion_limit": RECURSION_LIMIT}, context=request, stream_mode="custom"
        )
        async with aclosing(cast("AsyncGenerator[PhaseEvent, None]", stream)) as events:
            async for event in events:
                yield event
