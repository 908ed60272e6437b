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
from agents.answering.deltas import DeltaWriter, feed_in_turns
from agents.answering.greetings import asks_of_us, greets
from agents.answering.ports import Extractor, Introduce, SearcherFor
from agents.answering.prompting import grounded_messages, plain_messages, within_budget
from agents.answering.quoting import quote
from agents.citations.checking import check_citations
from agents.citations.support import PassageBacking
from agents.errors import AgentError, ModelUnavailable
from agents.events import Cited, Mode, TextDelta, UsageReported
from agents.evidence import Nearest
from agents.messages.parts import Message
from agents.phases.context import RunContext
from agents.phases.emission import Emit
from agents.phases.phase import Outcome
from agents.ports import ChatModel, TextPiece, TokenUsage
from agents.sanitising.addresses import hosts_of
from agents.sanitising.inline import keep_valid
from agents.sanitising.stream import Sanitiser
from knowledge.ports import Embedder
from knowledge.retrieval.followup import contextualise
from knowledge.retrieval.retriever import SearchResult
from knowledge.text.analysis import language_of, query_terms
from knowledge.types import Language, Passage, Verdict

Result = TypeVar("Result")


class AnswerState(TypedDict, total=False):
    """What the steps hand on; each fills in its own part."""

    query: str
    language: Language
    result: SearchResult
    text: str
    mode: Mode
    verdict: Verdict
    """What the passages seemed good for, before a model wrote; how surely the answer answers, after the last step."""
    declined: bool
    nearest: tuple[Nearest, ...]
    passages: tuple[Passage, ...]
    cited: Cited
    detail: str


_NOTHING = SearchResult(hits=(), passages=(), language="en", degraded=())


class AnswerSteps:
    """The steps over their ports; each takes the state and the context, emits events and returns what it found out.

    What computes runs in threads of `executor`, so that answers being streamed at the same time do not falter.
    """

    def __init__(
        self,
        *,
        searcher_for: SearcherFor,
        extractor: Extractor,
        embedder: Embedder | None,
        executor: Executor,
        introduce: Introduce | None = None,
    ) -> None:
        self._searcher_for = searcher_for
        self._extractor = extractor
        self._embedder = embedder
        self._executor = executor
        self._introduce = introduce

    async def understand(self, state: AnswerState, context: RunContext, emit: Emit) -> AnswerState:
        """A follow-up is made whole with the questions before it."""
        earlier = [said.text for said in context.history if said.role == "user" and not greets(said.text)]
        query = context.question
        if earlier and not greets(query):
            query = await self._compute(contextualise, query, earlier)
        language = language_of(context.question)
        return {"query": query, "language": language, "detail": query if query != context.question else ""}

    async def retrieve(self, state: AnswerState, context: RunContext, emit: Emit) -> AnswerState:
        result = _NOTHING
        if context.knowledge_bases and not self._idle(state, context):
            search = partial(
                self._searcher_for(context.spec.scope).search,
                knowledge_bases=context.knowledge_bases,
                filters=context.filters,
            )
            result = await self._compute(search, state["query"])
        emit(found.retrieved(state["query"], result))
        return {"result": result}

    async def answer(self, state: AnswerState, context: RunContext, emit: Emit) -> AnswerState:
        if self._introduce is not None and asks_of_us(context.question):
            said = await self._compute(self._introduce, context, state["language"])
            return {**_told(said, (), emit), "verdict": "answered"}
        if context.model is not None and (state["result"].passages or not context.knowledge_bases):
            return await self._write(context.model, state, context, emit)
        if not context.knowledge_bases:
            return _told(wording.say("unchosen", state["language"]), (), emit)
        if self._idle(state, context):
            return _told(wording.say("unasked", state["language"]), (), emit)
        return await self._quote(state, emit)

    async def verify(self, state: AnswerState, context: RunContext, emit: Emit) -> AnswerState:
        """Quotations are cited exactly as they were set; what a model wrote is looked up sentence by sentence."""
        cited = state.get("cited")
        if cited is None:
            backing = PassageBacking(self._embedder)
            cited = await self._compute(check_citations, state["text"], state["passages"], backing)
            if state["declined"]:
                # What the passages do not say cannot be cited.
                cited = replace(cited, uncited=())
            state = _judged(state, cited)
        emit(cited)
        supported = sum(citation.supported for citation in cited.citations)
        changes: AnswerState = {"detail": f"{supported}/{len(cited.citations)}" if cited.citations else ""}
        return {**changes, "verdict": state["verdict"], "nearest": state["nearest"]}

    async def _quote(self, state: AnswerState, emit: Emit) -> AnswerState:
        result = state["result"]
        answer = await self._compute(self._extractor.answer, state["query"], result)
        pages = found.nearest(answer.nearest)
        hosts = hosts_of([passage.document.url for passage in result.passages])
        opening = wording.say("closest", state["language"]) if answer.verdict == "closest" else ""
        quoted = quote(answer.segments, result.passages, hosts, language=state["language"], opening=opening)
        if answer.verdict == "nothing" or not quoted.pieces:
            return _told(wording.say("unanswered" if pages else "nothing", state["language"]), pages, emit)
        for piece in quoted.pieces:
            emit(TextDelta(text=piece))
        return {
            "text": "".join(quoted.pieces),
            "mode": "extractive",
            "verdict": answer.verdict,
            "nearest": pages,
            "cited": Cited(citations=quoted.citations),
        }

    async def _write(self, model: ChatModel, state: AnswerState, context: RunContext, emit: Emit) -> AnswerState:
        result = state["result"]
        passages = tuple(within_budget(result.passages))
        verdict: Verdict = "answered"
        if passages:
            verdict = await self._compute(self._extractor.judge, state["query"], result)
        messages = (
            grounded_messages(
                context.question, state["language"], passages, context.history, verdict, context.instructions
            )
            if passages
            else plain_messages(context.question, state["language"], context.history, context.instructions)
        )
        numbers: list[int] = []
        sanitiser = Sanitiser(
            hosts=hosts_of([passage.document.url for passage in passages]),
            marker=keep_valid(len(passages), numbers.append),
        )
        text = await _stream(model, messages, sanitiser, emit)
        if not text.strip():
            raise ModelUnavailable(f"{model.name} answered with nothing: ask again, or choose another model.")
        written: AnswerState = {"text": text, "mode": "model", "verdict": verdict, "nearest": ()}
        if not passages:
            return {**written, "cited": Cited(citations=())}
        return {**written, "declined": 0 in numbers, "passages": passages}

    def _idle(self, state: AnswerState, context: RunContext) -> bool:
        """Whether nothing is asked of the documents: what is asked of the product itself, it answers; to a greeting a
        model may answer, quotations cannot."""
        if self._introduce is not None and asks_of_us(context.question):
            return True
        return context.model is None and (greets(context.question) or not query_terms(state["query"]))

    async def _compute(self, call: Callable[..., Result], *arguments: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call, *arguments)


