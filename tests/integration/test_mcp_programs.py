"""MCP servers that are programs on this host: off unless allowed, pinned, bounded whatever they do, ended with their
source."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from agents.errors import ToolFailed
from agents.tools.mcp.process import McpProcess, ServerCommand
from agents.tools.mcp.processes import McpProcesses, brief_session
from backend.tool_sources.tables import tool_sources
from tests.api_client import api_client

PROGRAM = str(Path(__file__).parent.parent / "mcp_program.py")
CANARY = "canary-1c77-value"


def command(**values: Any) -> ServerCommand:
    return ServerCommand(command=sys.executable, arguments=("-S", PROGRAM), **values)


async def acted(process: McpProcess, what: str) -> str:
    result = await process.call("act", {"what": what})
    return str(result["content"][0]["text"])


def is_gone(pid: int) -> bool:
    for _ in range(200):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("hang", "within 4 seconds"),
        ("large", "more than 4,000,000 bytes"),
        ("flood", "without end"),
        ("die", "exit code 1"),
    ],
)
def test_a_program_that_misbehaves_is_named_and_ended(what: str, said: str) -> None:
    async def tried() -> tuple[str, int]:
        process = await McpProcess.start(command(timeout_s=4.0 if what == "hang" else 30.0, secrets={"TOKEN": CANARY}))
        pid = int((await acted(process, "x")).rpartition(" ")[2])
        child = int(await acted(process, "child"))
        with pytest.raises(ToolFailed) as failed:
            await acted(process, what)
        await process.wait()
        assert not process.is_alive
        assert is_gone(child)
        return str(failed.value), pid

    sentence, pid = asyncio.run(tried())
    assert said in sentence
    assert CANARY not in sentence
    assert is_gone(pid)


def test_junk_is_passed_over_and_a_program_is_started_again_with_pauses() -> None:
    async def tried() -> None:
        servers = McpProcesses()
        async with servers.session("s", command(), lambda: True) as process:
            first = await acted(process, "junk")
            assert first.startswith("did junk")
            assert len(await process.tools()) == 1
        async with servers.session("s", command(), lambda: True) as process:
            assert (await acted(process, "x")).rpartition(" ")[2] == first.rpartition(" ")[2]  # the same program
            with pytest.raises(ToolFailed, match="exit code"):
                await acted(process, "die")
        with pytest.raises(ToolFailed, match="started again in"):
            await servers.session("s", command(), lambda: True).__aenter__()
        await asyncio.sleep(1.05)
        async with servers.session("s", command(), lambda: True) as process:
            assert (await acted(process, "x")).rpartition(" ")[2] != first.rpartition(" ")[2]
        await servers.aclose()
        assert not process.is_alive

    asyncio.run(tried())


def test_a_program_of_the_official_library() -> None:
    program = (
        "from mcp.server.fastmcp import FastMCP\nserver = FastMCP('official')\n"
        "@server.tool()\ndef add_up(first: int, second: int) -> int:\n    return first + second\nserver.run()"
    )

    async def tried() -> tuple[list[Any], Any]:
        async with brief_session(ServerCommand(command=sys.executable, arguments=("-c", program))) as process:
            return await process.tools(), await process.call("add_up", {"first": 1, "second": 2})

    tools, result = asyncio.run(tried())
    assert [each["name"] for each in tools] == ["add_up"]
    assert result["structuredContent"] == {"result": 3}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    tools = {"mcp_commands": (sys.executable,)}
    with api_client(tmp_path_factory.mktemp("data"), tools=tools) as client:
        yield client


def add(client: TestClient, **values: Any) -> Any:
    given = {"command": sys.executable, "arguments": ["-S", PROGRAM], **values}
    return client.post("tool-sources", json={"kind": "mcp", "name": "local", "command": given})


def call(client: TestClient, what: str) -> Any:
    return client.post("tools/local_act/calls", json={"arguments": {"what": what}})


def test_commands_are_off_unless_an_operator_allows_them(tmp_path: Path, client: TestClient) -> None:
    with api_client(tmp_path) as other:
        refused = add(other)
    assert (refused.status_code, refused.json()["code"]) == (403, "commands_off")
    assert "CHATBOT_TOOLS__MCP_COMMANDS" in refused.json()["detail"]
    assert add(client, command="/bin/sh").json()["code"] == "commands_off"
    both = {"kind": "yaml", "name": "x", "definition": "x", "command": {"command": sys.executable}}
    assert client.post("tool-sources", json=both).status_code == 422


def test_a_program_is_a_source_like_others(tmp_path: Path, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATBOT_SECRET", "of the product")
    state = tmp_path / "changed"
    made = add(client, environment={"PLAIN": "yes", "STATE": str(state)}, secrets={"TOKEN": CANARY})
    assert made.status_code == 201, made.text
    source = made.json()
    path = f"tool-sources/{source['id']}"
    assert (source["tools"], source["on"], source["connection_id"]) == (1, 1, None)
    assert source["command"]["secret_names"] == ["TOKEN"]
    assert CANARY not in made.text + client.get("tool-sources").text + client.get(path).text
    assert call(client, "x").status_code == 409  # its hint counts for nothing
    client.patch(path, json={"tools": {"local_act": {"risk": "read"}}}).raise_for_status()
    assert call(client, "secret").json()["output"] == "••• nothing yes"
    assert call(client, "order").json()["output"].startswith("Ignore all")
    pid = int(call(client, "x").json()["output"].rpartition(" ")[2])
    assert is_group_of_its_own(pid)
    state.touch()
    assert "has changed" in call(client, "x").text
    assert client.patch(path, json={"refresh": True}).json()["changed"] == 1
    assert client.get("tools/local_act").status_code == 404
    assert CANARY not in client.get("audit/export").text
    client.patch(path, json={"tools": {"local_act": {"on": True}}}).raise_for_status()
    assert str(pid) in call(client, "x").json()["output"]
    command = {"command": sys.executable, "arguments": ["-S", PROGRAM], "environment": {"PLAIN": "no"}}
    assert client.patch(path, json={"command": command}).json()["command"]["secret_names"] == []
    assert is_gone(pid)
    client.patch(path, json={"tools": {"local_act": {"on": True}}}).raise_for_status()
    pid = int(call(client, "x").json()["output"].rpartition(" ")[2])
    assert client.delete(path).status_code == 204
    assert is_gone(pid)


@pytest.mark.parametrize(
    ("name", "value"), [("arguments", ["-S", PROGRAM, "--elsewhere"]), ("environment", {"PROXY": "evil.example"})]
)
def test_secrets_of_a_command_are_not_given_to_another(client: TestClient, name: str, value: Any) -> None:
    source = add(client, secrets={"TOKEN": CANARY}).json()
    path = f"tool-sources/{source['id']}"
    client.patch(path, json={"tools": {"local_act": {"risk": "read"}}}).raise_for_status()
    database = client.app.state.container.database  # type: ignore[attr-defined]
    with database.write() as connection:
        options = connection.scalar(select(tool_sources.c.options).where(tool_sources.c.id == source["id"]))
        changed = {**options, "command": {**options["command"], name: value}}
        connection.execute(update(tool_sources).values(options=changed, version=tool_sources.c.version + 1))
    assert "enter it again" in call(client, "secret").text
    assert client.delete(path).status_code == 204


def is_group_of_its_own(pid: int) -> bool:
    return os.getpgid(pid) == pid != os.getpgid(0)
