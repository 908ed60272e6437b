"""`devops-chatbot tools add`: tools from a document, a toolset or an MCP server, over a connection that is there."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from backend.bootstrap import Container
    from backend.tool_sources.importing import Given

OpenApi = Annotated[str, typer.Option("--openapi", help="An OpenAPI document: a file or an address.")]
Toolset = Annotated[Path | None, typer.Option("--yaml", help="A toolset in YAML.", exists=True, dir_okay=False)]


def add_to(app: typer.Typer) -> None:
    """Adds the command to those of tools."""
    app.command()(add)


def add(
    name: Annotated[str, typer.Argument(help="What the source is called; names of imported tools begin with it.")],
    connection: Annotated[str, typer.Option("--connection", help="Name or id of the connection that is called.")],
    openapi: OpenApi = "",
    yaml: Toolset = None,
    mcp: Annotated[bool, typer.Option("--mcp", help="The tools of the MCP server at the connection.")] = False,
    trusted: Annotated[bool, typer.Option("--trusted", help="Believe the MCP server's own hints.")] = False,
) -> None:
    """Add tools. Of a document only what reads is on; the tools of an MCP server ask before every call."""
    from backend.cli.opening import opened

    if sum((bool(openapi), yaml is not None, mcp)) != 1:
        raise typer.BadParameter("give one of --openapi, --yaml and --mcp.")
    given = _given(name, openapi, yaml, trusted)
    with opened() as container:
        typer.echo(asyncio.run(_added(container, given, connection)))


def _given(name: str, openapi: str, yaml: Path | None, trusted: bool) -> Given:
    from backend.tool_sources.importing import Given

    if yaml is not None:
        return Given(kind="yaml", name=name, text=_read(yaml))
    if not openapi:
        return Given(kind="mcp", name=name, trusted=trusted)
    if "://" in openapi:
        return Given(kind="openapi", name=name, url=openapi)
    return Given(kind="openapi", name=name, text=_read(Path(openapi)))


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise typer.BadParameter(f"{path} cannot be read as text.") from None


async def _added(container: Container, given: Given, connection: str) -> str:
    """Stores the source; a sentence that says what became of it. Raises Invalid, NameTaken, ToolsetInvalid."""
    from backend.accounts.guard import LOCAL
    from backend.connections.store import Connections
    from backend.errors import Invalid
    from backend.tool_sources import views
    from backend.tool_sources.importing import read_definition
    from backend.tool_sources.store import ToolSources

    with container.database.read() as reading:
        known = Connections(reading, LOCAL, container.sealer).all()
    found = next((each for each in known if connection in (each.id, each.name)), None)
    if found is None:
        names = ", ".join(each.name for each in known) or "none"
        raise Invalid(f"There is no connection named {connection[:100]!r}; there is {names}.")
    try:
        definition = await read_definition(given, container.http, found.endpoint(container.sealer))
    finally:
        await container.http.aclose()
    with container.database.write() as writing:
        made = ToolSources(writing, LOCAL).create(
            kind=given.kind,
            name=given.name,
            connection_id=found.id,
            definition=definition,
            options=views.first_options(given.kind, definition, trusted=given.trusted),
        )
    told = views.summary(made, definition)
    base = (
        f" Its paths are below {told['base_path']}: the connection's address ends with it?" if told["base_path"] else ""
    )
    return f"{given.name}: {told['tools']} tools, {told['on']} of them on, {told['refused']} operations refused.{base}"