def _judged(state: AnswerState, cited: Cited) -> AnswerState:
    """How surely a model's answer answers: by what it says itself, and by what its citations and the words found say.

    It is `answered` only when the passages back half of what it cites, and are about what was asked.
    """
    supported = sum(citation.supported for citation in cited.citations)
    verdict: Verdict = "closest"
    if state["declined"] and not supported:
        verdict = "nothing"
    elif not state["declined"] and 2 * supported >= max(1, len(cited.citations)) and state["verdict"] != "nothing":
        verdict = "answered"
    pages = () if verdict == "answered" else found.nearest(passage.document for passage in state["passages"])
    return {**state, "verdict": verdict, "nearest": pages}


def outcome(state: AnswerState) -> Outcome:
    """How the phase ended, once all steps are done."""
    return Outcome(verdict=state["verdict"], mode=state["mode"], nearest=state["nearest"])


def _told(text: str, pages: tuple[Nearest, ...], emit: Emit) -> AnswerState:
    """An answer of the product's own that there is none."""
    emit(TextDelta(text=text))
    return {
        "text": text,
        "mode": "extractive",
        "verdict": "nothing",
        "nearest": pages,
        "cited": Cited(citations=()),
    }


async def _stream(model: ChatModel, messages: tuple[Message, ...], sanitiser: Sanitiser, emit: Emit) -> str:
    writer = DeltaWriter(sanitiser, lambda text: emit(TextDelta(text=text)))
    try:
        async with aclosing(model.stream(messages)) as events:
            async for event in events:
                if isinstance(event, TextPiece):
                    await feed_in_turns(writer.feed, event.text)
                elif isinstance(event, TokenUsage):
                    emit(UsageReported(input_tokens=event.input_tokens, output_tokens=event.output_tokens))
    except AgentError:
        writer.finish()
        raise
    finally:
        writer.stop()
    writer.finish()
    return writer.text
