"""/v1/chat/completions and /v1/models: the phases, for programs that speak the OpenAI protocol.

A completion is not stored: the conversation belongs to the client, and ends when the client goes away.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Send
from starlette.types import Scope as ASGIScope

from agents.citations.unfinished import check_unfinished
from agents.events import Cited, Retrieved, RunEvent, RunFailed, RunFinished, TextDelta, UsageReported
from agents.evidence import Citation
from agents.messages.parts import Message
from agents.phases.context import RunContext
from agents.phases.spec import RunSpec
from backend.api.context import Caller, Here
from backend.api.openai_cut import CutReason
from backend.api.openai_errors import openai_error
from backend.api.openai_parameters import ModelNotFound, check_parameters, cut_of, instructions_of, sampling_of
from backend.api.openai_shapes import (
    Annotation,
    AnswerMessage,
    ChatCompletion,
    ChatRequest,
    Choice,
    ModelCard,
    ModelList,
    UrlCitation,
    Usage,
)
from backend.api.openapi import problems
from backend.api.streams import EVENT
from backend.bootstrap import Container
from backend.errors import Invalid, status_of
from backend.knowledge_bases.selection import resolve
from backend.limits import LONGEST_QUESTION
from backend.phases.choosing import chosen_phase
from backend.phases.store import PhaseStore
from backend.runs.capacity import Capacity
from backend.runs.unstored import unstored_events
from knowledge.types import Scope

router = APIRouter(prefix="/v1", tags=["OpenAI protocol"])

_STREAMED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The completion; with `stream` its chunks as server-sent events, the citations in the last.",
        "model": ChatCompletion,
        "content": {"text/event-stream": {"schema": EVENT}},
    }
}
_DONE = b"data: [DONE]\n\n"


@dataclass(kw_only=True, slots=True)
class _Answer:
    """What the run has said so far; `text` is what its caller is sent of it."""

    text: list[str] = field(default_factory=list)
    citations: tuple[Citation, ...] = ()
    usage: Usage = field(default_factory=Usage)
    retrieved: Retrieved | None = None
    finish_reason: CutReason = "stop"
    finished: RunFinished | None = None
    failed: RunFailed | None = None

    def note(self, event: RunEvent) -> None:
        if isinstance(event, Retrieved):
            before = self.retrieved.passages if self.retrieved is not None else ()
            self.retrieved = replace(event, passages=(*before, *event.passages))
        elif isinstance(event, Cited):
            self.citations = event.citations
        elif isinstance(event, UsageReported):
            self.usage.prompt_tokens += event.input_tokens
            self.usage.completion_tokens += event.output_tokens
            self.usage.total_tokens += event.input_tokens + event.output_tokens
        elif isinstance(event, RunFinished):
            self.finished = event
        elif isinstance(event, RunFailed):
            self.failed = event


@router.get("/models")
def list_phase_models(container: Here, scope: Caller) -> ModelList:
    """The phases, as models."""
    return ModelList(data=[ModelCard(id=name, created=0) for name in container.phases.names(scope)])


@router.get("/models/{model}", responses=problems(404))
def get_phase_model(model: str, container: Here, scope: Caller) -> ModelCard:
    """One phase, as a model."""
    _check(container, scope, model)
    return ModelCard(id=model, created=0)


@router.post("/chat/completions", response_model=None, responses={**_STREAMED, **problems(404, 429, 502, 503)})
async def complete_chat(body: ChatRequest, request: Request, container: Here, scope: Caller) -> Response:
    """Answer the last user message, with the messages before it as the conversation."""
    await container.in_thread(_check, container, scope, body.model)
    check_parameters(body)
    container.capacity.check_room()
    run = await container.in_thread(_context, container, scope, body)
    base_url = container.settings.api.url.rstrip("/") or str(request.base_url).rstrip("/")
    if body.stream:
        chunks = _chunks(container, run, body, base_url)
        return _CompletionStream(container.capacity, chunks)
    with container.capacity.room():
        answer = await _until_gone(request, _whole(container, run, body))
    if answer is None:
        return Response(status_code=499)
    if answer.failed is not None or answer.finished is None:
        code = answer.failed.code if answer.failed else "internal_error"
        message = answer.failed.message if answer.failed else "The answer broke off."
        return openai_error(500 if code == "internal_error" else status_of(code), code, message)
    return Response(_completion(run, body, answer, answer.finished, base_url), media_type="application/json")


def _check(container: Container, scope: Scope, model: str) -> None:
    with container.database.read() as connection:
        if model not in container.phases.reserved and PhaseStore(connection, scope).find(model) is None:
            message = f"There is no model {model[:100]!r}; GET /v1/models lists those there are."
            raise ModelNotFound("model", message)


def _context(container: Container, scope: Scope, body: ChatRequest) -> RunContext:
    spoken = [message for message in body.messages if message.role in ("user", "assistant") and message.text.strip()]
    if not spoken or spoken[-1].role != "user":
        raise Invalid("The last message must be one of the user, with text.")
    if len(spoken[-1].text) > LONGEST_QUESTION:
        raise Invalid(f"The question is longer than {LONGEST_QUESTION:,} characters.")
    with container.database.read() as connection:
        bases = resolve(connection, scope, body.knowledge_bases or [])
        phase = chosen_phase(connection, container.phases, container.abilities, scope, body.model)
    spec = RunSpec(
        question=spoken[-1].text,
        phase=body.model,
        phase_version=phase.version,
        scope=scope,
        knowledge_bases=bases,
        filters=body.filters.chosen() if body.filters is not None else None,
        model=body.language_model,
    )
    history = [Message.of("user" if each.role == "user" else "assistant", each.text) for each in spoken[:-1]]
    return container.contexts.of(spec, history, sampling_of(body), instructions_of(body))


async def _said(container: Container, run: RunContext, body: ChatRequest, answer: _Answer) -> AsyncGenerator[str, None]:
    """The text that the caller is sent, as it comes; what else the run tells is noted in `answer`.

    An answer that is cut costs no more than it has to: a model that writes on is stopped, and what it has written is
    checked as an answer that was broken off.
    """
    cut = cut_of(body)
    async with aclosing(unstored_events(container.runner, container.metrics, run)) as events:
        async for event in events:
            answer.note(event)
            if isinstance(event, TextDelta) and (text := cut.feed(event.text)):
                answer.text.append(text)
                yield text
            if cut.reason is not None and run.model is not None:
                break
    if answer.failed is None and cut.reason is None:
        rest = cut.feed(_listed(answer.finished) if answer.finished else "") + cut.rest()
        if rest:
            answer.text.append(rest)
            yield rest
    if cut.reason is not None:
        await _end_early(run, answer, cut.reason)


async def _end_early(run: RunContext, answer: _Answer, reason: CutReason) -> None:
    text = "".join(answer.text)
    answer.finish_reason = reason
    if answer.finished is None and answer.failed is None:
        answer.finished = RunFinished(text=text, verdict="answered", mode=run.mode)
        if answer.retrieved is not None:
            answer.citations = (await asyncio.to_thread(check_unfinished, text, answer.retrieved)).citations
    answer.citations = tuple(each for each in answer.citations if each.answer_end <= len(text))


async def _whole(container: Container, run: RunContext, body: ChatRequest) -> _Answer:
    answer = _Answer()
    async with aclosing(_said(container, run, body, answer)) as pieces:
        async for _ in pieces:
            pass
    return answer


async def _until_gone(request: Request, work: Any) -> _Answer | None:
    """The result of the work; None, and the work stopped, when the client goes away before."""
    task = asyncio.ensure_future(work)

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        task.cancel()

    watching = asyncio.create_task(watch())
    try:
        answer: _Answer = await task
        return answer
    except asyncio.CancelledError:
        if watching.done():
            return None
        raise
    finally:
        watching.cancel()
        task.cancel()


async def _chunks(container: Container, run: RunContext, body: ChatRequest, base_url: str) -> AsyncIterator[bytes]:
    answer = _Answer()
    usage = body.stream_options is not None and bool(body.stream_options.include_usage)
    frame = _Frame(run, body.model, usage)
    yield frame.chunk({"role": "assistant", "content": "", "refusal": None})
    async with aclosing(_said(container, run, body, answer)) as pieces:
        async for text in pieces:
            yield frame.chunk({"content": text})
    if answer.failed is not None:
        error = {"message": answer.failed.message, "type": "server_error", "param": None, "code": answer.failed.code}
        yield f"data: {json.dumps({'error': error})}\n\n".encode()
        return
    annotations = [each.model_dump() for each in _annotations(answer.citations, base_url)]
    yield frame.chunk({"annotations": annotations} if annotations else {}, finish_reason=answer.finish_reason)
    if usage:
        yield frame.last(answer.usage)
    yield _DONE


class _CompletionStream(StreamingResponse):
    """A stream of chunks that counts as long as it lasts. Raises Busy before its beginning when there is no room."""

    media_type = "text/event-stream"

    def __init__(self, capacity: Capacity, chunks: AsyncIterator[bytes]) -> None:
        super().__init__(chunks, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._capacity = capacity

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        with self._capacity.room():
            await super().__call__(scope, receive, send)


class _Frame:
    """What every chunk of a stream has in common."""

    def __init__(self, run: RunContext, model: str, usage: bool) -> None:
        self._common = {
            "id": f"chatcmpl-{run.run_id}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": model,
            "system_fingerprint": None,
        }
        self._usage: dict[str, Any] = {"usage": None} if usage else {}

    def chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return self._encode({**self._common, "choices": [choice], **self._usage})

    def last(self, usage: Usage) -> bytes:
        return self._encode({**self._common, "choices": [], "usage": usage.model_dump()})

    def _encode(self, chunk: dict[str, Any]) -> bytes:
        return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode(errors="replace")


def _completion(run: RunContext, body: ChatRequest, answer: _Answer, finished: RunFinished, base_url: str) -> str:
    message = AnswerMessage(content="".join(answer.text), annotations=_annotations(answer.citations, base_url))
    return ChatCompletion(
        id=f"chatcmpl-{run.run_id}",
        created=int(time.time()),
        model=body.model,
        choices=[Choice(message=message, finish_reason=answer.finish_reason)],
        usage=answer.usage,
        verdict=finished.verdict,
        answered=finished.answered,
        mode=finished.mode,
    ).model_dump_json()


def _listed(finished: RunFinished) -> str:
    """The pages worth opening when nothing answers, as the end of the text: these clients draw nothing else."""
    if finished.verdict != "nothing" or not finished.nearest:
        return ""
    return "\n\n" + "\n".join(f"- {each.title} ({each.path})" for each in finished.nearest)


def _annotations(citations: tuple[Citation, ...], base_url: str) -> list[Annotation]:
    return [Annotation(url_citation=_url_citation(citation, base_url)) for citation in citations]


def _url_citation(citation: Citation, base_url: str) -> UrlCitation:
    here = f"{base_url}/api/v1/knowledge-bases/{citation.knowledge_base_id}/documents/{citation.document_id}/content"
    if citation.call is not None:
        here = f"{base_url}/api/v1/audit/{citation.call.audit_id}"
    return UrlCitation.model_validate(
        {
            **asdict(citation),
            "heading_path": list(citation.heading_path),
            "url": citation.url or here,
            "start_index": citation.answer_start,
            "end_index": citation.answer_end,
        }
    )
