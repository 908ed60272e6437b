"""`devops-chatbot tools …`: list, search and call tools, under the policy and with the record of all calls."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.processes import AsJson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.tools.calling import CallResult
    from agents.tools.ports import ToolSpec
    from backend.bootstrap import Container
    from backend.errors import ApprovalRequired

app = typer.Typer(help="List, search and call tools.", no_args_is_help=True)

Approve = Annotated[bool, typer.Option("--yes", help="Approve what asks, what destroys included, without being asked.")]


@app.command(name="list")
def list_tools(
    source: Annotated[str, typer.Option("--source", help="Only tools of this source.")] = "", as_json: AsJson = False
) -> None:
    """The tools there are, by name: risk, what holds for a call, and why one cannot be called now."""
    _print(None, source, 10_000, as_json)


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="What you want to do, in English or Chinese.")],
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 10,
    as_json: AsJson = False,
) -> None:
    """The tools that fit best."""
    _print(query, "", limit, as_json)


@app.command()
def call(
    name: Annotated[str, typer.Argument(help="The tool.")],
    arguments: Annotated[str, typer.Argument(help='Its arguments as JSON, such as \'{"query": "fuse"}\'.')] = "{}",
    kb: Annotated[list[str] | None, typer.Option("--kb", help="A knowledge base it may use. Default: all.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")] = False,
    yes: Approve = False,
    as_json: AsJson = False,
) -> None:
    """Call a tool and print what it came to. What changes something is shown first and asks; exits with 1 when the
    call fails or is not approved."""
    from backend.cli.opening import opened

    with opened() as container:
        result = asyncio.run(_called(container, name, arguments, kb or [], dry_run, yes))
    if result is None:
        return
    if as_json:
        told = {"status": result.status, "output": result.text, "summary": result.summary, "audit_id": result.audit_id}
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        typer.echo(result.text, err=result.is_error)
    if result.is_error:
        raise typer.Exit(1)


async def _called(
    container: Container, name: str, arguments: str, kb: Sequence[str], dry_run: bool, yes: bool
) -> CallResult | None:
    """What the call came to; None after a dry run."""
    from backend.accounts.guard import LOCAL
    from backend.errors import ApprovalRequired
    from backend.knowledge_bases.selection import resolve
    from backend.tools.calls import previewed

    given = _object(arguments)
    bases: tuple[str, ...] | None = None
    if kb:
        with container.database.read() as connection:
            bases = resolve(connection, LOCAL, kb)
    if dry_run:
        _, prepared = await container.tool_calls.prepare(LOCAL, name, given, origin="cli", bases=bases)
        told = {"verdict": prepared.verdict, "reason": prepared.reason, "preview": dict(await previewed(prepared))}
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return None
    try:
        return await container.tool_calls.call(LOCAL, name, given, origin="cli", bases=bases)
    except ApprovalRequired as asked:
        return await _decided(container, asked, yes)
    finally:
        await container.http.aclose()
        await container.mcp_servers.aclose()


async def _decided(container: Container, asked: ApprovalRequired, yes: bool) -> CallResult:
    """The result once a person has decided, as often as is asked."""
    from backend.accounts.guard import LOCAL
    from backend.errors import ApprovalRequired

    while True:
        approved = yes or _confirmed(asked)
        try:
            return await container.tool_calls.decide(
                LOCAL, asked.details["approval_id"], approved=approved, origin="cli"
            )
        except ApprovalRequired as again:
            asked = again


def _confirmed(asked: ApprovalRequired) -> bool:
    typer.echo(str(asked), err=True)
    typer.echo(json.dumps(asked.details["arguments"], ensure_ascii=False, indent=2), err=True)
    if not sys.stdin.isatty():
        typer.echo("Nobody is here to approve it; --yes approves it beforehand.", err=True)
        return False
    return typer.confirm("Make this call?", default=False, err=True)


def _object(arguments: str) -> dict[str, Any]:
    try:
        given = json.loads(arguments)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise typer.BadParameter('the arguments are one JSON object, such as \'{"query": "fuse"}\'.')
    return given


def _print(query: str | None, source: str, limit: int, as_json: bool) -> None:
    from backend.accounts.guard import LOCAL
    from backend.cli.opening import opened
    from backend.tools.views import tool_fields

    with opened() as container:
        found = container.toolboxes.list(LOCAL)
        specs: list[ToolSpec] = [tool.spec for tool in found.tools.values() if source in ("", tool.spec.source)]
        specs = (
            sorted(specs, key=lambda spec: spec.name) if query is None else container.tool_search.ranked(query, specs)
        )
        rows = [tool_fields(spec, found.overrides.get(spec.name)) for spec in specs[:limit]]
    if as_json:
        typer.echo(json.dumps({"items": rows, "problems": dict(found.problems)}, ensure_ascii=False, indent=2))
        return
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        reason = "" if row["available"] else f" [not now: {row['reason']}]"
        first = row["description"].split("\n", 1)[0][:100]
        typer.echo(f"{row['name']:<{width}}  {row['risk']:<11}  {row['policy']:<9}  {first}{reason}")
    for name, problem in found.problems.items():
        typer.echo(f"{name}: {problem}", err=True)
    if query is not None and not rows:
        typer.echo("No tool fits; try other words.", err=True)
