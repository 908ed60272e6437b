"""Jobs: what is being built, how far it is, and how to stop it or ask for it again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from backend.api.context import Caller, Cursor, Here, Limit
from backend.api.openapi import problems
from backend.api.streams import BEAT, BEAT_SECONDS, EVENTS, EventStream, LastEventId
from backend.bootstrap import Container
from backend.jobs.events import encode_job_event
from backend.jobs.types import Job, StoredJobEvent
from backend.knowledge_bases.selection import resolve
from backend.schemas import JobView, Page
from knowledge.types import Scope

router = APIRouter(prefix="/jobs", tags=["jobs"])

Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]


def job_view(job: Job) -> JobView:
    """A job as REST shows it."""
    return JobView.model_validate(job)


@router.get("", responses=problems(404))
def list_jobs(
    container: Here,
    scope: Caller,
    limit: Limit = 50,
    cursor: Cursor = "",
    knowledge_base: Annotated[str, Query(max_length=200, description="Id or name.")] = "",
    status: Annotated[list[Status] | None, Query(description="Repeat for several.")] = None,
    results: Annotated[bool, Query(description="false: without what they left behind, which may be long.")] = True,
) -> Page[JobView]:
    """Jobs, newest first."""
    with container.database.read() as connection:
        base = resolve(connection, scope, [knowledge_base])[0] if knowledge_base else None
        found, following = container.jobs.page(
            connection,
            scope,
            limit=limit,
            cursor=cursor,
            knowledge_base_id=base,
            status=status or (),
            results=results,
        )
    return Page(items=[job_view(job) for job in found], next_cursor=following)


@router.get("/{id}", responses=problems(404))
def get_job(id: str, container: Here, scope: Caller) -> JobView:
    """One job."""
    with container.database.read() as connection:
        return job_view(container.jobs.get(connection, scope, id))


@router.post("/{id}/cancel", status_code=202, responses=problems(404))
def cancel_job(id: str, container: Here, scope: Caller) -> JobView:
    """Stop a job within two seconds; what it has done stays. A finished job is left as it is."""
    with container.database.write() as connection:
        return job_view(container.jobs.cancel(connection, scope, id))


@router.post("/{id}/retry", status_code=202, responses=problems(404, 409))
def retry_job(id: str, container: Here, scope: Caller) -> JobView:
    """Queue a failed or cancelled job again; it goes on from what it had reached."""
    with container.database.write() as connection:
        return job_view(container.jobs.retry(connection, scope, id))


@router.get("/{id}/events", response_class=EventStream, responses={**EVENTS, **problems(404)})
async def follow_job(id: str, container: Here, scope: Caller, last_event_id: LastEventId = 0) -> EventStream:
    """What happens to the job, up to its end. Resume with Last-Event-ID; progress that was overtaken is left out."""
    await container.in_thread(get_job, id, container, scope)
    return EventStream(_wire(container, scope, id, last_event_id))


async def _wire(container: Container, scope: Scope, job_id: str, after: int) -> AsyncIterator[bytes]:
    with container.metrics.streams.track_inprogress():
        async for events in container.job_follower.follow(scope, job_id, after, beat=BEAT_SECONDS):
            yield b"".join([_event(each) for each in events]) or BEAT


def _event(stored: StoredJobEvent) -> bytes:
    data = encode_job_event(stored.event)
    return f"id: {stored.id}\nevent: {stored.event.kind}\ndata: {data}\n\n".encode(errors="replace")
