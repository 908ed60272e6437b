"""Declared phases over HTTP: a model that a test tells what to say, and tools that count how often they are called."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from agents.phases.definition import PhaseDefinition
from agents.scheduler.phase import DeclaredPhase
from agents.tools.ports import Tool, ToolContext, ToolOutput, ToolSpec
from backend.app import create_app
from backend.bootstrap import Container, build
from backend.settings import Settings
from knowledge.embedding.hashing import HashingEmbedder
from knowledge.types import Scope
from tests.api_client import URL, events, new_thread
from tests.scripted_model import Script, ScriptedServer

Told = Callable[[Script], str | list[dict[str, Any]]]
Event = tuple[int, str, dict[str, Any]]


def phase(agents: Mapping[str, Any], *chains: Mapping[str, Any], **more: Any) -> PhaseDefinition:
    """The phase `work`; without `chains` its agents in their order."""
    return PhaseDefinition.model_validate({
        "name": "work",
        "title": {"en": "Work", "zh": "工作"},
        "description": {"en": "Works.", "zh": "工作。"},
        "agents": agents,
        "chains": list(chains) or [{"name": "main", "agents": list(agents)}],
        **more,
    })  # fmt: skip


@dataclass
class CountingTool:
    """Says `says` with its arguments in it; `made` holds the arguments of every call. `hangs`: until it is stopped."""

    name: str
    risk: Any = "read"
    says: str = "{}"
    hangs: bool = False
    evidence: tuple[Any, ...] = ()
    made: list[dict[str, Any]] = field(default_factory=list)

    @property
    def spec(self) -> ToolSpec:
        parameters = {
            "type": "object",
            "properties": {"what": {"type": "string", "maxLength": 40}},
            "required": ["what"],
            "additionalProperties": False,
        }
        return ToolSpec(name=self.name, description=f"Does {self.name}.", parameters=parameters, risk=self.risk)

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        self.made.append(dict(arguments))
        if self.hangs:
            await asyncio.Event().wait()
        return ToolOutput(text=self.says.replace("{}", arguments["what"]), evidence=self.evidence)


@dataclass(frozen=True)
class Tools:
    """A source of these tools."""

    held: Sequence[Tool]
    name: str = "builtin"

    def tools(self, scope: Scope) -> Sequence[Tool]:
        return self.held


def workshop(
    folder: Path, definition: PhaseDefinition, server: ScriptedServer, tools: Sequence[Tool] = (), **settings: Any
) -> Container:
    """A container whose one phase is this."""
    made = Settings(**{
        "data_dir": folder,
        "default_embedders": ("hashing",),
        "sample_guide": False,
        "model": {"base_url": server.base_url, "name": "scripted:told"},
        **settings,
    })  # fmt: skip
    return build(
        made,
        phases=(lambda parts: DeclaredPhase.of(definition, parts),),
        embedders={"hashing": HashingEmbedder()},
        tool_sources=(Tools(tools),),
        prepare=lambda: None,
    )


@dataclass
class Workplace:
    """A client of a running application, and the model behind it."""

    client: TestClient
    server: ScriptedServer
    thread: str = ""

    def ask(self, question: str = "How?", **body: Any) -> str:
        """The id of a run that has begun."""
        self.thread = self.thread or new_thread(self.client)
        asked = {"input": question, "phase": "work", **body}
        return str(self.client.post(f"threads/{self.thread}/runs", json=asked).raise_for_status().json()["id"])

    def events(self, run: str) -> list[Event]:
        """Everything that a run says until it ends."""
        return events(self.client.get(f"runs/{run}/events").raise_for_status().text)

    def run(self, run: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"runs/{run}").raise_for_status().json()
        return found

    def until(self, run: str, status: str) -> dict[str, Any]:
        """The run, once it has this status."""
        for _ in range(1000):
            found = self.run(run)
            if found["status"] == status:
                return found
            self.client.portal.call(asyncio.sleep, 0.01)  # type: ignore[union-attr]
        raise AssertionError(f"The run is {found['status']}: {found['error']}.")

    def answer(self) -> dict[str, Any]:
        """The newest message of the thread."""
        found: dict[str, Any] = self.client.get(f"threads/{self.thread}/messages").json()["items"][-1]
        return found

    def decide(self, run: str, approval: str, decision: str = "approve", **more: Any) -> Any:
        return self.client.post(f"runs/{run}/approvals/{approval}", json={"decision": decision, **more})


@contextmanager
def at_work(
    folder: Path, definition: PhaseDefinition, told: Told, tools: Sequence[Tool] = (), **settings: Any
) -> Iterator[Workplace]:
    """A running application with this phase."""
    with ScriptedServer(told=told) as server:
        app = create_app(workshop(folder, definition, server, tools, **settings))
        with TestClient(app, base_url=f"{URL}/api/v1/") as client:
            yield Workplace(client=client, server=server)


def kinds(told: Sequence[Event], *, but: Sequence[str] = ("text_delta", "usage_reported")) -> list[str]:
    return [kind for _, kind, _ in told if kind not in but]


def of_kind(told: Sequence[Event], kind: str) -> list[dict[str, Any]]:
    return [data for _, each, data in told if each == kind]


def system(script: Script) -> str:
    """Who the model is asked to be."""
    return str(script.messages[0]["content"])


def results(script: Script) -> list[str]:
    """What tools came to so far in this conversation."""
    return [str(message["content"]) for message in script.messages if message["role"] == "tool"]
