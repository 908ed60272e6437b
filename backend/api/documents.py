"""Documents of a knowledge base: upload, list, read, delete, and measure how well questions find them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection

from backend.api.context import Caller, Creating, Cursor, Here, Limit
from backend.api.downloads import download
from backend.api.jobs import job_view
from backend.api.knowledge_bases import build_job
from backend.api.openapi import problems
from backend.api.uploads import BESIDES_ONE_FILE, ONE_FILE, Upload, read_upload
from backend.bootstrap import Container
from backend.errors import Invalid, Missing
from backend.evaluation.questions import checked_text, keep
from backend.schemas import (
    ChunkView,
    DocumentContent,
    DocumentsDeleted,
    DocumentSelection,
    DocumentView,
    JobAccepted,
    Page,
    PageStart,
)
from knowledge.errors import NotFound
from knowledge.ingestion.ingestor import ReceivedFiles
from knowledge.storage.bases import KnowledgeBaseStore
from knowledge.storage.documents import DocumentStore
from knowledge.text.rows import anchor_of
from knowledge.types import Document, Scope

router = APIRouter(prefix="/knowledge-bases/{kb}", tags=["documents"])

_FILES = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}}
                    },
                }
            }
        },
    }
}
_ORIGINAL: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The canonical text and its chunks, or with format=original the file as it came.",
        "model": DocumentContent,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}

Status = Literal["received", "indexed", "failed"]


@router.post("/documents", status_code=202, openapi_extra=_FILES, responses=problems(404, 415))
async def upload_documents(
    kb: str, request: Request, container: Here, scope: Caller, creating: Creating
) -> JobAccepted:
    """Add or replace files, any number at once. A file that cannot be taken is named in `refused`; the others are.

    The file name may hold folders; a file with the path of an earlier one replaces it, unchanged content costs nothing.
    """
    await container.in_thread(_exists, container, scope, kb)
    limits = container.settings.uploads
    with container.blobs.hold() as holding:
        upload = await read_upload(
            request,
            lambda: holding.writer(max_bytes=limits.max_file_bytes),
            max_files=limits.max_files,
            max_body_bytes=limits.max_body_bytes,
        )
        if not upload.files and not upload.refused:
            raise Invalid("There is no file in this body; send each as a part with a file name.")
        return await container.in_thread(_receive, container, scope, kb, upload, creating)


def _exists(container: Container, scope: Scope, kb: str) -> str:
    with container.database.read() as connection:
        return KnowledgeBaseStore(connection, scope).get(kb).id


def _receive(container: Container, scope: Scope, kb: str, upload: Upload, creating: Creating) -> JobAccepted:
    """Note the files and have them built; both or neither."""
    received = ReceivedFiles.of(upload.files)
    described = json.dumps([[file.path, file.blob.content_hash] for file in upload.files])

    def make(connection: Connection) -> JobAccepted:
        base = KnowledgeBaseStore(connection, scope).get(kb)
        sources = container.ingestor.add_uploads(connection, base, received)
        accepted = build_job(connection, container, scope, base.id, sources, source_id=next(iter(sources), None))
        return accepted.model_copy(update={"refused": upload.refused})

    return creating.once(described, JobAccepted, make)


@router.get("/documents", responses=problems(404))
def list_documents(
    kb: str,
    container: Here,
    scope: Caller,
    limit: Limit = 50,
    cursor: Cursor = "",
    q: Annotated[str, Query(max_length=500, description="Part of the path or of the title.")] = "",
    source_id: Annotated[str, Query(max_length=100)] = "",
    status: Annotated[list[Status] | None, Query(description="Repeat for several.")] = None,
) -> Page[DocumentView]:
    """Documents by path."""
    with container.database.read() as connection:
        store = DocumentStore(connection, KnowledgeBaseStore(connection, scope).get(kb))
        found, following = store.page(
            limit=limit, cursor=cursor, search=q.strip(), source_id=source_id, status=status or ()
        )
        pages = store.page_counts([document.id for document in found])
    return Page(items=[_view(document, pages) for document in found], next_cursor=following)


def _view(document: Document, pages: Mapping[str, int]) -> DocumentView:
    return DocumentView.model_validate(document).model_copy(update={"page_count": pages.get(document.id, 0)})


@router.get("/documents/{id}", responses=problems(404))
def get_document(kb: str, id: str, container: Here, scope: Caller) -> DocumentView:
    """One document."""
    with container.database.read() as connection:
        store = DocumentStore(connection, KnowledgeBaseStore(connection, scope).get(kb))
        document = store.get(id)
        return _view(document, store.page_counts([document.id]))


@router.get("/documents/{id}/content", response_model=None, responses={**_ORIGINAL, **problems(404)})
def get_content(
    kb: str,
    id: str,
    container: Here,
    scope: Caller,
    format: Annotated[Literal["text", "original"], Query(description="original: the file as it came.")] = "text",
) -> Response:
    """The text that all offsets count in, with its chunks; or the file itself, as a download."""
    with container.database.read() as connection:
        store = DocumentStore(connection, KnowledgeBaseStore(connection, scope).get(kb))
        if format == "original":
            document = store.get(id)
            return download(original_of(container, document), document.path.rsplit("/", 1)[-1])
        content = store.content(id)
        view = DocumentContent(
            document=_view(content.document, {id: len(content.pages)}),
            text=content.text,
            markup=content.document.markup,
            chunks=[ChunkView.model_validate(replace(each, anchor=anchor_of(each))) for each in store.chunks(id)],
            pages=[PageStart(start=start, label=label) for start, label in content.pages],
        )
    return Response(view.model_dump_json(), media_type="application/json")


def original_of(container: Container, document: Document) -> Path:
    """The file of a document as it came. Raises Missing when it is not there."""
    if not document.content_hash:
        raise Missing("The original of this document was not kept.")
    try:
        return container.blobs.path(document.content_hash)
    except NotFound:
        raise Missing("The original of this document is not in the store.") from None


@router.delete("/documents/{id}", status_code=204, responses=problems(404))
def delete_document(kb: str, id: str, container: Here, scope: Caller) -> Response:
    """Delete a document with its chunks and vectors."""
    with container.database.write() as connection:
        base = KnowledgeBaseStore(connection, scope).get(kb)
        DocumentStore(connection, base).get(id)
        container.ingestor.remove_documents(connection, base, [id])
    return Response(status_code=204)


@router.post("/documents/delete", responses=problems(404))
def delete_documents(kb: str, body: DocumentSelection, container: Here, scope: Caller) -> DocumentsDeleted:
    """Delete several documents in one transaction, with their chunks and vectors."""
    with container.database.write() as connection:
        base = KnowledgeBaseStore(connection, scope).get(kb)
        return DocumentsDeleted(deleted=container.ingestor.remove_documents(connection, base, body.ids))


@router.post("/documents/reread", status_code=202, responses=problems(404))
def reread_documents(
    kb: str, body: DocumentSelection, container: Here, scope: Caller, creating: Creating
) -> JobAccepted:
    """Read documents again from their stored files; where there is none, from their source. They stay searchable."""

    def make(connection: Connection) -> JobAccepted:
        base = KnowledgeBaseStore(connection, scope).get(kb)
        sources = container.ingestor.read_again(connection, base, body.ids)
        return build_job(connection, container, scope, base.id, sorted(sources))

    return creating.once(body, JobAccepted, make)


@router.post("/evaluations", status_code=202, openapi_extra=ONE_FILE, responses=problems(404, 415))
async def evaluate(kb: str, request: Request, container: Here, scope: Caller, creating: Creating) -> JobAccepted:
    """Measure the knowledge base with a file of questions (one JSON object a line); the report is the job's result."""
    await container.in_thread(_exists, container, scope, kb)
    limit = container.settings.uploads.max_question_file_bytes
    with container.blobs.hold(durable=False) as holding:
        upload = await read_upload(
            request,
            lambda: holding.writer(max_bytes=limit),
            max_files=1,
            max_body_bytes=limit + BESIDES_ONE_FILE,
        )
        if upload.refused or not upload.files:
            raise Invalid(upload.refused[0].reason if upload.refused else "Send the file of questions as a file.")
        return await container.in_thread(_enqueue_evaluation, container, scope, kb, upload, creating)


def _enqueue_evaluation(container: Container, scope: Scope, kb: str, upload: Upload, creating: Creating) -> JobAccepted:
    blob = upload.files[0].blob
    name = upload.files[0].path
    questions = checked_text(container.blobs.path(blob.content_hash), name)

    def make(connection: Connection) -> JobAccepted:
        base = KnowledgeBaseStore(connection, scope).get(kb)
        arguments = {"questions": keep(connection, scope, questions), "file": name}
        job = container.jobs.enqueue(connection, scope, "evaluate", arguments, knowledge_base_id=base.id)
        return JobAccepted(job=job_view(job))

    return creating.once(blob.content_hash, JobAccepted, make)
