"""A phase with tools that exists in this file alone: one line of a registry, and it works wherever phases do."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient

from agents.answering.phase import AnswerPhase
from agents.events import Retrieved, StepFinished, StepStarted, TextDelta, UsageReported
from agents.messages.parts import Message, ToolCall, ToolResult
from agents.models.catalogue import ModelCatalogue
from agents.models.scripted import ScriptedChatModel
from agents.models.spec import ModelSpec
from agents.phases.builtin import BUILT_IN
from agents.phases.context import RunContext
from agents.phases.parts import PhaseParts
from agents.phases.phase import Description, Outcome, PhaseEvent, Requirement
from agents.ports import ChatModel, TextPiece, TokenUsage, ToolDefinition
from backend.app import create_app
from backend.bootstrap import build
from backend.settings import Settings
from knowledge.embedding.hashing import HashingEmbedder
from knowledge.types import Scope
from tests.api_client import URL, events, new_thread
from tests.scripted_model import ScriptedServer

SEARCH = ToolDefinition(
    name="search",
    description="Searches the knowledge bases.",
    parameters={"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
)


class ToolPhase:
    """Lets the model search until it answers."""

    name = "lookup"
    description = Description(en="Searches by itself and answers.", zh="自行检索后回答。")
    requires: frozenset[Requirement] = frozenset({"model"})

    def __init__(self, parts: PhaseParts, scopes: list[Scope]) -> None:
        self._searcher_for = parts.searcher_for
        self._scopes = scopes

    def prepare(self) -> None:
        pass

    async def stream(self, context: RunContext) -> AsyncGenerator[PhaseEvent, None]:
        assert context.model is not None
        messages = [*context.history, Message.of("user", context.question)]
        for turn in range(3):
            text, calls = "", []
            yield StepStarted(step="think", step_id=f"{turn}")
            async with aclosing(context.model.stream(messages, (SEARCH,))) as stream:
                async for event in stream:
                    if isinstance(event, TextPiece):
                        text += event.text
                        yield TextDelta(text=event.text)
                    elif isinstance(event, ToolCall):
                        calls.append(event)
                    elif isinstance(event, TokenUsage):
                        yield UsageReported(input_tokens=event.input_tokens, output_tokens=event.output_tokens)
            if not calls:
                yield StepFinished(step="think", step_id=f"{turn}", duration_ms=0)
                yield Outcome(verdict="answered" if text else "nothing", mode="model")
                return
            messages.append(Message(role="assistant", parts=tuple(calls)))
            for call in calls:
                yield StepStarted(step=call.name, step_id=call.id, parent_id=f"{turn}", detail=call.arguments)
                messages.append(Message(role="tool", parts=(self._search(context, call),)))
                yield StepFinished(step=call.name, step_id=call.id, parent_id=f"{turn}", duration_ms=0)
            yield StepFinished(step="think", step_id=f"{turn}", duration_ms=0)

    def _search(self, context: RunContext, call: ToolCall) -> ToolResult:
        self._scopes.append(context.spec.scope)
        query = json.loads(call.arguments)["query"]
        found = self._searcher_for(context.spec.scope).search(query, knowledge_bases=context.knowledge_bases)
        return ToolResult(call_id=call.id, content=f"{len(found.hits)} passages about {query}.")


@pytest.fixture
def scopes() -> list[Scope]:
    return []


def client_of(folder: Path, scopes: list[Scope], **settings: Any) -> TestClient:
    made = Settings(data_dir=folder, default_embedders=("hashing",), sample_guide=False, **settings)
    container = build(
        made,
        phases=(lambda parts: ToolPhase(parts, scopes),),
        embedders={"hashing": HashingEmbedder()},
        prepare=lambda: None,
    )
    return TestClient(create_app(container), base_url=f"{URL}/api/v1/")


def test_it_is_listed_and_answers_with_its_tool(tmp_path: Path, scopes: list[Scope]) -> None:
    script = urlencode({"tool": "search", "arguments": json.dumps({"query": "扩容"})})
    with ScriptedServer() as server:
        model = {"base_url": server.base_url, "name": f"scripted:call?{script}"}
        with client_of(tmp_path, scopes, model=model) as client:
            listed = {each["name"]: each for each in client.get("phases").json()["items"]}
            assert set(listed) == {*BUILT_IN, "lookup"}
            assert listed["lookup"]["description"] == "Searches by itself and answers."
            assert listed["lookup"]["descriptions"]["zh"] == "自行检索后回答。"
            assert (listed["lookup"]["requires"], listed["answer"]["requires"]) == (["model"], [])
            thread = new_thread(client)
            run = client.post(f"threads/{thread}/runs", json={"input": "How?", "phase": "lookup"}).json()
            told = events(client.get(f"runs/{run['id']}/events").text)
            answer = client.get(f"threads/{thread}/messages").json()["items"][-1]
        offered, answered = server.requests
    assert answer["text"] == "0 passages about 扩容."
    assert [kind for _, kind, _ in told if "step" in kind] == [
        "step_started", "step_started", "step_finished", "step_finished", "step_started", "step_finished",
    ]  # fmt: skip
    assert [(data["step"], data["parent_id"]) for _, kind, data in told if kind == "step_started"] == [
        ("think", ""), ("search", "0"), ("think", ""),
    ]  # fmt: skip
    assert [tool["function"]["name"] for tool in offered["tools"]] == ["search"]
    assert answered["messages"][-1] == {
        "role": "tool", "tool_call_id": "call_1", "content": "0 passages about 扩容.",
    }  # fmt: skip
    assert scopes == [Scope(workspace_id="local", user_id="local")], "it searched with the rights of who asked"


def test_without_the_model_that_it_requires_the_run_says_so(tmp_path: Path, scopes: list[Scope]) -> None:
    with client_of(tmp_path, scopes) as client:
        thread = new_thread(client)
        run = client.post(f"threads/{thread}/runs", json={"input": "How?", "phase": "lookup"}).json()
        told = events(client.get(f"runs/{run['id']}/events").text)
    assert [kind for _, kind, _ in told] == ["run_started", "run_failed"]
    assert told[-1][2]["code"] == "model_required"


def test_the_settings_say_whether_their_model_calls_tools(tmp_path: Path, scopes: list[Scope]) -> None:
    with ScriptedServer() as server:
        model = {"base_url": server.base_url, "name": "scripted:call?tool=search", "tool_calls": "text"}
        with client_of(tmp_path, scopes, model=model) as client:
            thread = new_thread(client)
            run = client.post(f"threads/{thread}/runs", json={"input": "How?", "phase": "lookup"}).json()
            told = events(client.get(f"runs/{run['id']}/events").text)
        (asked,) = server.requests
    assert "tools" not in asked, "they are written into the prompt instead"
    assert "search" in asked["messages"][0]["content"]
    assert told[-1][1] == "run_finished"


def test_a_search_sees_what_the_one_who_asks_may_see(tmp_path: Path, scopes: list[Scope]) -> None:
    """The answer phase searches with the scope of each run, not with one it was made with."""
    asked: list[Scope] = []

    def watched(parts: PhaseParts) -> Any:
        def searcher_for(scope: Scope) -> Any:
            asked.append(scope)
            return parts.searcher_for(scope)

        return AnswerPhase.of(PhaseParts(searcher_for=searcher_for, extractor=parts.extractor))

    settings = Settings(data_dir=tmp_path, default_embedders=("hashing",), sample_guide=False)
    container = build(settings, phases=(watched,), embedders={"hashing": HashingEmbedder()}, prepare=lambda: None)
    with TestClient(create_app(container), base_url=f"{URL}/api/v1/") as client:
        client.post("knowledge-bases", json={"name": "docs"}).raise_for_status()
        thread = new_thread(client)
        run = client.post(f"threads/{thread}/runs", json={"input": "How do I scale a deployment?"}).json()
        told = events(client.get(f"runs/{run['id']}/events").text)
    assert told[-1][1] == "run_finished"
    assert Retrieved.__dataclass_fields__["kind"].default in [kind for _, kind, _ in told]
    assert asked == [Scope(workspace_id="local", user_id="local")]


class OwnProvider:
    """A provider of models that exists in this file alone."""

    name = "own"

    def serves(self, spec: ModelSpec) -> bool:
        return spec.model.startswith("own:")

    def open(self, spec: ModelSpec) -> ChatModel:
        return ScriptedChatModel("from ", spec.model, name=spec.name or spec.model)

    async def prepare(self) -> None:
        pass

    async def aclose(self) -> None:
        pass


async def test_a_provider_of_models_is_one_line_of_its_registry() -> None:
    catalogue = ModelCatalogue(providers=(OwnProvider(),))
    model = catalogue.open(ModelSpec(model="own:small"))
    pieces = [event.text async for event in model.stream([Message.of("user", "?")]) if isinstance(event, TextPiece)]
    assert "".join(pieces) == "from own:small"
