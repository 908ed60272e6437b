"""What the wrappers around a chat model add to it, and what the catalogue opens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agents.errors import ModelRefused, ModelUnavailable
from agents.messages.parts import Message
from agents.models.catalogue import ModelCatalogue
from agents.models.failures import origin_of, refusal, without_keys
from agents.models.retrying import RetryingModel
from agents.models.scripted import ScriptedChatModel
from agents.models.spec import ModelSpec
from agents.models.thinking import AnswerOnlyModel
from agents.ports import ChatModel, TextPiece
from tests.scripted_model import ScriptedServer

HELLO = (Message.of("user", "hello"),)


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


async def said(model: ChatModel) -> str:
    return "".join([event.text async for event in model.stream(HELLO) if isinstance(event, TextPiece)])


class Naps:
    """Counts the waits instead of waiting."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


async def test_a_model_that_is_away_for_a_moment_is_asked_again() -> None:
    model = ScriptedChatModel("ready", error=ModelUnavailable("away"), failures=2)
    naps = Naps()
    assert await said(RetryingModel(model, sleep=naps)) == "ready"
    assert len(model.asked) == model.closed == 3
    assert 0 < naps.taken[0] < naps.taken[1]


async def test_it_is_given_up_after_the_last_attempt() -> None:
    model = ScriptedChatModel(error=ModelUnavailable("away"))
    with pytest.raises(ModelUnavailable):
        await said(RetryingModel(model, sleep=Naps()))
    assert len(model.asked) == 3


async def test_what_was_shown_is_never_said_twice() -> None:
    model = ScriptedChatModel("half", error=ModelUnavailable("broke off"))
    with pytest.raises(ModelUnavailable):
        await said(RetryingModel(model, sleep=Naps()))
    assert len(model.asked) == 1


async def test_a_refusal_is_final() -> None:
    model = ScriptedChatModel(error=ModelRefused("no"))
    with pytest.raises(ModelRefused):
        await said(RetryingModel(model, sleep=Naps()))
    assert len(model.asked) == 1


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (("<th", "ink>secret</thi", "nk>\n\nThe answer", "."), "The answer."),
        (("<think>", "a</think>b"), "b"),
        ((" \n<think>never closed",), ""),
        (("<", "b> is less"), "<b> is less"),
        (("Plain", " answer <think>", "kept</think>"), "Plain answer <think>kept</think>"),
        (("<thi",), "<thi"),
        ((), ""),
    ],
)
async def test_thoughts_before_the_answer_are_left_out(pieces: tuple[str, ...], expected: str) -> None:
    assert await said(AnswerOnlyModel(ScriptedChatModel(*pieces))) == expected


async def test_a_flaky_endpoint_is_asked_again_and_the_connection_kept(server: ScriptedServer) -> None:
    catalogue = ModelCatalogue()
    model = catalogue.open(ModelSpec(model="scripted:flaky?id=a&sentences=1", base_url=server.base_url))
    assert "stands in for an answer" in await said(model)
    await catalogue.aclose()


async def test_nobody_at_the_address_is_unavailable_and_named() -> None:
    catalogue = ModelCatalogue()
    address = "http://user:hidden@127.0.0.1:9/v1"
    with pytest.raises(ModelUnavailable, match=r"http://127\.0\.0\.1:9 cannot be reached") as raised:
        await said(catalogue.open(ModelSpec(model="m", base_url=address)))
    assert "hidden" not in str(raised.value)
    await catalogue.aclose()


async def test_a_silent_model_is_given_up(server: ScriptedServer) -> None:
    catalogue = ModelCatalogue(timeout_s=0.05)
    model = RetryingModel(catalogue.open(ModelSpec(model="scripted:stall", base_url=server.base_url)), attempts=1)
    with pytest.raises(ModelUnavailable, match="said nothing"):
        await said(model)
    await catalogue.aclose()


@pytest.mark.parametrize("spec", [ModelSpec(model="plain"), ModelSpec(model="m", base_url="file:///etc/passwd")])
def test_what_is_no_address_is_refused(spec: ModelSpec) -> None:
    with pytest.raises(ModelRefused):
        ModelCatalogue().open(spec)


async def test_an_unknown_provider_is_refused_with_a_sentence() -> None:
    with pytest.raises(ModelRefused, match="nowhere:model"):
        await said(ModelCatalogue().open(ModelSpec(model="nowhere:model", api_key="sk-1234567890")))


def test_keys_are_not_shown() -> None:
    assert "abcdef" not in repr(ModelSpec(model="m", api_key="abcdef"))
    assert without_keys("bad key abcdef, Bearer xyz and sk-proj-0123456789", ["abcdef"]) == (
        "bad key ***, Bearer *** and ***"
    )
    assert len(without_keys("long " * 1000)) < 400
    assert origin_of("https://me:pass@host.example:8443/v1?key=x") == "https://host.example:8443"


def test_a_spent_quota_is_final_and_a_busy_server_is_not() -> None:
    assert isinstance(refusal(429, where="w", model="m", code="insufficient_quota"), ModelRefused)
    assert isinstance(refusal(429, where="w", model="m"), ModelUnavailable)
