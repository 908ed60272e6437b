"""Our MCP server, spoken to by the official client over HTTP and by stdio."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import McpError
from mcp.types import TextContent, TextResourceContents
from pydantic import AnyUrl

from backend.accounts.guard import LOCAL
from tests.api_client import container, serving
from tests.platform_server import Platform, Reply, platform_server


@pytest.fixture
def platform() -> Iterator[Platform]:
    with platform_server() as opened:
        yield opened


@pytest.fixture
def url(tmp_path: Path, platform: Platform) -> Iterator[str]:
    with serving(tmp_path) as opened:
        for kind in ("prometheus", "alertmanager"):
            body = {"kind": kind, "name": kind, "base_url": platform.url, "allow_private": True}
            assert httpx2.post(f"{opened}/api/v1/connections", json=body).status_code == 201
        yield opened


def text(result: Any) -> str:
    return "\n".join(each.text for each in result.content)


@pytest.mark.parametrize(
    "message",
    [b"[" * 100_000, b'{"jsonrpc": "2.0", "id": "\\ud800", "method": "tools/list"}', b'{"params":' * 50_000],
)
def test_a_message_that_cannot_be_answered_is_refused(url: str, message: bytes) -> None:
    headers = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
    refused = httpx2.post(f"{url}/mcp", content=message, headers=headers)
    assert refused.status_code == 400, refused.text
    assert refused.json()["error"]["code"] == -32700
    asked = {"jsonrpc": "2.0", "id": "a", "method": "tools/list"}
    assert httpx2.post(f"{url}/mcp", json=asked, headers=headers).json()["id"] == "a"


async def test_the_official_client_finds_and_calls_tools(url: str, platform: Platform) -> None:
    platform.answers["/api/v1/query"] = Reply(body={"data": {"result": [{"metric": {"job": "a"}, "value": [1, "7"]}]}})
    async with streamable_http_client(f"{url}/mcp") as (read, write, _), ClientSession(read, write) as session:
        begun = await session.initialize()
        assert begun.serverInfo.name == "devops-chatbot"
        tools = {each.name: each for each in (await session.list_tools()).tools}
        assert {"ask", "find_tools", "call_tool", "search_knowledge_base", "open_passage"} <= set(tools)
        query, silence = tools["prometheus_query"], tools["alertmanager_silence"]
        assert query.annotations is not None
        assert query.annotations.readOnlyHint
        assert silence.annotations is not None
        assert not silence.annotations.readOnlyHint

        found = await session.call_tool("find_tools", {"query": "evaluate a PromQL expression now"})
        assert "prometheus_query" in text(found)
        called = await session.call_tool("call_tool", {"name": "prometheus_query", "arguments": {"query": "up"}})
        assert not called.isError
        assert called.structuredContent is not None
        assert called.structuredContent["data"]["rows"] == [["job=a", "7"]]

        answer = await session.call_tool("ask", {"question": "How do I install?"})
        assert "Run make up. [1]" in text(answer)
        assert "[1] Install" in text(answer)
    counted = [line for line in httpx2.get(f"{url}/metrics").text.splitlines() if line.startswith("chatbot_runs_total")]
    assert [line.rsplit(" ", 1)[1] for line in counted if 'status="finished"' in line] == ["1.0"]


async def test_what_changes_something_waits_for_a_person(url: str, platform: Platform) -> None:
    asked = {"label": "alertname", "value": "x", "ends": "2030-01-01T00:00:00Z", "comment": "c"}
    async with streamable_http_client(f"{url}/mcp") as (read, write, _), ClientSession(read, write) as session:
        await session.initialize()
        for name, arguments in (
            ("alertmanager_silence", asked),
            ("call_tool", {"name": "alertmanager_silence", "arguments": asked}),
        ):
            result = await session.call_tool(name, arguments)
            assert result.isError
            assert "approval_required" in text(result)
        assert platform.asked == []
        for name, arguments, said in (
            ("prometheus_query", {}, "query"),
            ("no_such_tool", {}, "No tool named"),
            ("call_tool", {"name": "call_tool"}, "by itself"),
            ("ask", {"question": ""}, "needed"),
            ("ask", {"question": "x", "phase": "no-such-phase"}, "phase"),
            ("find_tools", {"query": "x", "limit": 10_000}, "limit"),
        ):
            result = await session.call_tool(name, arguments)
            assert result.isError, name
            assert said in text(result)


def add_document(url: str, folder: Path, base: str, path: str, content: str) -> None:
    made = httpx2.post(f"{url}/api/v1/knowledge-bases", json={"name": base}).json()
    files = [("files", (path, content.encode(), "text/markdown"))]
    httpx2.post(f"{url}/api/v1/knowledge-bases/{made['id']}/documents", files=files).raise_for_status()
    building = container(folder)
    try:
        for _ in building.ingestor.build(LOCAL, made["id"]):
            pass
    finally:
        building.close()


async def test_the_official_client_reads_resources_and_prompts(url: str, tmp_path: Path) -> None:
    add_document(url, tmp_path, "Team docs", "guide/scale up.md", "# Scaling\n\nSet replicas.\n")
    async with streamable_http_client(f"{url}/mcp") as (read, write, _), ClientSession(read, write) as session:
        await session.initialize()
        templates = {
            each.name: each.uriTemplate for each in (await session.list_resource_templates()).resourceTemplates
        }
        assert set(templates) == {"documents", "document", "document_at"}
        listed = {each.name: each.uri for each in (await session.list_resources()).resources}
        assert str(listed["Team docs"]) == "knowledge://bases/Team%20docs"
        bases = json.loads(await resource(session, "knowledge://bases"))
        inside = json.loads(await resource(session, bases[0]["uri"]))
        [document] = inside["documents"]
        assert (document["path"], inside["next"]) == ("guide/scale up.md", None)
        by_id = await resource(session, document["uri"])
        assert by_id == await resource(session, "knowledge://bases/Team%20docs/guide/scale%20up.md")
        assert "Set replicas." in by_id
        assert (await resource(session, f"{document['uri']}?start=9")) == by_id[9:]
        for uri in ("knowledge://bases/Team%20docs/none.md", "knowledge://documents/none", "file:///etc/passwd"):
            with pytest.raises(McpError, match="There is no"):
                await session.read_resource(AnyUrl(uri))

        prompts = {each.name: each for each in (await session.list_prompts()).prompts}
        assert "cite" in prompts
        said = (await session.get_prompt("cite", {"question": "How {do} I scale?"})).messages[0].content
        assert isinstance(said, TextContent)
        assert "How {do} I scale?" in said.text
        wrong: tuple[tuple[str, dict[str, str]], ...] = (("none", {"question": "x"}), ("cite", {}))
        for name, arguments in wrong:
            with pytest.raises(McpError):
                await session.get_prompt(name, arguments)


async def resource(session: ClientSession, uri: str) -> str:
    [found] = (await session.read_resource(AnyUrl(uri))).contents
    assert isinstance(found, TextResourceContents)
    return found.text


def test_a_client_that_only_speaks_json_rpc(url: str) -> None:
    headers = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18"}

    def asked(method: str, **params: Any) -> Any:
        body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
        answer = httpx2.post(f"{url}/mcp", json=body, headers=headers).json()
        assert answer["id"] == 7
        return answer.get("result") or answer["error"]

    about = {"name": "plain", "version": "0"}
    begun = asked("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=about)
    assert {"tools", "resources", "prompts"} <= set(begun["capabilities"])
    assert any(each["name"] == "current_time" for each in asked("tools/list")["tools"])
    assert not asked("tools/call", name="current_time", arguments={})["isError"]
    assert asked("resources/list")["resources"][0]["uri"] == "knowledge://bases"
    assert json.loads(asked("resources/read", uri="knowledge://bases")["contents"][0]["text"]) == []
    assert asked("prompts/get", name="cite", arguments={"question": "x"})["messages"][0]["role"] == "user"
    assert asked("resources/read", uri="knowledge://bases/none")["code"] == -32002
    assert asked("resources/list", cursor="odd")["code"] == -32602


def test_the_edge_is_that_of_the_api(url: str) -> None:
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    accepted = {"accept": "application/json, text/event-stream"}
    assert httpx2.post(f"{url}/mcp", json=ping, headers=accepted).status_code == 200
    foreign = {**accepted, "origin": "https://evil.example"}
    assert httpx2.post(f"{url}/mcp", json=ping, headers=foreign).status_code == 403
    rebound = {**accepted, "host": "evil.example"}
    assert httpx2.post(f"{url}/mcp", json=ping, headers=rebound).status_code == 403
    assert httpx2.get(f"{url}/mcp", headers=accepted).status_code == 405
    assert httpx2.post(f"{url}/mcp", content=b"{", headers=accepted).status_code in (400, 415)
    assert httpx2.post(f"{url}/mcp", json=[], headers=accepted).status_code == 400


def test_a_token_is_asked_for_where_the_api_asks(tmp_path: Path) -> None:
    with serving(tmp_path, token="a-token-that-is-long", api={"host": "0.0.0.0"}) as opened:
        answer = httpx2.post(f"{opened}/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
        assert answer.status_code == 401


async def test_the_official_client_by_stdio(tmp_path: Path) -> None:
    root = str(Path(__file__).resolve().parents[2])
    environment = {"CHATBOT_DATA_DIR": str(tmp_path / "data"), "PYTHONPATH": root, "HF_HUB_OFFLINE": "1"}
    server = StdioServerParameters(command=sys.executable, args=["-m", "backend", "mcp"], env=environment, cwd=root)
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        tools = {each.name for each in (await session.list_tools()).tools}
        assert {"ask", "search_knowledge_base", "find_tools"} <= tools
        result = await session.call_tool("current_time", {})
        assert not result.isError
