"""The OpenAI protocol, as OpenAI's own client speaks it over a real socket."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import openai
import pytest

from agents.errors import ModelUnavailable
from tests.api_client import ScriptedPhase, serving

QUESTION: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": "How do I install it?"}]


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
    assert refused.value.code == "not_found"


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
            {"role": "user", "content": "First?"},
            {"role": "assistant", "content": "Yes."},
            {"role": "user", "content": [{"type": "text", "text": "And now?"}]},
        ],
        temperature=0.3,
        extra_body={"filters": {"path_prefixes": ["guide/"]}, "language_model": "none"},
    )
    asked = phase.asked[0]
    assert asked.question == "And now?"
    assert [(each.role, each.text) for each in asked.history] == [("user", "First?"), ("assistant", "Yes.")]
    assert asked.filters is not None
    assert asked.filters.path_prefixes == ("guide/",)


def test_refusals_have_the_shape_that_clients_read(client: openai.OpenAI, url: str) -> None:
    with pytest.raises(openai.NotFoundError, match="There is no model 'gpt-4'"):
        client.chat.completions.create(model="gpt-4", messages=QUESTION)
    with pytest.raises(openai.UnprocessableEntityError):
        client.chat.completions.create(model="answer", messages=[])
    with pytest.raises(openai.NotFoundError, match="knowledge base"):
        client.chat.completions.create(model="answer", messages=QUESTION, extra_body={"knowledge_bases": ["no"]})
    with pytest.raises(openai.PermissionDeniedError):
        client.with_options(default_headers={"Origin": "http://evil.example"}).models.list()
    broken = httpx2.post(f"{url}/v1/chat/completions", content=b"{", headers={"Content-Type": "application/json"})
    assert broken.status_code == 400
    assert set(broken.json()["error"]) == {"message", "type", "param", "code"}


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
    with pytest.raises(openai.UnprocessableEntityError):
        client.embeddings.create(model="hashing", input="x", dimensions=3)
