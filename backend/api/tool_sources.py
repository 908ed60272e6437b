"""Sources of tools: toolsets and documents that operators bring, and which of their tools are on."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from sqlalchemy import Connection

from agents.tools.http.endpoint import Endpoint
from agents.tools.mcp.process import ServerCommand
from agents.tools.yaml.loading import load_toolset
from backend.api.context import Caller, Creating, Cursor, Here, Limit
from backend.api.openapi import problems
from backend.bootstrap import Container
from backend.connections.store import Connections
from backend.errors import Invalid, Missing
from backend.schemas.base import Page
from backend.schemas.tool_sources import McpCommand, SourceTools, ToolSourceCreate, ToolSourceUpdate, ToolSourceView
from backend.tool_sources import views
from backend.tool_sources.commands import (
    OPTION,
    GivenCommand,
    check_allowed,
    forget_command,
    kept_command,
    server_command,
)
from backend.tool_sources.importing import Given, read_definition
from backend.tool_sources.store import StoredSource, ToolSources
from knowledge.types import Scope

router = APIRouter(prefix="/tool-sources", tags=["tools"])


@router.post("", status_code=201, responses=problems(409))
async def create_tool_source(
    body: ToolSourceCreate, container: Here, scope: Caller, creating: Creating
) -> ToolSourceView:
    """Read a toolset or a document, and store its tools. Of a document only what reads (GET and HEAD) is on. What an
    MCP server has now is on, and asks before every call unless the server is trusted."""
    connected, command = None, _given_command(container, body.command)
    if body.connection_id or (command is None and body.kind != "yaml"):
        connected = await container.in_thread(_endpoint, container, scope, body.connection_id)
    given = Given(kind=body.kind, name=body.name, text=body.definition, url=body.url, trusted=body.trusted)
    server = command.as_server() if command is not None else None
    definition = await read_definition(given, container.http, connected, server)
    if connected is None and server is None and not load_toolset(definition).is_local:
        raise Invalid("connection_id names no connection: make one first, with the address to be called.")

    def make(connection: Connection) -> ToolSourceView:
        options = views.first_options(body.kind, definition, trusted=body.trusted)
        if command is not None:
            options[OPTION] = kept_command(connection, scope, container.sealer, command, body.name)
        made = ToolSources(connection, scope).create(
            kind=body.kind,
            name=body.name,
            connection_id=body.connection_id or None,
            definition=definition,
            options=options,
        )
        return _view(made, definition)

    return await container.in_thread(creating.once, body, ToolSourceView, make)


@router.get("")
def list_tool_sources(container: Here, scope: Caller, limit: Limit = 50, cursor: Cursor = "") -> Page[ToolSourceView]:
    """Sources by name."""
    with container.database.read() as connection:
        store = ToolSources(connection, scope)
        stored, following = store.page(limit, cursor)
        return Page(items=[_view(each, store.definition(each.id)) for each in stored], next_cursor=following)


@router.get("/{id}", responses=problems(404))
def get_tool_source(id: str, container: Here, scope: Caller) -> ToolSourceView:
    """One source."""
    with container.database.read() as connection:
        store = ToolSources(connection, scope)
        return _view(store.get(id), store.definition(id))


@router.get("/{id}/tools", responses=problems(404))
def list_source_tools(
    id: str,
    container: Here,
    scope: Caller,
    query: Annotated[str, Query(max_length=200, description="Only tools with this in name, path or title.")] = "",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    offset: Annotated[int, Query(ge=0, le=100_000)] = 0,
) -> SourceTools:
    """Every tool of the source, on or not, and what no tool was made of."""
    with container.database.read() as connection:
        store = ToolSources(connection, scope)
        source, definition = store.get(id), store.definition(id)
    words = query.lower().split()
    items = [each for each in views.tools(source, definition) if all(word in _text(each) for word in words)]
    refusals = views.read(source, definition)[0].get("refusals", [])
    return SourceTools.model_validate(
        {"items": items[offset : offset + limit], "refusals": refusals, "total": len(items)}
    )


@router.patch("/{id}", responses=problems(404, 409))
async def change_tool_source(id: str, body: ToolSourceUpdate, container: Here, scope: Caller) -> ToolSourceView:
    """Change what is given: switch single tools on or off, say their risk, read the document again."""
    source = await container.in_thread(_source, container, scope, id)
    if body.connection_id and (OPTION in source.options or body.command is not None):
        raise Invalid("This source is started by its command and has no connection: make another one for that.")
    if body.command is not None and OPTION not in source.options:
        raise Invalid("This source has a connection and no command: make another one for that.")
    command = _given_command(container, body.command)
    definition = None
    if body.definition or body.url or command is not None or (body.refresh and source.kind == "mcp"):
        trusted = bool(source.options.get("trusted"))
        given = Given(kind=source.kind, name=source.name, text=body.definition, url=body.url, trusted=trusted)
        server = command.as_server() if command is not None else None
        connected = None
        if OPTION not in source.options:
            connection_id = body.connection_id or source.connection_id or ""
            if connection_id or source.kind != "yaml":
                connected = await container.in_thread(_endpoint, container, scope, connection_id)
        elif server is None:
            server = await container.in_thread(_server, container, scope, source)
        definition = await read_definition(given, container.http, connected, server)
    elif body.connection_id:
        await container.in_thread(_endpoint, container, scope, body.connection_id)
    changed = await container.in_thread(_changed, container, scope, id, body, definition)
    if command is not None or body.enabled is False:
        container.mcp_servers.stop(id)
    return changed


@router.delete("/{id}", status_code=204, responses=problems(404))
def delete_tool_source(id: str, container: Here, scope: Caller) -> Response:
    """Forget a source and its tools."""
    with container.database.write() as connection:
        store = ToolSources(connection, scope)
        forget_command(connection, scope, store.get(id).options)
        store.delete(id)
    container.mcp_servers.stop(id)
    return Response(status_code=204)


def _changed(
    container: Container, scope: Scope, source_id: str, body: ToolSourceUpdate, definition: str | None
) -> ToolSourceView:
    values: dict[str, Any] = body.model_dump(include={"name", "enabled", "connection_id"}, exclude_none=True)
    with container.database.write() as connection:
        store = ToolSources(connection, scope)
        current = store.get(source_id)
        text = store.definition(source_id) if definition is None else definition
        if definition is not None:
            values["definition"] = definition
        if body.tools:
            try:
                values["options"] = views.decided(current, text, body.tools)
            except KeyError as error:
                raise Invalid(f"The source has no tool named {str(error.args[0])[:80]!r}.") from None
        command = _given_command(container, body.command)
        if command is not None:
            forget_command(connection, scope, current.options)
            kept = kept_command(connection, scope, container.sealer, command, values.get("name", current.name))
            values["options"] = {**values.get("options", current.options), OPTION: kept}
        return _view(store.change(source_id, values), text)


def _given_command(container: Container, body: McpCommand | None) -> GivenCommand | None:
    """Raises CommandsOff."""
    if body is None:
        return None
    check_allowed(body.command, container.settings.tools.mcp_commands)
    return GivenCommand(**body.model_dump())


def _server(container: Container, scope: Scope, source: StoredSource) -> ServerCommand:
    allowed = container.settings.tools.mcp_commands
    with container.database.read() as connection:
        return server_command(connection, scope, container.sealer, source.options, allowed)


def _source(container: Container, scope: Scope, source_id: str) -> StoredSource:
    with container.database.read() as connection:
        return ToolSources(connection, scope).get(source_id)


def _endpoint(container: Container, scope: Scope, connection_id: str) -> Endpoint:
    """Raises Invalid for a connection that is not there."""
    with container.database.read() as connection:
        try:
            stored = Connections(connection, scope, container.sealer).get(connection_id)
        except Missing:
            raise Invalid("connection_id names no connection: make one first, with the address to be called.") from None
    return stored.endpoint(container.sealer)


def _view(source: StoredSource, definition: str) -> ToolSourceView:
    return ToolSourceView.model_validate(views.summary(source, definition))


def _text(tool: dict[str, Any]) -> str:
    return f"{tool['name']} {tool['method']} {tool['path']} {tool['title']}".lower()
