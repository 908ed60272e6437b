"""The sandbox: sessions, code that runs in them, their files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Request, Response

from backend.api.context import Caller, Here
from backend.api.downloads import downloaded
from backend.api.openapi import problems
from backend.api.streams import EVENTS, EventStream
from backend.errors import BodyTooLarge
from backend.sandboxes.presentation import run_view, wire_events
from backend.schemas import (
    SandboxFiles,
    SandboxFileView,
    SandboxLogView,
    SandboxNetworkOffer,
    SandboxNetworkRequestView,
    SandboxNetworkView,
    SandboxRunCreate,
    SandboxRunView,
    SandboxSessionCreate,
    SandboxSessionView,
    SandboxStatus,
    SandboxUsageView,
)
from knowledge.types import Scope
from sandbox.artifacts import media_type_of
from sandbox.errors import UnsafePath
from sandbox.languages import aliases_of
from sandbox.sessions.service import SessionService
from sandbox.sessions.session import Owner, Session
from sandbox.types import CodeEvent, RunRequest

router = APIRouter(prefix="/sandbox", tags=["sandbox"])

LOOK_EVERY_S = 0.5
"""How often it is asked whether the caller of a run is still there."""

FilePath = Annotated[str, Path(max_length=1000, description="A path in the session's folder.")]


def _owner(scope: Scope) -> Owner:
    return Owner(workspace_id=scope.workspace_id, user_id=scope.user_id)


@router.get("/status")
async def sandbox_status(container: Here) -> SandboxStatus:
    """Whether code can be run here, by what, in which languages, within which limits; if not, why and what would
    help."""
    adapter, status = await container.sandbox.status()
    limits = {name: float(value) for name, value in asdict(container.sandbox.limits).items()}
    return SandboxStatus(
        adapter=adapter,  # type: ignore[arg-type]
        available=status.available,
        reason=status.reason,
        languages=list(status.languages),
        limits=limits,
        enforcement=dict(status.enforcement),
        detail=status.detail,
        not_held=list(status.not_held),
        missing=list(status.missing),
        aliases=aliases_of(status.languages),
        network=SandboxNetworkOffer(
            hosts=[str(each) for each in container.sandbox.network_policy.all_rules],
            packages=container.sandbox.network_policy.packages is not None,
        ),
    )


@router.post("/sessions", status_code=201, responses=problems(409, 429))
async def create_sandbox_session(body: SandboxSessionCreate, container: Here, scope: Caller) -> SandboxSessionView:
    """Open a session: variables and files of one caller, kept until it ends or is ended. It has no network
    unless it asks for one, and never more of it than the administrator allows."""
    session = await container.sandbox.open(
        _owner(scope), language=body.language, network=body.network, lifetime_s=body.lifetime_s
    )
    return await _view(container.sandbox, session)


@router.get("/sessions")
async def list_sandbox_sessions(container: Here, scope: Caller) -> list[SandboxSessionView]:
    """The caller's open sessions, the oldest first."""
    return [await _view(container.sandbox, each) for each in container.sandbox.of(_owner(scope))]


@router.get("/sessions/{id}", responses=problems(404))
async def get_sandbox_session(id: str, container: Here, scope: Caller) -> SandboxSessionView:
    """One session."""
    return await _view(container.sandbox, container.sandbox.find(_owner(scope), id))


@router.delete("/sessions/{id}", status_code=204, response_class=Response, responses=problems(404))
async def delete_sandbox_session(id: str, container: Here, scope: Caller) -> None:
    """End a session with everything that runs in it and all its files."""
    await container.sandbox.end(container.sandbox.find(_owner(scope), id))


_RUN: dict[int | str, dict[str, Any]] = {
    200: {"description": "How it went; with `Accept: text/event-stream` as events.", "content": EVENTS[200]["content"]}
}


@router.post(
    "/sessions/{id}/runs", response_model=SandboxRunView, responses={**_RUN, **problems(404, 409, 410)}
)  # fmt: skip
async def run_in_sandbox(
    id: str,
    body: SandboxRunCreate,
    http: Request,
    container: Here,
    scope: Caller,
    accept: Annotated[str, Header()] = "",
) -> Any:
    """Run code in a session and wait for its end. A caller that goes away ends the run."""
    sessions = container.sandbox
    session = sessions.find(_owner(scope), id)
    request = RunRequest(
        code=body.code,
        language=body.language or session.language,
        timeout_s=body.timeout_s or sessions.limits.run_seconds,
        stdin=body.stdin,
    )
    events = sessions.run(session, request)
    if "text/event-stream" in accept:
        first = await anext(events)  # what is refused is refused before the stream begins
        return EventStream(_wire(first, events))
    return run_view(await _whole(events, http))


async def _whole(events: AsyncGenerator[CodeEvent, None], http: Request) -> list[CodeEvent]:
    """All events of a run; it is ended when nobody waits for them any more."""

    async def collect() -> list[CodeEvent]:
        async with aclosing(events):
            return [event async for event in events]

    collecting = asyncio.create_task(collect())
    try:
        while not (await asyncio.wait([collecting], timeout=LOOK_EVERY_S))[0]:
            if await http.is_disconnected():
                break
    finally:
        if not collecting.done():
            collecting.cancel()
    return await collecting


