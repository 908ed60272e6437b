"""`devops-chatbot mcp`: our MCP server by stdio, for programs that start it themselves."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from backend.bootstrap import Container


def add_to(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command()(mcp)


def mcp() -> None:
    """Speak the Model Context Protocol on standard input and output; what is logged goes to standard error."""
    from backend.cli.opening import opened

    out = sys.stdout
    sys.stdout = sys.stderr  # a stray line would be read as a message
    with opened() as container:
        sys.stdout = out
        asyncio.run(_serve(container))


async def _serve(container: Container) -> None:
    from mcp.server.stdio import stdio_server

    from backend.accounts.guard import LOCAL
    from backend.mcp.server import make_server

    server = make_server(container, lambda _: LOCAL)
    try:
        async with stdio_server() as (incoming, outgoing):
            sys.stdout = sys.stderr
            await server.run(incoming, outgoing, server.create_initialization_options())
    finally:
        await container.http.aclose()
        await container.mcp_servers.aclose()
        await container.catalogue.aclose()
