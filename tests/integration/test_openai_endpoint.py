"""The OpenAI protocol, as OpenAI's own client speaks it over a real socket."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, get_type_hints

import httpx2
import openai
import pytest
from openai.types import EmbeddingCreateParams as EmbeddingParameters
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming as CompletionParameters
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming as StreamedParameters

from agents.errors import ModelUnavailable
from agents.events import Retrieved
from agents.evidence import Evidence
from agents.messages.parts import Message
from agents.ports import ChatModel, ModelEvent
from backend.api.openai_parameters import sampling_of
from backend.api.openai_shapes import ChatRequest
from tests.api_client import CITATION, ScriptedPhase, container, serving
from tests.scripted_model import ScriptedServer

QUESTION: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": "How do I install it?"}]


EVIDENCE = Evidence(
    number=1,
    document_id=CITATION.document_id,
    knowledge_base_id=CITATION.knowledge_base_id,
    path=CITATION.path,
    title=CITATION.title,
    url="",
    heading_path=CITATION.heading_path,
    anchor="",
    text="Run it.",
    start=0,
    end=7,
    score=1.0,
)
RETRIEVED = Retrieved(query="", language="en", hits=(), passages=(EVIDENCE,))


async def said(model: ChatModel) -> list[ModelEvent]:
    return [event async for event in model.stream([Message.of("user", "How?")])]


@pytest.fixture
def phase() -> ScriptedPhase:
    return ScriptedPhase()


@pytest.fixture
def url(tmp_path: Path, phase: ScriptedPhase) -> Iterator[str]:
    with serving(tmp_path, phase) as address:
        yield address


@pytest.fixture
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as opened:
        yield opened


def test_phases_are_models(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["answer"]
    assert client.models.retrieve("answer").owned_by == "devops-chatbot"
    with pytest.raises(openai.NotFoundError) as refused:
        client.models.retrieve("gpt-4")
    assert refused.value.code == "model_not_found"


def test_an_answer_with_its_citations(client: openai.OpenAI, url: str) -> None:
    answer = client.chat.completions.create(model="answer", messages=QUESTION)
    choice = answer.choices[0]
    assert (choice.message.role, choice.message.content) == ("assistant", "Run make up. [1]")
    assert choice.finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (7, 3, 10)
    assert choice.message.annotations is not None
    cited = choice.message.annotations[0].url_citation
    assert (cited.start_index, cited.end_index, cited.title) == (0, 16, "Install")
    assert cited.url == f"{url}/api/v1/knowledge-bases/{'b' * 32}/documents/{'d' * 32}/content"
    assert cited.model_extra is not None
    assert cited.model_extra["path"] == "guide/install.md"


def test_an_answer_as_it_is_written(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="answer", messages=QUESTION, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert chunks[0].choices[0].delta.role == "assistant"
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "Run make up. [1]"
    last = chunks[-2].choices[0]
    assert last.finish_reason == "stop"
    assert last.delta.model_extra is not None
    assert last.delta.model_extra["annotations"][0]["url_citation"]["title"] == "Install"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 10
    assert len({chunk.id for chunk in chunks}) == 1


def test_the_conversation_and_our_own_fields_arrive(client: openai.OpenAI, phase: ScriptedPhase) -> None:
    client.chat.completions.create(
        model="answer",
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "developer", "content": [{"type": "text", "text": "Speak like a pirate."}]},
            {"role": "user", "content": "First?"},
            {"role": "assistant", "content": "Yes."},
            {"role": "user", "content": [{"type": "text", "text": "And now?"}]},
        ],
        temperature=0.3,
        extra_body={"filters": {"path_prefixes": ["guide/"]}, "language_model": "none"},
    )
    asked = phase.asked[0]
    assert asked.question == "And now?"
    assert asked.instructions == "Be brief.\n\nSpeak like a pirate."
    assert [(each.role, each.text) for each in asked.history] == [("user", "First?"), ("assistant", "Yes.")]
    assert asked.filters is not None
    assert asked.filters.path_prefixes == ("guide/",)


def test_refusals_have_the_shape_that_clients_read(client: openai.OpenAI, url: str) -> None:
    with pytest.raises(openai.NotFoundError, match="There is no model 'gpt-4'"):
        client.chat.completions.create(model="gpt-4", messages=QUESTION)
    with pytest.raises(openai.BadRequestError) as empty:
        client.chat.completions.create(model="answer", messages=[])
    assert (empty.value.type, empty.value.param) == ("invalid_request_error", "messages")
    with pytest.raises(openai.NotFoundError, match="knowledge base"):
        client.chat.completions.create(model="answer", messages=QUESTION, extra_body={"knowledge_bases": ["no"]})
    with pytest.raises(openai.PermissionDeniedError):
        client.with_options(default_headers={"Origin": "http://evil.example"}).models.list()
    broken = httpx2.post(f"{url}/v1/chat/completions", content=b"{", headers={"Content-Type": "application/json"})
    assert broken.status_code == 400
    assert set(broken.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "tool", "tool_call_id": "1", "content": "42"}, "messages[1].role"),
        ({"role": "function", "name": "f", "content": "42"}, "messages[1].role"),
        ({"role": "assistant", "tool_calls": [{"id": "1"}]}, "messages[1].tool_calls"),
        ({"role": "assistant", "function_call": {"name": "f"}}, "messages[1].function_call"),
        ({"role": "system", "content": "a" * 20_001}, "messages"),
    ],
)
def test_messages_that_no_phase_can_take_are_refused_by_name(url: str, message: dict[str, Any], param: str) -> None:
    body = {"model": "answer", "messages": [*QUESTION, message, *QUESTION]}
    answer = httpx2.post(f"{url}/v1/chat/completions", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


def test_the_nearest_pages_end_an_answer_that_is_none(tmp_path: Path) -> None:
    phase = ScriptedPhase(words=("Nothing answers.",), verdict="nothing")
    with serving(tmp_path, phase) as url, openai.OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as client:
        whole = client.chat.completions.create(model="answer", messages=QUESTION)
        assert whole.choices[0].message.content == "Nothing answers.\n\n- t (p)"
        stream = client.chat.completions.create(model="answer", messages=QUESTION, stream=True)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
        assert text == "Nothing answers.\n\n- t (p)"


def test_a_failing_model_is_said_to_fail(tmp_path: Path) -> None:
    phase = ScriptedPhase(words=("Half",), error=ModelUnavailable("The model is away."))
    with serving(tmp_path, phase) as url, openai.OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as client:
        with pytest.raises(openai.APIStatusError, match="The model is away") as refused:
            client.chat.completions.create(model="answer", messages=QUESTION)
        assert refused.value.status_code == 502
        with pytest.raises(openai.APIError, match="The model is away"):
            list(client.chat.completions.create(model="answer", messages=QUESTION, stream=True))


def test_the_work_stops_when_the_client_goes_away(tmp_path: Path) -> None:
    phase = ScriptedPhase(words=tuple("word " for _ in range(1000)), pause=0.02)
    with serving(tmp_path, phase) as url, openai.OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as client:
        stream = client.chat.completions.create(model="answer", messages=QUESTION, stream=True)
        next(iter(stream))
        stream.close()
        with pytest.raises(openai.APITimeoutError):
            client.with_options(timeout=0.3).chat.completions.create(model="answer", messages=QUESTION)
        deadline = time.monotonic() + 10
        while phase.closed < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert phase.closed == 2


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings(client: openai.OpenAI, encoding: str) -> None:
    made = client.embeddings.create(
        model="hashing",
        input=["restart the pod", "重启"],
        encoding_format=encoding,  # type: ignore[arg-type]
    )
    assert [item.index for item in made.data] == [0, 1]
    raw = client.embeddings.create(model="hashing", input="restart the pod")
    assert len(raw.data[0].embedding) == 64
    assert sum(number * number for number in raw.data[0].embedding) == pytest.approx(1, abs=1e-3)
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model="ada", input="x")
    with pytest.raises(openai.BadRequestError):
        client.embeddings.create(model="hashing", input="x", dimensions=3)


REFUSED: list[tuple[str, object]] = [
    ("n", 2),
    ("n", True),
    ("tools", [{"type": "function", "function": {"name": "f"}}]),
    ("tool_choice", "required"),
    ("functions", [{"name": "f"}]),
    ("function_call", {"name": "f"}),
    ("response_format", {"type": "json_object"}),
    ("modalities", ["audio"]),
    ("audio", {"voice": "alloy", "format": "wav"}),
    ("logprobs", True),
    ("top_logprobs", 3),
    ("logit_bias", {"50256": -100}),
    ("prediction", {"type": "content", "content": "x"}),
    ("moderation", {"model": "omni-moderation-latest"}),
    ("web_search_options", {}),
    ("store", True),
    ("service_tier", "flex"),
    ("verbosity", "high"),
    ("stream_options", {"include_usage": True}),
    ("temperature", 3),
    ("max_tokens", 0),
    ("stop", ["a", "b", "c", "d", "e"]),
    ("best_of", 2),
    ("invented", None),
]


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_what_cannot_be_honoured_is_refused_by_name(client: openai.OpenAI, name: str, value: object) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="answer", messages=QUESTION, extra_body={name: value})
    assert refused.value.type == "invalid_request_error"
    assert refused.value.param == name
    assert name in refused.value.message


HARMLESS: dict[str, object] = {
    "n": 1,
    "stream": False,
    "tools": [],
    "tool_choice": "none",
    "response_format": {"type": "text"},
    "logprobs": False,
    "top_logprobs": 0,
    "logit_bias": {},
    "modalities": ["text"],
    "store": False,
    "service_tier": "auto",
    "parallel_tool_calls": True,
    "seed": 7,
    "temperature": 0,
    "top_p": 1,
    "user": "u",
    "prompt_cache_key": "k",
    "prompt_cache_options": {"mode": "explicit"},
    "metadata": {"a": "b"},
}


def test_what_asks_for_nothing_special_is_taken(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="answer", messages=QUESTION, extra_body=HARMLESS)
    assert answer.choices[0].message.content == "Run make up. [1]"
    names = [name for name, _ in REFUSED if name not in ("best_of", "invented")]
    nulls = dict.fromkeys([*HARMLESS, *names, "stop", "max_tokens", "stream", "frequency_penalty"])
    answer = client.chat.completions.create(model="answer", messages=QUESTION, extra_body=nulls)
    assert answer.choices[0].message.content == "Run make up. [1]"


def asking(**values: Any) -> bytes:
    return json.dumps({"model": "answer", "messages": QUESTION, **values}).encode()


@pytest.mark.parametrize(
    ("path", "needed", "parameters"),
    [
        ("chat/completions", {"model": "answer", "messages": QUESTION}, [CompletionParameters, StreamedParameters]),
        ("embeddings", {"model": "hashing", "input": "x"}, [EmbeddingParameters]),
    ],
)
def test_null_stands_for_every_parameter_that_may_be_left_out(
    url: str, path: str, needed: dict[str, Any], parameters: list[Any]
) -> None:
    """Every one that the protocol's own client knows, and ours."""
    names = {name for each in parameters for name in get_type_hints(each)} - needed.keys()
    assert len(names) > len(needed)
    ours = ["knowledge_bases", "filters", "language_model"] if path == "chat/completions" else []
    answer = httpx2.post(f"{url}/v1/{path}", json={**needed, **dict.fromkeys([*names, *ours])})
    assert answer.status_code == 200, answer.text


