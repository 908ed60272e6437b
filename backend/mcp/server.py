"""What an MCP client is offered: our own tools, a question to a phase, and the way to every other tool there is."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.lowlevel.helper_types import ReadResourceContents
from pydantic import AnyUrl

from agents.errors import AgentError, ToolFailed
from agents.tools.ports import ToolSpec
from backend.api.meta import product_version
from backend.bootstrap import Container
from backend.errors import ApprovalRequired, BackendError
from backend.mcp import prompts
from backend.mcp.asking import ask_phase
from backend.mcp.resources import TEMPLATES, Resources
from knowledge.errors import KnowledgeError
from knowledge.types import Scope

MOST_LISTED = 80
"""A client gives every tool that it is told of to its model: the rest is found by words."""
INSTRUCTIONS = (
    "Search the team's documents with search_knowledge_base and cite what you use; ask answers a question as a whole. "
    "Platforms of the team (metrics, logs, clusters, pipelines) have tools of their own: find_tools finds them by "
    "words, call_tool calls one. What changes something waits until a person has approved it."
)
_ASK: dict[str, Any] = {
    "type": "object",
    "properties": {
        "question": {"type": "string", "minLength": 1, "maxLength": 20_000},
        "phase": {"type": "string", "maxLength": 100, "default": "answer", "description": "What answers it."},
        "knowledge_bases": {"type": "array", "items": {"type": "string"}, "description": "Names; all if left out."},
    },
    "required": ["question"],
    "additionalProperties": False,
}
_FIND: dict[str, Any] = {
    "type": "object",
    "properties": {
        "query": {"type": "string", "minLength": 1, "maxLength": 1_000, "description": "What is to be done."},
        "limit": {"type": "integer", "minimum": 1, "maximum": 20, "default": 5},
    },
    "required": ["query"],
    "additionalProperties": False,
}
_CALL: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 64}, "arguments": {"type": "object"}},
    "required": ["name"],
    "additionalProperties": False,
}
Content = list[types.TextContent]


def make_server(container: Container, scope_of: Callable[[Server[Any, Any]], Scope]) -> Server[Any, Any]:
    """A server whose calls are those of the scope that `scope_of` tells for the request under way."""
    server: Server[Any, Any] = Server("devops-chatbot", version=product_version(), instructions=INSTRUCTIONS)
    offer = _Offer(container)

    @server.list_tools()  # type: ignore[no-untyped-call, untyped-decorator]
    async def list_tools() -> list[types.Tool]:
        return await container.in_thread(offer.tools, scope_of(server))

    @server.call_tool(validate_input=False)  # type: ignore[untyped-decorator]
    async def call_tool(name: str, arguments: dict[str, Any]) -> types.CallToolResult:
        try:
            return await offer.call(scope_of(server), name, arguments or {})
        except ApprovalRequired as error:
            return _failed(f"approval_required: {error} It waits as {error.details['approval_id']}.")
        except (AgentError, BackendError, KnowledgeError) as error:
            return _failed(f"{error.code}: {error}")

    _offer_knowledge(server, container, scope_of)
    return server


def _offer_knowledge(
    server: Server[Any, Any], container: Container, scope_of: Callable[[Server[Any, Any]], Scope]
) -> None:
    """Resources and prompts."""
    resources = Resources(database=container.database)

    @server.list_resources()  # type: ignore[no-untyped-call, untyped-decorator]
    async def list_resources(request: types.ListResourcesRequest) -> types.ListResourcesResult:
        cursor = (request.params.cursor if request.params else None) or ""
        return await container.in_thread(resources.page, scope_of(server), cursor)

    @server.list_resource_templates()  # type: ignore[no-untyped-call, untyped-decorator]
    async def list_templates() -> list[types.ResourceTemplate]:
        return list(TEMPLATES)

    @server.read_resource()  # type: ignore[no-untyped-call, untyped-decorator]
    async def read_resource(uri: AnyUrl) -> list[ReadResourceContents]:
        return await container.in_thread(resources.read, scope_of(server), str(uri))

    @server.list_prompts()  # type: ignore[no-untyped-call, untyped-decorator]
    async def list_prompts() -> list[types.Prompt]:
        return await container.in_thread(prompts.offered, container.phases, scope_of(server))

    @server.get_prompt()  # type: ignore[no-untyped-call, untyped-decorator]
    async def get_prompt(name: str, arguments: dict[str, str] | None) -> types.GetPromptResult:
        return await container.in_thread(prompts.filled, container.phases, scope_of(server), name, arguments or {})


class _Offer:
    def __init__(self, container: Container) -> None:
        self._container = container
        self._own: Mapping[str, Callable[[Scope, Mapping[str, Any]], Awaitable[types.CallToolResult]]] = {
            "ask": self._ask,
            "find_tools": self._find,
            "call_tool": self._call,
        }

    def tools(self, scope: Scope) -> list[types.Tool]:
        """Ours first, then those of platforms that fit in."""
        box = self._container.toolboxes.box(scope).tools
        specs = sorted((tool.spec for tool in box.values()), key=lambda spec: (spec.source != "builtin", spec.name))
        ready = [spec for spec in specs if not spec.reason and spec.name not in self._own]
        return [*_OWN, *(_tool(spec) for spec in ready[: MOST_LISTED - len(_OWN)])]

    async def call(self, scope: Scope, name: str, arguments: Mapping[str, Any]) -> types.CallToolResult:
        """What a tool says. Raises AgentError, BackendError, KnowledgeError."""
        own = self._own.get(name)
        if own is not None:
            return await own(scope, arguments)
        result = await self._container.tool_calls.call(scope, name, arguments, origin="mcp")
        made = _text(result.text, is_error=result.is_error)
        data = result.output.data if result.output else None
        if data is not None and result.status == "succeeded":
            made.structuredContent = {"view": result.output.view if result.output else "text", "data": data}
        return made

    async def _ask(self, scope: Scope, arguments: Mapping[str, Any]) -> types.CallToolResult:
        question = _needed(arguments, "question")
        phase = str(arguments.get("phase") or "answer")
        bases = [str(each) for each in arguments.get("knowledge_bases") or ()]
        answer = await ask_phase(self._container, scope, question, phase, bases)
        made = _text(answer.told, is_error=False)
        made.structuredContent = {"verdict": answer.verdict, "mode": answer.mode, "citations": list(answer.citations)}
        return made

    async def _find(self, scope: Scope, arguments: Mapping[str, Any]) -> types.CallToolResult:
        query, limit = _needed(arguments, "query"), arguments.get("limit", 5)
        if not isinstance(limit, int) or not 1 <= limit <= 20:
            raise ToolFailed("limit is a number from 1 to 20.")

        def found() -> Sequence[ToolSpec]:
            tools = self._container.toolboxes.box(scope).tools
            specs = [tool.spec for tool in tools.values() if not tool.spec.reason]
            return self._container.tool_search.ranked(query, specs)[:limit]

        specs = await self._container.in_thread(found)
        told = [
            {"name": each.name, "description": each.description, "risk": each.risk, "parameters": dict(each.parameters)}
            for each in specs
        ]
        return _text(json.dumps(told, ensure_ascii=False, indent=1) if told else "No tool fits.", is_error=False)

    async def _call(self, scope: Scope, arguments: Mapping[str, Any]) -> types.CallToolResult:
        name, given = _needed(arguments, "name"), arguments.get("arguments") or {}
        if name in self._own:
            raise ToolFailed(f"{name} is called by itself.")
        if not isinstance(given, Mapping):
            raise ToolFailed("arguments is an object.")
        return await self.call(scope, name, given)


def _needed(arguments: Mapping[str, Any], name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > 20_000:
        raise ToolFailed(f"{name} is needed: a text.")
    return value


def _tool(spec: ToolSpec) -> types.Tool:
    hints = types.ToolAnnotations(
        title=spec.title or None,
        readOnlyHint=spec.risk == "read",
        destructiveHint=spec.risk == "destructive",
        openWorldHint=spec.open_world,
    )
    return types.Tool(
        name=spec.name, description=spec.description, inputSchema=dict(spec.parameters), annotations=hints
    )


def _text(text: str, *, is_error: bool) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], isError=is_error)


def _failed(sentence: str) -> types.CallToolResult:
    return _text(sentence, is_error=True)


def _own(name: str, title: str, description: str, schema: dict[str, Any], *, reads: bool) -> types.Tool:
    hints = types.ToolAnnotations(title=title, readOnlyHint=reads, destructiveHint=not reads)
    return types.Tool(name=name, description=description, inputSchema=schema, annotations=hints)


_OWN = (
    _own("ask", "Ask", "Ask a question; the answer cites the team's documents.", _ASK, reads=True),
    _own("find_tools", "Find tools", "Find tools by what is to be done, with their parameters.", _FIND, reads=True),
    _own("call_tool", "Call a tool", "Call a tool that find_tools found.", _CALL, reads=False),
)
