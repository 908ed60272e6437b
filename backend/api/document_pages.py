"""Pages of documents as pictures, and where a passage stands on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Response

from backend.api.context import Caller, Here
from backend.api.documents import original_of
from backend.api.openapi import problems
from backend.bootstrap import Container
from backend.schemas import DocumentPage
from knowledge.storage.bases import KnowledgeBaseStore
from knowledge.storage.documents import DocumentStore
from knowledge.types import Document, DrawnPage, Scope

router = APIRouter(prefix="/knowledge-bases/{kb}/documents/{id}/pages", tags=["documents"])

LARGEST_PASSAGE = 20_000
_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The page.",
        "content": {
            "image/png": {"schema": {"type": "string", "format": "binary"}},
            "image/jpeg": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
Draw = Callable[[Document, Path, str], DrawnPage]
Offset = Annotated[int, Query(ge=0, description="Of the passage, in characters of the document's text.")]


@router.get("/{number}", responses=problems(404, 413, 422))
async def get_page(
    kb: str, id: str, number: int, container: Here, scope: Caller, start: Offset = 0, end: Offset = 0
) -> DocumentPage:
    """The size of a page of a PDF, counted from 1, and the lines of it that the passage `start`..`end` stands on."""

    def draw(document: Document, file: Path, passage: str) -> DrawnPage:
        return container.pages.find(document, file, number, passage)

    drawn = await _in_turn(container, scope, kb, id, draw, start, min(end, start + LARGEST_PASSAGE))
    return DocumentPage.model_validate(drawn)


@router.get("/{number}/picture", response_class=Response, responses={**_PICTURE, **problems(404, 413, 422)})
async def get_page_picture(kb: str, id: str, number: int, container: Here, scope: Caller) -> Response:
    """A page of a PDF as PNG or, when it is a photograph, as JPEG; at most 1,200 pixels across."""

    def draw(document: Document, file: Path, passage: str) -> DrawnPage:
        return container.pages.picture(document, file, number)

    drawn = await _in_turn(container, scope, kb, id, draw)
    headers = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}
    return Response(drawn.picture, media_type=drawn.media_type, headers=headers)


async def _in_turn(
    container: Container, scope: Scope, kb: str, id: str, draw: Draw, start: int = 0, end: int = 0
) -> DrawnPage:
    """Draws in one of the few threads that pages may hold, so that slow ones do not take those of other requests."""

    def work() -> DrawnPage:
        with container.database.read() as connection:
            store = DocumentStore(connection, KnowledgeBaseStore(connection, scope).get(kb))
            document = store.get(id)
            passage = store.content(id).text[start:end] if end > start else ""
        return draw(document, original_of(container, document), passage)

    return await to_thread.run_sync(work, limiter=container.pages.limiter)
