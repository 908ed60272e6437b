"""Files of conversations, for the browser."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse

from backend.api.context import Caller, Here
from backend.api.downloads import download
from backend.api.openapi import problems
from backend.artifacts.store import ArtifactStore
from backend.errors import Missing
from knowledge.errors import NotFound

router = APIRouter(prefix="/artifacts", tags=["conversations"])

_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file, as a download.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.get("/{id}", response_class=FileResponse, responses={**_FILE, **problems(404)})
def get_artifact(id: str, container: Here, scope: Caller) -> FileResponse:
    """A file that a question brought along or a run made, for whoever it belongs to."""
    with container.database.read() as connection:
        artifact = ArtifactStore(connection, scope).get(id)
    try:
        file = container.artifact_files.path(artifact.content_hash)
    except NotFound:
        raise Missing("The content of this file is not in the store.") from None
    return download(file, artifact.name, artifact.media_type)
