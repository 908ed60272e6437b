"""Runs: begin one in a conversation, follow its events, stop it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from sqlalchemy import Connection

from agents.phases.spec import Budget, RunSpec
from backend.api.context import Caller, Creating, Cursor, Here, Limit
from backend.api.openapi import problems
from backend.api.streams import BEAT, BEAT_SECONDS, EVENTS, EventStream, LastEventId
from backend.bootstrap import Container
from backend.errors import Invalid
from backend.knowledge_bases.selection import resolve, still_there
from backend.phases.choosing import chosen_phase
from backend.runs.listing import RunFilters, list_runs, read_trace
from backend.runs.opening import Placement, open_run
from backend.runs.store import RunStore
from backend.runs.types import Run
from backend.schemas import ModelSelector, Page, RunCreate, RunTrace, RunView, TracedEvent
from backend.threads.store import ThreadStore
from knowledge.types import Scope

router = APIRouter(tags=["runs"])


@router.post("/threads/{id}/runs", status_code=202, responses=problems(404, 409, 503))
async def create_run(id: str, body: RunCreate, container: Here, scope: Caller, creating: Creating) -> RunView:
    """Ask a question, answer one again (`regenerate`) or edit one (`edit_of`). Returns at once; follow the events.

    A branch that is still being answered refuses with 409 `run_active`; other branches of the thread do not mind.
    """
    container.runs.check_room()
    begun: list[Run] = []

    def make(connection: Connection) -> RunView:
        spec = _spec(connection, container, scope, id, body)
        placement = Placement(parent_id=body.parent_id, edit_of=body.edit_of, regenerate=body.regenerate)
        run = open_run(connection, id, spec, placement, owner=container.runs.owner)
        begun[:] = [run]
        return RunView.model_validate(run)

    view = await container.in_thread(creating.once, body, RunView, make)
    for run in begun:
        container.runs.begin(run)
    return view


def _spec(connection: Connection, container: Container, scope: Scope, thread_id: str, body: RunCreate) -> RunSpec:
    version = chosen_phase(connection, container.phases, container.abilities, scope, body.phase).version
    names = body.knowledge_bases
    if names is None:
        names = list(ThreadStore(connection, scope).get(thread_id).knowledge_bases)
        bases = still_there(connection, scope, names)
    else:
        bases = resolve(connection, scope, names)
    model = body.model
    if isinstance(model, ModelSelector):
        if not (model.name or model.base_url):
            raise Invalid("`model` needs a name or a base_url.")
        model_asked = container.models.sealed(model.model_dump())
    else:
        model_asked = model
    container.models.find(connection, scope, model_asked)
    _check_tools(connection, container, scope, body.tools or ())
    return RunSpec(
        question=body.input,
        phase=body.phase,
        phase_version=version,
        scope=scope,
        knowledge_bases=bases,
        filters=body.filters.chosen(),
        tools=None if body.tools is None else tuple(dict.fromkeys(body.tools)),
        budget=Budget(**body.budget.model_dump()),
        model=model_asked,
        language=body.language,
    )


def _check_tools(connection: Connection, container: Container, scope: Scope, names: Sequence[str]) -> None:
    if not names:
        return
    known = container.toolboxes.list(scope, connection=connection).tools
    unknown = [name for name in names if name != "*" and name not in known]
    if unknown:
        raise Invalid(f"There is no tool named {unknown[0]!r}; GET /api/v1/tools lists those there are.")


@router.get("/runs")
def list_all_runs(
    container: Here,
    scope: Caller,
    limit: Limit = 50,
    cursor: Cursor = "",
    phase: Annotated[str, Query(max_length=100)] = "",
    status: Literal["running", "waiting", "finished", "failed", "cancelled"] | None = None,
    query: Annotated[str, Query(max_length=500, description="Words of the question or of the answer.")] = "",
    tool: Annotated[str, Query(max_length=64, description="A tool that was called.")] = "",
) -> Page[RunView]:
    """Runs of all conversations, the newest first."""
    filters = RunFilters(phase=phase, status=status or "", query=query.strip(), tool=tool)
    with container.database.read() as connection:
        found, following = list_runs(connection, scope, filters, limit, cursor)
    return Page(items=[RunView.model_validate(run) for run in found], next_cursor=following)


@router.get("/runs/{id}", responses=problems(404))
def get_run(id: str, container: Here, scope: Caller) -> RunView:
    """One run."""
    with container.database.read() as connection:
        return RunView.model_validate(RunStore(connection, scope).get(id))


@router.get("/runs/{id}/export", responses=problems(404))
def export_run(id: str, container: Here, scope: Caller, response: Response) -> RunTrace:
    """The whole trace of a run as one file."""
    with container.database.read() as connection:
        trace = read_trace(connection, scope, id)
    response.headers["Content-Disposition"] = f'attachment; filename="run-{id[:12]}.json"'
    events = [TracedEvent(id=event.seq, kind=event.kind, data=json.loads(event.data)) for event in trace.events]
    return RunTrace(run=RunView.model_validate(trace.run), spec=dict(trace.spec), events=events)


@router.get("/runs/{id}/events", response_class=EventStream, responses={**EVENTS, **problems(404)})
async def follow_run(id: str, container: Here, scope: Caller, last_event_id: LastEventId = 0) -> EventStream:
    """The run's events, those stored and then those to come, up to its last. Resume with Last-Event-ID."""
    await container.in_thread(get_run, id, container, scope)
    return EventStream(_wire(container, id, last_event_id))


async def _wire(container: Container, run_id: str, after: int) -> AsyncIterator[bytes]:
    with container.metrics.streams.track_inprogress():
        async for events in container.runs.follow(run_id, after, beat=BEAT_SECONDS):
            yield b"".join([event.wire() for event in events]) or BEAT


@router.post("/runs/{id}/cancel", status_code=202, responses=problems(404))
async def cancel_run(id: str, container: Here, scope: Caller) -> RunView:
    """Stop a run, wherever it is performed; what is written so far stays. A finished run is left as it is."""
    run = await container.in_thread(_request_cancel, container, scope, id)
    container.runs.cancel(id)
    return RunView.model_validate(run)


def _request_cancel(container: Container, scope: Scope, run_id: str) -> Run:
    with container.database.write() as connection:
        return RunStore(connection, scope).request_cancel(run_id)
