"""Writing a knowledge base to one file, streamed: one state of the database, whatever is built meanwhile."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import numpy as np
from sqlalchemy import Connection, Row, exists, func, select

from knowledge.config import MEGABYTE
from knowledge.errors import InvalidInput, NotFound, NotWritten
from knowledge.events import StageProgress
from knowledge.ids import new_id
from knowledge.portable.format import (
    DOCUMENTS,
    FILES,
    HASH_BYTES,
    LONGEST_LINE,
    MANIFEST,
    PART_BYTES,
    VECTORS,
    ExportedDocument,
    ExportedSource,
    ExportedVectors,
    Manifest,
    portable_options,
    vector_record,
    without_secrets,
)
from knowledge.storage.bases import KnowledgeBaseStore, SourceStore
from knowledge.storage.blobs import BlobStore, blocks_of
from knowledge.storage.changes import vectors_of
from knowledge.storage.database import Database
from knowledge.storage.tables import chunks, documents, embeddings
from knowledge.storage.vectors import dimension_of
from knowledge.types import KnowledgeBase, Scope, Source

_READ_AT_ONCE = 500
_PACKED_UP_TO = 10 * MEGABYTE
"""Larger files are stored as they are: most are packed already, and what packs too well would look like a bomb."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Export:
    """What is being written, and where."""

    connection: Connection
    blobs: BlobStore
    base: KnowledgeBase
    sources: Sequence[Source]
    archive: zipfile.ZipFile
    hashes: dict[str, None] = field(default_factory=dict)


def export_base(
    database: Database, blobs: BlobStore, scope: Scope, id_or_name: str, file: Path, *, vectors: bool = True
) -> Generator[StageProgress, None, None]:
    """Write a base to `file`, which is there when all of it is, or not at all; an earlier export there is replaced.

    Raises NotFound, InvalidInput (there is something else under this name) and NotWritten (no room, no permission, a
    raw file that is gone).
    """
    with database.read() as connection:
        base = KnowledgeBaseStore(connection, scope).get(id_or_name)
        check_target(file)
        with blobs.hold(durable=False) as holding, _written_aside(file) as archive:
            mine = documents.c.knowledge_base_id == base.id
            query = select(documents.c.content_hash).where(mine, documents.c.content_hash != "").distinct()
            # Held first: what is replaced while this goes on stays until the end.
            gone = {each for each in connection.execute(query).scalars() if not holding.claim(each)}
            sources = SourceStore(connection, base).all()
            export = _Export(connection=connection, blobs=blobs, base=base, sources=sources, archive=archive)
            count = yield from _documents(export, gone)
            yield from _files(export)
            described = []
            for number, name in enumerate(base.embedders if vectors else ()):
                dimension = dimension_of(connection, name)
                if dimension is not None:
                    described.append((yield from _vectors(export, number, name, dimension)))
            _write(archive, MANIFEST, _manifest(export, count, described).model_dump_json(indent=1).encode())


def check_target(file: Path) -> None:
    """Raises InvalidInput when `file` cannot become an export, or is a file of another kind."""
    if file.is_dir():
        raise InvalidInput(f"{file} is a folder; give the name of a file in it, such as {file / 'export.zip'}.")
    if not file.parent.is_dir():
        raise InvalidInput(f"There is no folder {file.parent}; make it first.")
    if file.exists() and not is_export(file):
        raise InvalidInput(f"{file} is there already and is no export of a knowledge base; choose another name.")


def is_export(file: Path) -> bool:
    """Whether a file looks like an export of a knowledge base."""
    try:
        with zipfile.ZipFile(file) as archive:
            return {MANIFEST, DOCUMENTS} <= set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return False


@contextmanager
def _written_aside(file: Path) -> Iterator[zipfile.ZipFile]:
    unfinished = file.parent / f".{file.name[:100]}.{new_id()}.part"
    try:
        with unfinished.open("xb") as target:
            with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
                yield archive
            target.flush()
            os.fsync(target.fileno())
        unfinished.replace(file)
    except OSError as error:
        raise NotWritten(f"{file} could not be written: {error.strerror or error}.") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _documents(export: _Export, gone: set[str]) -> Generator[StageProgress, None, int]:
    query = select(func.count()).where(documents.c.knowledge_base_id == export.base.id)
    total = int(export.connection.execute(query).scalar_one())
    place = {source.id: number for number, source in enumerate(export.sources)}
    done = 0
    with _member(export.archive, DOCUMENTS) as target:
        for rows in _pages(export):
            for row in rows:
                if row.content_hash in gone:
                    raise NotWritten(
                        f"The file of {row.path} is not in the store. Upload it again or delete the document, then "
                        "export again; devops-chatbot doctor names others."
                    )
                if row.content_hash:
                    export.hashes[row.content_hash] = None
                target.write(_line(row, place[row.source_id]))
            done += len(rows)
            yield StageProgress(stage="documents", done=done, total=total)
    return done


