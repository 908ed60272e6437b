"""Conversations: threads, their messages and feedback on them."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query, Response
from sqlalchemy import Connection

from backend.api.context import Caller, Creating, Cursor, Here, Limit
from backend.api.openapi import problems
from backend.bootstrap import Container
from backend.knowledge_bases.selection import resolve
from backend.runs.store import RunStore
from backend.schemas import (
    FeedbackPut,
    MessageView,
    Page,
    TagView,
    ThreadCreate,
    ThreadExport,
    ThreadUpdate,
    ThreadView,
)
from backend.threads.export import as_markdown
from backend.threads.store import ThreadStore
from backend.threads.tags import all_tags
from backend.threads.types import Feedback
from knowledge.types import Scope

router = APIRouter(tags=["conversations"])

_EXPORTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The conversation.",
        "content": {"text/markdown": {"schema": {"type": "string"}}},
        "model": ThreadExport,
    }
}


@router.post("/threads", status_code=201, responses=problems(404))
def create_thread(body: ThreadCreate, container: Here, scope: Caller, creating: Creating) -> ThreadView:
    """A new, empty conversation."""

    def make(connection: Connection) -> ThreadView:
        bases = resolve(connection, scope, body.knowledge_bases)
        return ThreadView.model_validate(ThreadStore(connection, scope).create(body.title, bases))

    return creating.once(body, ThreadView, make)


@router.get("/threads")
def list_threads(
    container: Here,
    scope: Caller,
    limit: Limit = 50,
    cursor: Cursor = "",
    q: Annotated[str, Query(max_length=500, description="Words in the title, in the messages or in a tag.")] = "",
    tag: Annotated[str, Query(max_length=40, description="Those that have this tag.")] = "",
) -> Page[ThreadView]:
    """Conversations, the last changed first, those that are pinned before all others."""
    with container.database.read() as connection:
        found, following = ThreadStore(connection, scope).page(limit, cursor, q.strip(), tag=tag)
    return Page(items=[ThreadView.model_validate(thread) for thread in found], next_cursor=following)


@router.get("/thread-tags")
def list_tags(container: Here, scope: Caller) -> Page[TagView]:
    """The tags that conversations have, by name."""
    with container.database.read() as connection:
        found = all_tags(connection, scope)
    return Page(items=[TagView(tag=tag, count=count) for tag, count in found], next_cursor=None)


@router.get("/threads/{id}", responses=problems(404))
def get_thread(id: str, container: Here, scope: Caller) -> ThreadView:
    """One conversation."""
    with container.database.read() as connection:
        return ThreadView.model_validate(ThreadStore(connection, scope).get(id))


@router.patch("/threads/{id}", responses=problems(404))
def change_thread(id: str, body: ThreadUpdate, container: Here, scope: Caller) -> ThreadView:
    """Rename a conversation, choose its knowledge bases, pin it, or tag it."""
    with container.database.write() as connection:
        bases = body.knowledge_bases
        if bases is not None:
            bases = list(resolve(connection, scope, bases))
        return ThreadView.model_validate(
            ThreadStore(connection, scope).change(id, body.title, bases, pinned=body.pinned, tags=body.tags)
        )


@router.delete("/threads/{id}", status_code=204, responses=problems(404))
async def delete_thread(id: str, container: Here, scope: Caller) -> Response:
    """Delete a conversation with its messages and runs; what is being written stops."""
    for run_id in await container.in_thread(_delete, container, scope, id):
        container.runs.cancel(run_id)
    return Response(status_code=204)


def _delete(container: Container, scope: Scope, thread_id: str) -> list[str]:
    with container.database.write() as connection:
        active = RunStore(connection, scope).active_of(thread_id)
        ThreadStore(connection, scope).delete(thread_id)
    return active


@router.get("/threads/{id}/messages", responses=problems(404))
def list_messages(
    id: str,
    container: Here,
    scope: Caller,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    cursor: Cursor = "",
) -> Page[MessageView]:
    """The tree of messages in the order it grew: a parent always comes before its answers."""
    with container.database.read() as connection:
        found, following = ThreadStore(connection, scope).messages(id, limit, cursor)
    return Page(items=[MessageView.model_validate(message) for message in found], next_cursor=following)


@router.get("/threads/{id}/export", response_model=None, responses={**_EXPORTED, **problems(404)})
def export_thread(
    id: str, container: Here, scope: Caller, format: Literal["markdown", "json"] = "markdown"
) -> Response:
    """The whole conversation as a file: Markdown of its newest branch with sources, or JSON of its whole tree."""
    with container.database.read() as connection:
        store = ThreadStore(connection, scope)
        thread = store.get(id)
        messages, _ = store.messages(id, 100_000)
    title = quote((thread.title or f"conversation-{id[:12]}")[:100], safe="", errors="replace")
    name = f"attachment; filename*=UTF-8''{title}.{'md' if format == 'markdown' else 'json'}"
    if format == "markdown":
        return Response(
            as_markdown(thread, messages), media_type="text/markdown", headers={"Content-Disposition": name}
        )
    export = ThreadExport(
        thread=ThreadView.model_validate(thread),
        messages=[MessageView.model_validate(message) for message in messages],
    )
    return Response(
        export.model_dump_json(indent=2), media_type="application/json", headers={"Content-Disposition": name}
    )


@router.put("/messages/{id}/feedback", responses=problems(404))
def put_feedback(id: str, body: FeedbackPut, container: Here, scope: Caller) -> MessageView:
    """Say whether an answer was good; `rating` null takes it back."""
    given = None
    if body.rating is not None:
        given = Feedback(rating=body.rating, reasons=tuple(body.reasons), comment=body.comment)
    with container.database.write() as connection:
        store = ThreadStore(connection, scope)
        store.rate(id, given)
        return MessageView.model_validate(store.message(id))