def test_every_parameter_is_honoured_or_refused_by_name(url: str) -> None:
    """What the protocol's own client may send is known here: nothing of it is an unknown parameter."""
    names = {name for each in (CompletionParameters, StreamedParameters) for name in get_type_hints(each)}
    for name in sorted(names - {"model", "messages"}):
        body = {"model": "answer", "messages": QUESTION, name: {"no": ["such", "value"]}}
        answer = httpx2.post(f"{url}/v1/chat/completions", json=body)
        if name == "prompt_cache_options":  # asks for nothing, whatever it says
            assert answer.status_code == 200
            continue
        error = answer.json()["error"]
        assert (answer.status_code, error["param"].startswith(name)) == (400, True), error
        assert (error["param"], error["code"]) != (name, "unknown_parameter")


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "chat/completions", b"", 405),
        ("GET", "nowhere", b"", 404),
        ("POST", "chat/completions", b"[]", 400),
        ("POST", "chat/completions", b"null", 400),
        ("POST", "chat/completions", b'{"model": "answer", "messages": [{"role": "assistant", "content": "x"}]}', 400),
        ("POST", "chat/completions", asking(language_model="unheard of"), 400),
        ("POST", "chat/completions", asking(messages=[{"role": "user", "content": "x" * 100_001}]), 400),
        ("POST", "chat/completions", b"\xff", 400),
        ("POST", "embeddings", b"{}", 400),
    ],
    ids=lambda value: str(value)[:60],
)
def test_whatever_is_wrong_is_told_in_the_shape_that_clients_read(
    url: str, method: str, path: str, content: bytes, status: int
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = httpx2.request(method, f"{url}/v1/{path}", content=content, headers=headers)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"


def test_pictures_are_refused(client: openai.OpenAI) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}
    with pytest.raises(openai.BadRequestError, match="image_url") as refused:
        client.chat.completions.create(model="answer", messages=[{"role": "user", "content": [picture]}])  # type: ignore[list-item, misc]
    assert refused.value.param == "messages[0].content[0]"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("asked", "text", "reason"),
    [
        ({"stop": " up"}, "Run make", "stop"),
        ({"stop": ["up. [", "nowhere"]}, "Run make ", "stop"),
        ({"stop": "nowhere"}, "Run make up. [1]", "stop"),
        ({"max_tokens": 2}, "Run make", "length"),
        ({"max_completion_tokens": 1, "max_tokens": 5}, "Run", "length"),
        ({"max_tokens": 1000}, "Run make up. [1]", "stop"),
        ({"max_tokens": 3, "stop": "make"}, "Run ", "stop"),
    ],
)
def test_an_answer_ends_where_it_is_asked_to(
    client: openai.OpenAI, asked: dict[str, object], text: str, reason: str, stream: bool
) -> None:
    if stream:
        chunks = list(client.chat.completions.create(model="answer", messages=QUESTION, stream=True, extra_body=asked))
        choices = [chunk.choices[0] for chunk in chunks]
        assert "".join(choice.delta.content or "" for choice in choices) == text
        assert choices[-1].finish_reason == reason
        return
    choice = client.chat.completions.create(model="answer", messages=QUESTION, extra_body=asked).choices[0]
    assert (choice.message.content, choice.finish_reason) == (text, reason)
    assert all(each.url_citation.end_index <= len(text) for each in choice.message.annotations or ())