async def _wire(first: CodeEvent, events: AsyncGenerator[CodeEvent, None]) -> AsyncIterator[bytes]:
    number = 0
    async with aclosing(events):
        event: CodeEvent | None = first
        while event is not None:
            for kind, data in wire_events(event):
                number += 1
                yield f"event: {kind}\nid: {number}\ndata: {json.dumps(data)}\n\n".encode()
            event = await anext(events, None)


@router.get("/sessions/{id}/runs", responses=problems(404))
async def list_sandbox_runs(id: str, container: Here, scope: Caller) -> list[SandboxLogView]:
    """The last runs of a session, as far as they are remembered: beginning of the code, end of the output."""
    session = container.sandbox.find(_owner(scope), id)
    return [SandboxLogView.model_validate(each) for each in session.log]


@router.get("/sessions/{id}/network", responses=problems(404))
async def get_sandbox_network(id: str, container: Here, scope: Caller) -> SandboxNetworkView:
    """What a session asked of the network, the latest request first, and what came of it."""
    network = container.sandbox.find(_owner(scope), id).network
    if network is None:
        return SandboxNetworkView(hosts=[], total=0, refused=0, sent=0, received=0, items=[])
    log = network.log
    return SandboxNetworkView(
        hosts=[str(each) for each in network.rules],
        total=log.total,
        refused=log.refused,
        sent=log.sent,
        received=log.received,
        items=[SandboxNetworkRequestView.model_validate(each) for each in reversed(log.requests)],
    )


@router.post("/sessions/{id}/interrupt", status_code=202, responses=problems(404, 410))
async def interrupt_sandbox(id: str, container: Here, scope: Caller) -> SandboxSessionView:
    """What Ctrl-C does to the run at work; one that pays no heed is killed two seconds later."""
    session = container.sandbox.find(_owner(scope), id)
    await session.confined.interrupt()
    return await _view(container.sandbox, session)


@router.get("/sessions/{id}/files", responses=problems(404, 410))
async def list_sandbox_files(id: str, container: Here, scope: Caller) -> SandboxFiles:
    """The regular files of a session, and what the session takes at the moment."""
    session = container.sandbox.find(_owner(scope), id)
    entries, usage = await session.confined.manage("list")
    session.touch()
    items = [
        SandboxFileView(
            path=each.path,
            media_type=media_type_of(each.path),
            size=each.size,
            modified_at=datetime.fromtimestamp(min(max(each.modified_at, 0.0), 4e9), UTC),
        )
        for each in entries
    ]
    return SandboxFiles(items=items, usage=SandboxUsageView.model_validate(usage))


_BYTES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.put(
    "/sessions/{id}/files/{path:path}",
    status_code=204,
    response_class=Response,
    openapi_extra=_BYTES,
    responses=problems(404, 410, 507),
)
async def put_sandbox_file(id: str, path: FilePath, request: Request, container: Here, scope: Caller) -> None:
    """Store the body as a regular file of the session; what stood there is replaced."""
    session = container.sandbox.find(_owner(scope), id)
    _refuse_odd(path)
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > container.sandbox.limits.max_file_bytes:
            raise BodyTooLarge(f"A file may have {container.sandbox.limits.max_file_bytes:,} bytes.")
    await session.confined.put(path, bytes(content))
    session.touch()


_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file, as a download.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.get(
    "/sessions/{id}/files/{path:path}", response_class=Response, responses={**_FILE, **problems(404, 410)}
)  # fmt: skip
async def get_sandbox_file(id: str, path: FilePath, container: Here, scope: Caller) -> Response:
    """A regular file of the session as a download; links are not followed, a page in it does not run in our origin."""
    session = container.sandbox.find(_owner(scope), id)
    content = await session.confined.get(path)
    session.touch()
    return downloaded(content, path.rpartition("/")[2], media_type_of(path))


@router.delete(
    "/sessions/{id}/files/{path:path}", status_code=204, response_class=Response, responses=problems(404, 410)
)  # fmt: skip
async def delete_sandbox_file(id: str, path: FilePath, container: Here, scope: Caller) -> None:
    """Delete a file, or a folder with all that is in it."""
    session = container.sandbox.find(_owner(scope), id)
    await session.confined.manage("delete", path)
    session.touch()


def _refuse_odd(path: str) -> None:
    """Names that one system reads as a path and another as a name, or that a terminal obeys, are not made by us."""
    if "\\" in path or any(ord(character) < 32 or ord(character) == 127 for character in path):
        raise UnsafePath("A path has no backslashes and no control characters.")


async def _view(sessions: SessionService, session: Session) -> SandboxSessionView:
    _, status = await sessions.status()
    return SandboxSessionView(
        id=session.id,
        adapter=session.adapter,
        language=session.language,
        languages=list(status.languages),
        busy=session.busy,
        run_count=session.run_count,
        created_at=session.created_at,
        last_used_at=session.last_used_at,
        expires_in_s=round(session.expires_in_s, 1),
        network=[] if session.network is None else [str(each) for each in session.network.rules],
    )
