"""The four steps of an answer: understand the question, retrieve, answer, verify."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import TypedDict, TypeVar

from agents.answering import found, wording
from agents.answering.deltas import DeltaWriter
from agents.answering.greetings import greets
from agents.answering.ports import Extractor, Searcher
from agents.answering.prompting import grounded_messages, plain_messages, within_budget
from agents.answering.quoting import quote
from agents.citations.checking import check_citations
from agents.citations.support import PassageBacking
from agents.errors import AgentError, ModelUnavailable
from agents.events import Cited, Mode, Nearest, TextDelta, UsageReported
from agents.phases import Outcome, PhaseEvent, RunRequest
from agents.ports import ChatModel, Message, TextPiece
from agents.sanitising.addresses import hosts_of
from agents.sanitising.inline import keep_valid
from agents.sanitising.stream import Sanitiser
from knowledge.ports import Embedder
from knowledge.retrieval.followup import contextualise
from knowledge.retrieval.retriever import SearchResult
from knowledge.text.analysis import language_of, query_terms
from knowledge.types import Language, Passage

Result = TypeVar("Result")
Emit = Callable[[PhaseEvent], None]


class AnswerState(TypedDict, total=False):
    """What the steps hand on; each fills in its own part."""

    query: str
    language: Language
    result: SearchResult
    text: str
    mode: Mode
    answered: bool
    nearest: tuple[Nearest, ...]
    passages: tuple[Passage, ...]
    cited: Cited
    detail: str


_NOTHING = SearchResult(hits=(), passages=(), language="en", degraded=())


class AnswerSteps:
    """The steps over their ports; each takes the state and the request, emits events and returns what it found out.

    What computes runs in threads of `executor`, so that answers being streamed at the same time do not falter.
    """

    def __init__(
        self, *, searcher: Searcher, extractor: Extractor, embedder: Embedder | None, executor: Executor
    ) -> None:
        self._searcher = searcher
        self._extractor = extractor
        self._embedder = embedder
        self._executor = executor

    async def understand(self, state: AnswerState, request: RunRequest, emit: Emit) -> AnswerState:
        """A follow-up is made whole with the questions before it."""
        earlier = [said.content for said in request.history if said.role == "user" and not greets(said.content)]
        query = request.question
        if earlier and not greets(query):
            query = await self._compute(contextualise, query, earlier)
        language = language_of(request.question)
        return {"query": query, "language": language, "detail": query if query != request.question else ""}

    async def retrieve(self, state: AnswerState, request: RunRequest, emit: Emit) -> AnswerState:
        result = _NOTHING
        if request.knowledge_bases and not _idle(state, request):
            search = partial(
                self._searcher.search,
                knowledge_bases=request.knowledge_bases,
                top_k=request.top_k,
                filters=request.filters,
            )
            result = await self._compute(search, state["query"])
        emit(found.retrieved(state["query"], result))
        return {"result": result}

    async def answer(self, state: AnswerState, request: RunRequest, emit: Emit) -> AnswerState:
        if request.model is not None and (state["result"].passages or not request.knowledge_bases):
            return await self._write(request.model, state, request, emit)
        if not request.knowledge_bases:
            return _told(wording.say("unchosen", state["language"]), (), emit)
        if _idle(state, request):
            return _told(wording.say("unasked", state["language"]), (), emit)
        return await self._quote(state, emit)

    async def verify(self, state: AnswerState, request: RunRequest, emit: Emit) -> AnswerState:
        """Quotations are cited exactly as they were set; what a model wrote is looked up sentence by sentence."""
        cited = state.get("cited")
        if cited is None:
            backing = PassageBacking(self._embedder)
            cited = await self._compute(check_citations, state["text"], state["passages"], backing)
            if not state["answered"]:
                # What the passages do not say cannot be cited.
                cited = replace(cited, uncited=())
        emit(cited)
        supported = sum(citation.supported for citation in cited.citations)
        return {"detail": f"{supported}/{len(cited.citations)}" if cited.citations else ""}

    async def _quote(self, state: AnswerState, emit: Emit) -> AnswerState:
        result = state["result"]
        answer = await self._compute(self._extractor.answer, state["query"], result)
        pages = found.nearest(answer.nearest)
        hosts = hosts_of([passage.document.url for passage in result.passages])
        quoted = quote(answer.segments, result.passages, hosts)
        if not answer.answered or not quoted.pieces:
            return _told(wording.say("unanswered" if pages else "nothing", state["language"]), pages, emit)
        for piece in quoted.pieces:
            emit(TextDelta(text=piece))
        return {
            "text": "".join(quoted.pieces),
            "mode": "extractive",
            "answered": True,
            "nearest": pages,
            "cited": Cited(citations=quoted.citations),
        }

    async def _write(self, model: ChatModel, state: AnswerState, request: RunRequest, emit: Emit) -> AnswerState:
        result = state["result"]
        passages = tuple(within_budget(result.passages))
        messages = (
            grounded_messages(request.question, state["language"], passages, request.history)
            if passages
            else plain_messages(request.question, state["language"], request.history)
        )
        numbers: list[int] = []
        sanitiser = Sanitiser(
            hosts=hosts_of([passage.document.url for passage in passages]),
            marker=keep_valid(len(passages), numbers.append),
        )
        text = await _stream(model, messages, sanitiser, emit)
        if not text.strip():
            raise ModelUnavailable(f"{model.name} answered with nothing: ask again, or choose another model.")
        answered = 0 not in numbers
        state = {"text": text, "mode": "model", "answered": answered, "passages": passages}
        state["nearest"] = () if answered else found.nearest(passage.document for passage in passages)
        return state if passages else {**state, "cited": Cited(citations=())}

    async def _compute(self, call: Callable[..., Result], *arguments: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call, *arguments)


def _idle(state: AnswerState, request: RunRequest) -> bool:
    """Whether nothing is asked of the documents; a model may answer to that, quotations cannot."""
    return request.model is None and (greets(request.question) or not query_terms(state["query"]))


def outcome(state: AnswerState) -> Outcome:
    """How the phase ended, once all steps are done."""
    return Outcome(answered=state["answered"], mode=state["mode"], nearest=state["nearest"])


def _told(text: str, pages: tuple[Nearest, ...], emit: Emit) -> AnswerState:
    """An answer of the product's own that there is none."""
    emit(TextDelta(text=text))
    return {
        "text": text,
        "mode": "extractive",
        "answered": False,
        "nearest": pages,
        "cited": Cited(citations=()),
    }


async def _stream(model: ChatModel, messages: tuple[Message, ...], sanitiser: Sanitiser, emit: Emit) -> str:
    writer = DeltaWriter(sanitiser, lambda text: emit(TextDelta(text=text)))
    try:
        async with aclosing(model.stream(messages)) as events:
            async for event in events:
                if isinstance(event, TextPiece):
                    writer.feed(event.text)
                else:
                    emit(UsageReported(input_tokens=event.input_tokens, output_tokens=event.output_tokens))
    except AgentError:
        writer.finish()
        raise
    finally:
        writer.stop()
    writer.finish()
    return writer.text
