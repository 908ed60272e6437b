"""`runs`: what was asked, what happened, and a run seen again from its recording, without a model."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from backend.bootstrap import Container
    from backend.runs.types import Run, StoredEvent

app = typer.Typer(help="Runs: list them, look at one, see it again.", no_args_is_help=True)

RunId = Annotated[str, typer.Argument(metavar="RUN", help="Its id, as `runs list` shows it.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
NARROW = 100
_QUIET = frozenset({"text_delta", "usage_reported", "step_started", "cited"})


@app.command("list")
def list_them(
    phase: Annotated[str, typer.Option("--phase", help="Of this phase only.")] = "",
    status: Annotated[str, typer.Option("--status", help="running, waiting, finished, failed or cancelled.")] = "",
    query: Annotated[str, typer.Option("--query", help="Words of the question or of the answer.")] = "",
    tool: Annotated[str, typer.Option("--tool", help="A tool that was called.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=500)] = 20,
    as_json: AsJson = False,
) -> None:
    """The newest runs."""
    from backend.accounts.guard import LOCAL
    from backend.cli.opening import opened
    from backend.runs.listing import RunFilters, list_runs

    filters = RunFilters(phase=phase, status=status, query=query, tool=tool)
    with opened() as container, container.database.read() as connection:
        found, _ = list_runs(connection, LOCAL, filters, limit)
    if as_json:
        typer.echo(json.dumps([_summary(run) for run in found], ensure_ascii=False, indent=2))
        return
    for run in found:
        asked = " ".join(run.spec.question.split())[:NARROW]
        typer.echo(f"{run.id}  {run.created_at:%Y-%m-%d %H:%M}  {run.status:9}  {run.phase:16}  {asked}")


@app.command()
def show(run_id: RunId, as_json: AsJson = False) -> None:
    """What a run was asked and what happened, step by step."""
    run, events = _trace(run_id)
    if as_json:
        told = [{"id": event.seq, "kind": event.kind, "data": json.loads(event.data)} for event in events]
        typer.echo(json.dumps({"run": _summary(run), "events": told}, ensure_ascii=False, indent=2))
        return
    typer.echo(f"{run.spec.question}\n\n{run.phase}, {run.status}, {run.model or 'no model'}, {run.created_at:%c}\n")
    for event in events:
        line = _line(event)
        if line:
            typer.echo(line)


@app.command()
def replay(
    run_id: RunId,
    delay_ms: Annotated[int, typer.Option("--delay-ms", min=0, max=10_000, help="Between events.")] = 20,
    as_json: AsJson = False,
) -> None:
    """A run as it was seen when it was done: from its recording, no model and no tool is called."""
    _, events = _trace(run_id)
    midline = False
    for event in events:
        if as_json:
            typer.echo(event.data)
        elif event.kind == "text_delta":
            typer.echo(json.loads(event.data)["text"], nl=False)
            midline = True
        elif line := _line(event):
            typer.echo(f"\n{line}" if midline else line)
            midline = False
        time.sleep(delay_ms / 1000)


def _trace(run_id: str) -> tuple[Run, tuple[StoredEvent, ...]]:
    from backend.accounts.guard import LOCAL
    from backend.cli.opening import opened
    from backend.runs.listing import read_trace

    with opened() as container:
        return _read(container, LOCAL, run_id, read_trace)


def _read(container: Container, scope: Any, run_id: str, read: Any) -> tuple[Run, tuple[StoredEvent, ...]]:
    with container.database.read() as connection:
        trace = read(connection, scope, run_id)
    return trace.run, trace.events


def _summary(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "thread_id": run.thread_id,
        "phase": run.phase,
        "status": run.status,
        "question": run.spec.question,
        "model": run.model,
        "error": run.error,
        "created_at": run.created_at.isoformat(),
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        "waited_s": run.waited_s,
    }


def _line(event: StoredEvent) -> str:
    """An event as a line for people; empty for what would only be noise."""
    if event.kind in _QUIET:
        return ""
    said = json.loads(event.data)
    tellers: dict[str, Callable[[], str]] = {
        "agent_started": lambda: f"{said['agent']} ({said['role']})",
        "agent_finished": lambda: _joined(said["agent"], said["result"], said["detail"]),
        "tool_called": lambda: f"{said['tool']} {json.dumps(said['arguments'], ensure_ascii=False)}",
        "tool_finished": lambda: _joined(said["tool"], said["status"], said["summary"]),
        "thought": lambda: said["text"],
        "plan_updated": lambda: "; ".join(f"{step['id']} {step['status']}: {step['text']}" for step in said["steps"]),
        "approval_requested": lambda: _joined(said["tool"] or "question", said["reason"]),
        "approval_decided": lambda: _joined(said["decision"], said["comment"]),
        "budget_exceeded": lambda: said["message"],
        "retrieved": lambda: f"{len(said['passages'])} passages for {said['query']}",
        "step_finished": lambda: _joined(said["step"], said["detail"]),
        "run_failed": lambda: said["message"],
        "run_finished": lambda: said["verdict"],
    }
    teller = tellers.get(event.kind)
    shown = teller() if teller is not None else ""
    return f"{event.seq:4}  {event.kind:18}  {' '.join(shown.split())[:500]}".rstrip()


def _joined(*parts: str) -> str:
    return ": ".join(part for part in parts if part)
