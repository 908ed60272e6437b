"""Files that were uploaded, as documents of a knowledge base; and taking documents and sources away again."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, select

from backend.errors import Invalid
from knowledge.bases import SourceStore
from knowledge.blobs import Blob
from knowledge.errors import InvalidInput
from knowledge.evaluation import read_questions
from knowledge.ports import Embedder
from knowledge.replacement import DocumentWriter, Received
from knowledge.tables import documents, sources
from knowledge.types import KnowledgeBase

UPLOADS = "uploads"
"""The location of the one source that holds what was uploaded to a base."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadedFile:
    """A file that is in the store."""

    path: str
    media_type: str
    blob: Blob


def receive(
    connection: Connection,
    base: KnowledgeBase,
    files: Sequence[UploadedFile],
    embedders: Mapping[str, Embedder],
) -> str:
    """Note uploaded files as documents that wait to be processed; the id of their source."""
    from knowledge.ingest import VERSION

    source = SourceStore(connection, base).add("upload", UPLOADS)
    received = [
        Received(path=file.path, content_hash=file.blob.content_hash, size=file.blob.size, media_type=file.media_type)
        for file in files
    ]
    DocumentWriter(connection, base.id, embedders).receive(source.id, received, version=VERSION)
    return source.id


def remove_documents(
    connection: Connection, base: KnowledgeBase, ids: Collection[str], embedders: Mapping[str, Embedder]
) -> None:
    """Remove documents with all that was made of them; the indexes learn it from the log."""
    DocumentWriter(connection, base.id, embedders).remove(ids)


def remove_source(
    connection: Connection, base: KnowledgeBase, source_id: str, embedders: Mapping[str, Embedder]
) -> None:
    """Remove a source with all its documents. Raises NotFound."""
    source = SourceStore(connection, base).get(source_id)
    ids = connection.execute(select(documents.c.id).where(documents.c.source_id == source.id)).scalars().all()
    remove_documents(connection, base, ids, embedders)
    connection.execute(delete(sources).where(sources.c.id == source.id))


def question_rows(file: Path, name: str) -> list[dict[str, Any]]:
    """The lines of a question file, each checked to be a question. Raises Invalid naming the line that is none."""
    try:
        if not read_questions(file):
            raise Invalid(f"{name} holds no questions; each is a JSON object on a line of its own.")
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except InvalidInput as error:
        raise Invalid(str(error).replace(file.name, name)) from None
    except UnicodeDecodeError:
        raise Invalid(f"{name} is not text in UTF-8.") from None