def _pages(export: _Export) -> Iterator[Sequence[Row[Any]]]:
    after = ""
    while True:
        mine = (documents.c.knowledge_base_id == export.base.id, documents.c.id > after)
        query = select(documents).where(*mine).order_by(documents.c.id).limit(_READ_AT_ONCE)
        rows = export.connection.execute(query).all()
        if not rows:
            return
        yield rows
        after = rows[-1].id


def _line(row: Row[Any], source: int) -> bytes:
    document = ExportedDocument(
        source=source,
        path=row.path,
        url=without_secrets(row.url),
        media_type=row.media_type,
        size=row.size,
        content_hash=row.content_hash,
        modified_ns=row.modified_ns,
        status=row.status,
        error_code=row.error_code,
        error=row.error,
        title=row.title,
        metadata=row._mapping["metadata"],
    )
    line = document.model_dump_json().encode() + b"\n"
    if len(line) > LONGEST_LINE:  # title and metadata are read in the file again
        line = document.model_copy(update={"title": "", "metadata": {}}).model_dump_json().encode() + b"\n"
    return line


def _files(export: _Export) -> Iterator[StageProgress]:
    for done, content_hash in enumerate(export.hashes, start=1):
        try:
            path = export.blobs.path(content_hash)
        except NotFound as error:
            raise NotWritten(f"{error} Try again; if that does not help, devops-chatbot doctor says more.") from None
        stored = path.stat().st_size > _PACKED_UP_TO
        with _member(export.archive, f"{FILES}{content_hash}", stored=stored) as target:
            for block in blocks_of(path):
                target.write(block)
                yield StageProgress(stage="files", done=done - 1, total=len(export.hashes))
        yield StageProgress(stage="files", done=done, total=len(export.hashes))


def _vectors(
    export: _Export, number: int, name: str, dimension: int
) -> Generator[StageProgress, None, ExportedVectors]:
    """The vectors of one embedder, in parts of a size that any reader takes."""
    record = vector_record(dimension)
    used = exists().where(
        chunks.c.content_hash == embeddings.c.content_hash, chunks.c.knowledge_base_id == export.base.id
    )
    mine = select(embeddings.c.content_hash, embeddings.c.vector).where(embeddings.c.embedder == name, used)
    total = int(export.connection.execute(select(func.count()).select_from(mine.subquery())).scalar_one())
    parts: list[str] = []
    done, after = 0, ""
    while done < total:
        parts.append(f"{VECTORS}{number}-{len(parts)}")
        with _member(export.archive, parts[-1], stored=True) as target:
            room = max(1, PART_BYTES // record.itemsize)
            while room and done < total:
                page = mine.where(embeddings.c.content_hash > after).order_by(embeddings.c.content_hash)
                rows = export.connection.execute(page.limit(min(room, _READ_AT_ONCE))).all()
                target.write(_packed(rows, record))
                done, room, after = done + len(rows), room - len(rows), rows[-1].content_hash
                yield StageProgress(stage=vectors_of(name), done=done, total=total)
    return ExportedVectors(embedder=name, dimension=dimension, count=done, parts=tuple(parts))


def _packed(rows: Sequence[Row[Any, Any]], record: np.dtype[np.void]) -> bytes:
    packed = np.zeros(len(rows), dtype=record)
    packed["hash"] = np.frombuffer(bytes.fromhex("".join(row.content_hash for row in rows)), dtype=f"V{HASH_BYTES}")
    packed["vector"] = np.frombuffer(b"".join(row.vector for row in rows), dtype="<f4").reshape(len(rows), -1)
    return packed.tobytes()


def _manifest(export: _Export, document_count: int, described: Sequence[ExportedVectors]) -> Manifest:
    base = export.base
    return Manifest(
        id=new_id(),
        exported_at=datetime.now(UTC),
        name=base.name,
        description=base.description,
        embedders=base.embedders,
        sources=tuple(
            ExportedSource(
                kind=source.kind,
                location=without_secrets(source.location),
                options=portable_options(source.options),
            )
            for source in export.sources
        ),
        document_count=document_count,
        vectors=tuple(described),
    )


@contextmanager
def _member(archive: zipfile.ZipFile, name: str, *, stored: bool = False) -> Iterator[IO[bytes]]:
    """A member to be written block by block, however long it becomes."""
    member = zipfile.ZipInfo(name)
    member.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    member.external_attr = 0o644 << 16
    with archive.open(member, "w", force_zip64=True) as target:
        yield target


def _write(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    with _member(archive, name) as target:
        target.write(content)
