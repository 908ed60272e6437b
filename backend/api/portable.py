"""Knowledge bases as files: taken out in one, and made of one. The file is that of `kb export`."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection

from backend.api.context import Caller, Creating, Here
from backend.api.downloads import streamed
from backend.api.jobs import job_view
from backend.api.openapi import problems
from backend.api.uploads import BESIDES_ONE_FILE, ONE_FILE, Upload, read_upload
from backend.bootstrap import Container
from backend.errors import Invalid
from backend.knowledge_bases.importing import begin_import
from backend.schemas import JobAccepted
from knowledge.ids import new_id
from knowledge.portable import export_base, open_import
from knowledge.storage.bases import KnowledgeBaseStore
from knowledge.storage.blobs import Holding
from knowledge.types import Scope

router = APIRouter(prefix="/knowledge-bases", tags=["knowledge bases"])

LEFT_OVER_S = 24 * 3600
"""What lies among the exports for longer was left there by a process that was killed."""

_EXPORTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The knowledge base as one file, a zip.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.get("/{kb}/export", response_class=Response, responses={**_EXPORTED, **problems(404)})
def export_knowledge_base(
    kb: str,
    container: Here,
    scope: Caller,
    vectors: Annotated[bool, Query(description="With them, importing embeds nothing again.")] = True,
) -> Response:
    """The knowledge base as one file: its documents as they came, its sources and its vectors, in one state."""
    with container.database.read() as connection:
        base = KnowledgeBaseStore(connection, scope).get(kb)
    folder = container.settings.data_dir.expanduser() / "exports"
    folder.mkdir(exist_ok=True)
    _remove_left_over(folder)
    file = folder / f"{new_id()}.zip"
    for _ in export_base(container.database, container.blobs, scope, base.id, file, vectors=vectors):
        pass
    return streamed(_opened_last(file), f"{base.name}.zip")


def _opened_last(file: Path) -> IO[bytes]:
    """The file, open under no name any more: however the download ends, nothing of it stays."""
    opened = file.open("rb")
    file.unlink()
    return opened


def _remove_left_over(folder: Path) -> None:
    for each in folder.iterdir():
        with suppress(FileNotFoundError):  # another download may have taken its file away meanwhile
            if each.is_file() and time.time() - each.stat().st_mtime > LEFT_OVER_S:
                each.unlink()


@router.post("/import", status_code=202, openapi_extra=ONE_FILE, responses=problems(409, 415))
async def import_knowledge_base(
    request: Request,
    container: Here,
    scope: Caller,
    creating: Creating,
    name: Annotated[str, Query(max_length=200, description="Another name than it had.")] = "",
) -> JobAccepted:
    """Make a knowledge base of an export. All of it is checked and stored before there is a base; the job builds it."""
    limits = container.settings.uploads
    with container.blobs.hold() as holding:
        upload = await read_upload(
            request,
            lambda: holding.writer(max_bytes=limits.max_body_bytes),
            max_files=1,
            max_body_bytes=limits.max_body_bytes + BESIDES_ONE_FILE,
        )
        if upload.refused or not upload.files:
            raise Invalid(upload.refused[0].reason if upload.refused else "Send the export as a file.")
        return await container.in_thread(_import, container, scope, holding, upload, name.strip(), creating)


def _import(
    container: Container, scope: Scope, holding: Holding, upload: Upload, name: str, creating: Creating
) -> JobAccepted:
    sent = upload.files[0]
    file = container.blobs.path(sent.blob.content_hash)
    with open_import(file, container.settings.archives.limits, name=sent.path) as opened:
        wanted = name or opened.manifest.name
        with container.database.read() as connection:
            known = opened.begun(connection, scope, wanted)
        if known is None:
            for _ in opened.store(holding):
                pass

        def make(connection: Connection) -> JobAccepted:
            _, job = begin_import(connection, container, scope, opened, wanted)
            return JobAccepted(job=job_view(job))

        return creating.once(f"{sent.blob.content_hash}/{wanted}", JobAccepted, make)