def test_a_cut_answer_of_a_model_stops_the_model_and_keeps_its_citations(tmp_path: Path) -> None:
    phase = ScriptedPhase(words=("Run it. [1] ", *("on and on " for _ in range(1000))), pause=0.01, retrieved=RETRIEVED)
    model = {"base_url": "http://127.0.0.1:9/v1", "name": "m"}
    with (
        serving(tmp_path, phase, model=model) as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as client,
    ):
        answer = client.chat.completions.create(model="answer", messages=QUESTION, max_tokens=8)
        choice = answer.choices[0]
        assert choice.finish_reason == "length"
        assert choice.message.annotations is not None
        assert [each.url_citation.title for each in choice.message.annotations] == ["Install"]
    assert phase.closed == 1


async def test_a_model_is_asked_to_sample_as_the_caller_asks(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        model = {"base_url": server.base_url, "name": "scripted"}
        with closing(container(tmp_path, model=model)) as made:
            body = ChatRequest.model_validate(
                {"model": "answer", "messages": QUESTION, "temperature": 0.3, "seed": 7, "top_p": None}
            )
            stored = made.models.from_settings()
            assert stored is not None
            await said(made.models.chat_model(stored, sampling_of(body)))
            await made.catalogue.aclose()
        asked = server.application.requests[0]
    assert (asked["temperature"], asked["seed"]) == (0.3, 7)
    assert "top_p" not in asked


def test_completions_embeddings_and_runs_share_one_limit(tmp_path: Path) -> None:
    phase = ScriptedPhase(words=tuple("word " for _ in range(1000)), pause=0.02)
    with (
        serving(tmp_path, phase, runs={"max_active": 2}) as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as client,
    ):
        thread = httpx2.post(f"{url}/api/v1/threads", json={}).json()["id"]
        run = httpx2.post(f"{url}/api/v1/threads/{thread}/runs", json={"input": "How?"}).json()["id"]
        stream = client.chat.completions.create(model="answer", messages=QUESTION, stream=True)
        next(iter(stream))
        for stream_too in (False, True):
            with pytest.raises(openai.RateLimitError) as busy:
                client.chat.completions.create(model="answer", messages=QUESTION, stream=stream_too)
            assert busy.value.code == "rate_limit_exceeded"
            assert busy.value.response.headers["retry-after"]
        with pytest.raises(openai.RateLimitError):
            client.embeddings.create(model="hashing", input="x")
        other = httpx2.post(f"{url}/api/v1/threads", json={}).json()["id"]
        refused = httpx2.post(f"{url}/api/v1/threads/{other}/runs", json={"input": "How?"})
        assert (refused.status_code, refused.json()["code"]) == (503, "busy")
        stream.close()
        httpx2.post(f"{url}/api/v1/runs/{run}/cancel")
        deadline = time.monotonic() + 10
        while phase.closed < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert client.embeddings.create(model="hashing", input="x").data


async def test_a_completion_that_is_not_streamed_counts_like_one_that_is(tmp_path: Path) -> None:
    phase = ScriptedPhase(words=tuple("word " for _ in range(1000)), pause=0.02)
    with serving(tmp_path, phase, runs={"max_active": 1}) as url:
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as client:
            asked: Any = client.chat.completions.create(model="answer", messages=QUESTION)
            whole = asyncio.ensure_future(asked)
            while not phase.asked:
                await asyncio.sleep(0.01)
            with pytest.raises(openai.RateLimitError):
                await client.embeddings.create(model="hashing", input="x")
            whole.cancel()
            while not phase.closed:
                await asyncio.sleep(0.01)


def test_strangers_and_unknown_addresses_get_the_shape_that_clients_read(tmp_path: Path) -> None:
    with (
        serving(tmp_path, ScriptedPhase(), token="a-long-enough-token") as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key="wrong", max_retries=0) as client,
    ):
        with pytest.raises(openai.AuthenticationError) as refused:
            client.models.list()
        assert (refused.value.code, refused.value.type) == ("invalid_api_key", "invalid_request_error")
        known = client.with_options(api_key="a-long-enough-token")
        assert known.models.list().data
        with pytest.raises(openai.NotFoundError):
            known.get("/nowhere", cast_to=object)


def test_tokens_of_another_model_are_no_text(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.embeddings.create(model="hashing", input=[1, 2, 3])
    assert refused.value.param is not None
    assert refused.value.param.startswith("input")
    with pytest.raises(openai.BadRequestError, match="truncate"):
        client.embeddings.create(model="hashing", input="x", extra_body={"truncate": True})
    assert client.embeddings.create(model="hashing", input="x", user="u").data
