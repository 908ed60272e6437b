"""The twelve phases of the product over HTTP: each comes to its end, keeps its budget, stops, and goes on elsewhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from agents.ports import CodeResult
from backend.app import create_app
from backend.bootstrap import build
from backend.phases.availability import REASONS, Abilities
from backend.settings import Settings
from knowledge.embedding.hashing import HashingEmbedder
from tests.agents_at_work import CountingTool, Tools, Workplace, kinds, of_kind, results, system
from tests.api_client import URL
from tests.scripted_model import Script, ScriptedServer, call

TWELVE = (
    "answer", "chat", "code_answer", "code_react", "code_to_docs", "code_to_tests", "code_tool_react",
    "design_to_code", "group", "plan_execute", "tool_react", "web_answer",
)  # fmt: skip
TOOLS = (
    "search_knowledge_base", "open_passage", "list_documents", "search_code", "find_symbol", "find_references",
    "open_code", "web_search", "web_page",
)  # fmt: skip
SPEAKS_LAST = "The answer of the last."


class Sandbox:
    """Runs nothing, and says that it went well."""

    languages = ("python",)

    async def run(self, scope: Any, session: str, code: str, *, language: str = "python", **_: Any) -> CodeResult:
        return CodeResult(status="finished", stdout="3 passed")

    async def write_file(self, scope: Any, session: str, path: str, content: bytes) -> None: ...

    async def read_file(self, scope: Any, session: str, path: str) -> bytes:
        return b""


@dataclass
class Cast:
    """Plays every agent: plans two steps, calls the first tool that it is offered, accepts, and chooses whom it can.
    Stalls from its `stalls_at`-th answer of a conversation on."""

    stalls: bool = False
    answered: dict[str, int] = field(default_factory=dict)

    def __call__(self, script: Script) -> Any:
        question = next(each for each in QUESTIONS if each in str(script.messages))
        if self.stalls and self.answered.get(question, 0) >= (0 if question in ("Do answer", "Do chat") else 1):
            return None
        self.answered[question] = self.answered.get(question, 0) + 1
        who = system(script)
        if "You plan" in who:
            return json.dumps({"steps": ["look", "write"]})
        if "You check" in who:
            return json.dumps({"accepted": True, "reasons": ""})
        if "You choose" in who:
            return "architect"
        if script.tools and not results(script):
            tool = "run_code" if "run_code" in script.tools else script.tools[0]
            return [call(tool, **({"code": "print(1)"} if tool == "run_code" else {"what": "x"}))]
        return "AGREED\nAGREED" if "AGREED" in who else SPEAKS_LAST


QUESTIONS = tuple(f"Do {name}" for name in TWELVE)


@contextmanager
def workplace(folder: Path, server: ScriptedServer) -> Iterator[Workplace]:
    made = Settings(
        data_dir=folder,
        default_embedders=("hashing",),
        sample_guide=False,
        model={"base_url": server.base_url, "name": "scripted:told"},
    )
    container = build(
        made,
        embedders={"hashing": HashingEmbedder()},
        tool_sources=(Tools([CountingTool(name) for name in TOOLS]),),
        code=Sandbox(),
        abilities=Abilities(here=dict.fromkeys(REASONS, lambda connection, scope: True)),
        prepare=lambda: None,
    )
    with TestClient(create_app(container), base_url=f"{URL}/api/v1/") as client:
        client.post("knowledge-bases", json={"name": "docs"})  # which is there already the second time
        yield Workplace(client=client, server=server)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    with ScriptedServer(told=Cast()) as server, workplace(tmp_path_factory.mktemp("twelve"), server) as made:
        yield made


def ask(work: Workplace, name: str, **body: Any) -> str:
    work.thread = ""
    return work.ask(f"Do {name}", phase=name, **body)


def test_they_are_twelve(work: Workplace) -> None:
    listed = {each["name"] for each in work.client.get("phases").json()["items"]}
    assert set(TWELVE) <= listed


@pytest.mark.parametrize("name", TWELVE)
def test_each_comes_to_its_end(work: Workplace, name: str) -> None:
    heard = work.events(ask(work, name))
    assert heard[-1][1] == "run_finished", heard[-1]
    assert "budget_exceeded" not in kinds(heard)
    assert [seq for seq, _, _ in heard] == list(range(1, len(heard) + 1))
    if name != "answer":
        assert of_kind(heard, "run_finished")[0]["text"] == SPEAKS_LAST
        begun, ended = of_kind(heard, "agent_started"), of_kind(heard, "agent_finished")
        assert [each["step_id"] for each in begun] == list(dict.fromkeys(each["step_id"] for each in begun))
        assert {each["step_id"] for each in begun} == {each["step_id"] for each in ended}
    called = {each["status"] for each in of_kind(heard, "tool_finished")}
    assert called <= {"succeeded"}


@pytest.mark.parametrize("name", [name for name in TWELVE if name not in ("answer", "chat")])
def test_each_keeps_its_budget(work: Workplace, name: str) -> None:
    heard = work.events(ask(work, name, budget={"steps": 1}))
    assert of_kind(heard, "budget_exceeded")[0]["limit"] == "steps"
    assert heard[-1][1] == "run_finished"
    assert of_kind(heard, "run_finished")[0]["text"].startswith("This answer is not finished")


def test_each_stops_and_each_goes_on_in_another_process(tmp_path: Path) -> None:
    cast = Cast(stalls=True)
    with ScriptedServer(told=cast) as server:
        with workplace(tmp_path, server) as work:
            stopped = {name: ask(work, name) for name in TWELVE if name != "answer"}
            going = {name: ask(work, name) for name in TWELVE if name != "answer"}
            # Of both runs of a phase the first answer is given once; the next one, and that of chat, never comes.
            expected = sum(3 if name != "chat" else 2 for name in stopped)
            for _ in range(6000):
                if len(server.requests) >= expected:
                    break
                work.client.portal.call(asyncio.sleep, 0.01)  # type: ignore[union-attr]
            assert len(server.requests) == expected
            for name, run in stopped.items():
                work.client.post(f"runs/{run}/cancel").raise_for_status()
                assert work.events(run)[-1][1] == "run_cancelled", name
        cast.stalls = False
        before = len(server.requests)
        with workplace(tmp_path, server) as work:
            for name, run in going.items():
                heard = work.events(run)
                assert heard[-1][1] == "run_finished", (name, heard[-1])
                assert of_kind(heard, "run_finished")[0]["text"] == SPEAKS_LAST
                assert [seq for seq, _, _ in heard] == list(range(1, len(heard) + 1))
                assert [each["attempt"] for each in of_kind(heard, "run_started")] == [1, 2]
        assert len(server.requests) > before
