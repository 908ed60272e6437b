"""Every way to ask a language model keeps the same promises."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio

from agents.errors import AgentError, ModelRefused, ModelUnavailable
from agents.messages.parts import ImagePart, Message, TextPart, ToolCall, ToolResult
from agents.models.checking import measure_speed
from agents.models.langchain_models import LangChainModel
from agents.models.openai_provider import OpenAICompatibleProvider
from agents.models.scripted import ScriptedChatModel
from agents.models.spec import ModelSpec
from agents.ports import (
    ChatModel,
    ModelEvent,
    ModelFinished,
    ModelOptions,
    ModelProfile,
    TextPiece,
    TokenUsage,
    ToolDefinition,
)
from tests.scripted_model import ScriptedServer

KEY = "sk-very-secret-0123456789"
ANSWER = "Réponse: 回答 with U+2028\u2028 inside, a \u0085 next line and an emoji 🙂."
HELLO = (Message.of("system", "Be short."), Message.of("user", "你好"))
SEARCH = ToolDefinition(
    name="search",
    description="Searches the documents.",
    parameters={"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
)
ARGUMENTS = '{"query": "扩容 replicas"}'

# LangChain keeps its connections for the life of the process, so all of these share one event loop.
pytestmark = pytest.mark.asyncio(loop_scope="module")

Opener = Callable[..., ChatModel]


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(api_key=KEY) as running:
        yield running


@pytest_asyncio.fixture(params=["openai_compatible", "langchain", "fake"], loop_scope="module")
async def opener(request: pytest.FixtureRequest, server: ScriptedServer) -> AsyncGenerator[Opener, None]:
    """Opens a model that follows a script, through each adapter; the fake stands for what it would do."""
    # The adapter itself: what the catalogue puts around a model that only writes has tests of its own.
    provider = OpenAICompatibleProvider(connect_timeout_s=10.0, timeout_s=120.0)

    def open_model(
        script: str = "say", *, key: str = KEY, profile: ModelProfile | None = None, **options: Any
    ) -> ChatModel:
        name = f"scripted:{script}?{urlencode(options)}"
        match request.param:
            case "openai_compatible":
                return provider.open(
                    ModelSpec(
                        model=name,
                        base_url=server.base_url,
                        api_key=key,
                        name="mine",
                        profile=profile or ModelProfile(),
                    )
                )
            case "langchain":
                return LangChainModel(
                    name,
                    name="mine",
                    api_key=key,
                    profile=profile,
                    options={
                        "base_url": server.base_url,
                        "model_provider": "openai",
                        "stream_usage": True,
                        "max_retries": 0,
                    },
                )
            case _:
                return scripted(script, key, options, profile)

    yield open_model
    await provider.aclose()


def scripted(script: str, key: str, options: dict[str, Any], profile: ModelProfile | None) -> ChatModel:
    if key != KEY:
        return ScriptedChatModel(name="mine", error=ModelRefused("Check the key."))
    match script:
        case "say":
            return ScriptedChatModel(*filter(None, options["text"].split("|")), name="mine", profile=profile)
        case "call":
            calls = [
                ToolCall(id=f"call_{number}", name=options["tool"], arguments=options["arguments"])
                for number in range(1, options.get("times", 1) + 1)
            ]
            return ScriptedChatModel(*filter(None, [options.get("text", "")]), *calls, name="mine")
        case "status" if options["code"] in (400, 404):
            return ScriptedChatModel(name="mine", error=ModelRefused("It will not."))
        case "status":
            return ScriptedChatModel(name="mine", error=ModelUnavailable("It is busy."))
        case "stall":
            return ScriptedChatModel(name="mine", hangs=True)
        case _:
            return ScriptedChatModel("a", "b", name="mine", error=ModelUnavailable("It broke off."))


async def ask(
    model: ChatModel,
    messages: tuple[Message, ...] = HELLO,
    tools: tuple[ToolDefinition, ...] = (),
    options: ModelOptions | None = None,
) -> tuple[str, list[ModelEvent]]:
    events = [event async for event in model.stream(messages, tools, options)]
    return "".join(event.text for event in events if isinstance(event, TextPiece)), events


async def test_the_pieces_make_up_the_answer_then_why_it_ended_and_usage_comes_last(opener: Opener) -> None:
    model = opener(text=ANSWER)
    text, events = await ask(model)
    assert text == ANSWER
    assert model.name == "mine"
    assert all(isinstance(event, TextPiece) and event.text for event in events[:-2])
    assert events[-2] == ModelFinished(reason="stop")
    assert isinstance(events[-1], TokenUsage)
    assert events[-1].output_tokens > 0


async def test_a_model_answers_any_number_of_times(opener: Opener) -> None:
    model = opener(text="again")
    assert (await ask(model))[0] == (await ask(model))[0] == "again"


@pytest.mark.parametrize(
    ("code", "expected"),
    [(400, ModelRefused), (404, ModelRefused), (429, ModelUnavailable), (500, ModelUnavailable)],
)
async def test_an_error_status_is_a_named_error_with_a_sentence(
    opener: Opener, code: int, expected: type[AgentError]
) -> None:
    with pytest.raises(expected) as raised:
        await ask(opener("status", code=code))
    assert " " in str(raised.value)
    assert KEY not in str(raised.value)


async def test_a_wrong_key_is_refused_and_not_repeated(opener: Opener) -> None:
    with pytest.raises(ModelRefused, match="key") as raised:
        await ask(opener(key="sk-wrong-9876543210", text="x"))
    assert "9876543210" not in str(raised.value)


async def test_breaking_off_is_unavailable_after_what_was_said(opener: Opener) -> None:
    events = opener("break", after=2).stream(HELLO)
    assert [isinstance(await anext(events), TextPiece) for _ in range(2)] == [True, True]
    with pytest.raises(ModelUnavailable):
        await anext(events)


async def test_an_error_in_the_stream_is_a_named_error(opener: Opener) -> None:
    with pytest.raises(AgentError):
        await ask(opener("error-event", after=2))


async def test_closing_early_leaves_nothing_open(opener: Opener) -> None:
    async with aclosing(opener(text="one|two|three").stream(HELLO)) as events:
        assert isinstance(await anext(events), TextPiece)
    with pytest.raises(StopAsyncIteration):
        await anext(events)


@pytest.mark.parametrize(
    ("arguments", "times", "text"),
    [(ARGUMENTS, 1, ""), (ARGUMENTS, 2, "Let me look."), ("{}", 1, ""), ('{"query": "cut o', 1, "")],
)
async def test_calls_come_whole_after_the_text_as_the_model_wrote_them(
    opener: Opener, arguments: str, times: int, text: str
) -> None:
    model = opener("call", tool="search", arguments=arguments, times=times, text=text)
    said, events = await ask(model, tools=(SEARCH,))
    assert said == text
    calls = [event for event in events if isinstance(event, ToolCall)]
    assert [(call.name, call.arguments) for call in calls] == [("search", arguments)] * times
    assert len({call.id for call in calls}) == times
    assert events[-2] == ModelFinished(reason="tool_calls")
    assert events[len(events) - 2 - times : -2] == calls


async def test_tools_are_offered_with_name_description_and_schema(opener: Opener, server: ScriptedServer) -> None:
    before = len(server.requests)
    options = ModelOptions(
        temperature=0.5, max_tokens=100, stop=("END",), tool_choice="search", json_mode=True
    )  # fmt: skip
    await ask(opener("call", tool="search", arguments="{}"), tools=(SEARCH,), options=options)
    for asked in server.requests[before:]:  # none by the fake
        function = asked["tools"][0]["function"]
        assert (function["name"], function["description"]) == ("search", "Searches the documents.")
        assert function["parameters"] == dict(SEARCH.parameters)
        assert asked["tool_choice"] == {"type": "function", "function": {"name": "search"}}
        assert asked["temperature"] == 0.5
        assert asked["stop"] == ["END"]
        assert asked.get("max_tokens", asked.get("max_completion_tokens")) == 100
        assert asked["response_format"] == {"type": "json_object"}


async def test_results_go_back_to_the_calls_they_belong_to(opener: Opener, request: pytest.FixtureRequest) -> None:
    calls = (
        ToolCall(id="call_1", name="search", arguments=ARGUMENTS),
        ToolCall(id="call_2", name="search", arguments='{"query": "cut o'),
    )
    conversation = (
        *HELLO,
        Message(role="assistant", parts=(TextPart(text="Let me look."), *calls)),
        Message(
            role="tool",
            parts=(
                ToolResult(call_id="call_1", content="Set replicas."),
                ToolResult(call_id="call_2", content="That is no JSON.", is_error=True),
            ),
        ),
    )
    if request.node.callspec.params["opener"] == "fake":
        text, _ = await ask(opener(text="Set replicas. That is no JSON."), conversation, (SEARCH,))
    else:
        text, _ = await ask(opener("call", tool="search", arguments="{}"), conversation, (SEARCH,))
    assert text == "Set replicas. That is no JSON."


async def test_a_picture_arrives_beside_its_text(opener: Opener, server: ScriptedServer) -> None:
    before = len(server.requests)
    shown = Message(role="user", parts=(TextPart(text="What is it?"), ImagePart(media_type="image/png", data="iVBO")))
    assert (await ask(opener(text="A pod."), (shown,)))[0] == "A pod."
    for asked in server.requests[before:]:
        text, image = asked["messages"][-1]["content"]
        assert text == {"type": "text", "text": "What is it?"}
        assert image["image_url"]["url"] == "data:image/png;base64,iVBO"


async def test_what_the_profile_rules_out_is_refused_by_name_before_anything_is_sent(
    opener: Opener, server: ScriptedServer
) -> None:
    model = opener(text="x", profile=ModelProfile(tool_calls="text", vision=False, json_mode=False))
    before = len(server.requests)
    assert model.profile.tool_calls == "text"
    with pytest.raises(ModelRefused, match="does not call tools"):
        await ask(model, tools=(SEARCH,))
    with pytest.raises(ModelRefused, match="does not read pictures"):
        await ask(model, (Message(role="user", parts=(ImagePart(media_type="image/png", data="iVBO"),)),))
    with pytest.raises(ModelRefused, match="JSON"):
        await ask(model, options=ModelOptions(json_mode=True))
    assert len(server.requests) == before
    assert (await ask(model))[0] == "x"


async def test_checking_a_model_takes_its_first_word(opener: Opener) -> None:
    assert (await measure_speed(opener(text="ready"))).first_s >= 0
    with pytest.raises(ModelUnavailable):
        await measure_speed(opener(text=""))
