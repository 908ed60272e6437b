"""Every way to ask a language model keeps the same promises."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio

from agents.errors import AgentError, ModelRefused, ModelUnavailable
from agents.models.catalogue import ModelCatalogue, ModelSpec, check_model
from agents.models.langchain_models import LangChainModel
from agents.models.scripted import ScriptedChatModel
from agents.ports import ChatModel, Message, ModelEvent, TextPiece, TokenUsage
from tests.scripted_model import ScriptedServer

KEY = "sk-very-secret-0123456789"
ANSWER = "Réponse: 回答 with U+2028\u2028 inside, a \u0085 next line and an emoji 🙂."
HELLO = (Message(role="system", content="Be short."), Message(role="user", content="你好"))

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
    catalogue = ModelCatalogue()

    def open_model(script: str = "say", *, key: str = KEY, **options: Any) -> ChatModel:
        name = f"scripted:{script}?{urlencode(options)}"
        match request.param:
            case "openai_compatible":
                return catalogue.open(ModelSpec(model=name, base_url=server.base_url, api_key=key, name="mine"))
            case "langchain":
                return LangChainModel(
                    name,
                    name="mine",
                    api_key=key,
                    options={
                        "base_url": server.base_url,
                        "model_provider": "openai",
                        "stream_usage": True,
                        "max_retries": 0,
                    },
                )
            case _:
                return scripted(script, key, options)

    yield open_model
    await catalogue.aclose()


def scripted(script: str, key: str, options: dict[str, Any]) -> ChatModel:
    if key != KEY:
        return ScriptedChatModel(name="mine", error=ModelRefused("Check the key."))
    match script:
        case "say":
            return ScriptedChatModel(*filter(None, options["text"].split("|")), name="mine")
        case "status" if options["code"] in (400, 404):
            return ScriptedChatModel(name="mine", error=ModelRefused("It will not."))
        case "status":
            return ScriptedChatModel(name="mine", error=ModelUnavailable("It is busy."))
        case "stall":
            return ScriptedChatModel(name="mine", hangs=True)
        case _:
            return ScriptedChatModel("a", "b", name="mine", error=ModelUnavailable("It broke off."))


async def ask(model: ChatModel) -> tuple[str, list[ModelEvent]]:
    events = [event async for event in model.stream(HELLO)]
    return "".join(event.text for event in events if isinstance(event, TextPiece)), events


async def test_the_pieces_make_up_the_answer_and_usage_comes_last(opener: Opener) -> None:
    model = opener(text=ANSWER)
    text, events = await ask(model)
    assert text == ANSWER
    assert model.name == "mine"
    assert all(isinstance(event, TextPiece) and event.text for event in events[:-1])
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


async def test_checking_a_model_takes_its_first_word(opener: Opener) -> None:
    assert await check_model(opener(text="ready")) >= 0
    with pytest.raises(ModelUnavailable):
        await check_model(opener(text=""))
