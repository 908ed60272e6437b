"""The documents of knowledge bases for the built-in tools: the services there are, within what a call may use."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from agents.evidence import Evidence
from agents.tools.builtin.ports import BaseRef, DocumentLine, DocumentList
from backend.db.idempotency import CreatingCall, IdempotencyKeys
from backend.jobs.queue import JobQueue
from backend.knowledge_bases.uploaded_file import UploadedFile
from knowledge.errors import NameTaken, NotFound
from knowledge.ingestion.ingestor import Ingestor, ReceivedFiles
from knowledge.storage.bases import KnowledgeBaseStore
from knowledge.storage.blobs import BlobStore
from knowledge.storage.database import Database
from knowledge.storage.documents import DocumentStore
from knowledge.storage.tables import documents
from knowledge.text.rows import runs_from
from knowledge.types import Chunk, Document, KnowledgeBase, PassagePart, Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolDocuments:
    """The `Documents` of the built-in tools on the database."""

    database: Database
    blobs: BlobStore
    ingestor: Ingestor
    jobs: JobQueue

    def bases(self, scope: Scope, bases: Sequence[str]) -> Sequence[BaseRef]:
        """Those that are there, in this order."""
        with self.database.read() as connection:
            return [BaseRef(id=base.id, name=base.name) for base in _bases(connection, scope, bases)]

    def list(self, scope: Scope, bases: Sequence[str], *, query: str, limit: int) -> DocumentList:
        """The documents base by base, by path."""
        lines: list[DocumentLine] = []
        with self.database.read() as connection:
            for base in _bases(connection, scope, bases):
                store = DocumentStore(connection, base)
                found, following = store.page(limit=min(limit - len(lines), 500), search=query.strip())
                lines += [_line(document, base) for document in found]
                if len(lines) >= limit or following is not None:
                    return DocumentList(documents=tuple(lines), has_more=True)
        return DocumentList(documents=tuple(lines), has_more=False)

    def passage(self, scope: Scope, bases: Sequence[str], document_id: str, start: int, end: int) -> Evidence:
        """The text between these offsets, under the headings of the chunk that it begins in. Raises NotFound."""
        with self.database.read() as connection:
            base, document = _found(connection, scope, bases, document_id)
            store = DocumentStore(connection, base)
            text = store.content(document_id).text[start:end]
            chunks = store.chunks(document_id)
        chunk = next((each for each in reversed(chunks) if each.start <= start), None)
        return Evidence(
            number=1,
            document_id=document.id,
            knowledge_base_id=base.id,
            path=document.path,
            title=document.title,
            url=document.url,
            heading_path=chunk.heading_path if chunk else (),
            anchor=chunk.anchor if chunk else "",
            text=text,
            start=start,
            end=start + len(text),
            score=1.0,
            parts=_parts(chunks, start, start + len(text)),
        )

    def add(self, scope: Scope, base: str, path: str, text: str, *, call_id: str) -> str:
        """Add a text document and have it built; returns the job. Raises NameTaken, NotFound."""
        with self.blobs.hold() as holding:
            blob = holding.put([text.encode()])
            file = UploadedFile(path=path, media_type="text/markdown" if path.endswith(".md") else "", blob=blob)

            def make(connection: Connection) -> str:
                kept = KnowledgeBaseStore(connection, scope).get(base)
                if _is_taken(connection, kept, path):
                    raise NameTaken(f"There is a document {path!r} in {kept.name!r} already; choose another path.")
                sources = self.ingestor.add_uploads(connection, kept, ReceivedFiles.of([file]))
                arguments = {"source_ids": sources}
                return self.jobs.enqueue(connection, scope, "build", arguments, knowledge_base_id=kept.id).id

            return self._once(scope, "add_document", call_id, f"{base}\n{path}\n{blob.content_hash}", make)

    def delete(self, scope: Scope, bases: Sequence[str], document_id: str, *, call_id: str) -> str:
        """Delete a document; returns its path. Raises NotFound."""

        def make(connection: Connection) -> str:
            base, document = _found(connection, scope, bases, document_id)
            self.ingestor.remove_documents(connection, base, [document_id])
            return document.path

        return self._once(scope, "delete_document", call_id, document_id, make)

    def _once(self, scope: Scope, tool: str, call_id: str, what: str, make: Callable[[Connection], str]) -> str:
        """What `make` returns, or returned when the same call was made before: in one transaction with its work."""
        # A tool is told the id of its call, not the other way round: it is hashed to fit the column.
        key = "tool:" + hashlib.sha256(call_id.encode("utf-8", "replace")).hexdigest()
        call = CreatingCall(key=key, route=f"tool {tool}", body_hash=hashlib.sha256(what.encode()).hexdigest())
        try:
            return self._make_or_recall(scope, call, make)
        except IntegrityError:  # the same call is being made elsewhere at this very moment
            return self._make_or_recall(scope, call, make)

    def _make_or_recall(self, scope: Scope, call: CreatingCall, make: Callable[[Connection], str]) -> str:
        with self.database.write() as connection:
            keys = IdempotencyKeys(connection, scope)
            known = keys.recall(call)
            if known is not None:
                return known
            made = make(connection)
            keys.keep(call, made)
            return made


def _parts(chunks: Sequence[Chunk], start: int, end: int) -> tuple[PassagePart, ...]:
    """The parts of what stands between these offsets, where it is of rows of a sheet."""
    inside = [chunk for chunk in chunks if chunk.rows and chunk.start < end and start < chunk.end]
    return tuple(
        PassagePart(
            start=max(start, chunk.start),
            heading_path=chunk.heading_path,
            anchor=chunk.anchor,
            rows=runs_from(chunk, max(start, chunk.start)),
        )
        for chunk in inside
    )


def _bases(connection: Connection, scope: Scope, ids: Sequence[str]) -> list[KnowledgeBase]:
    """Those by id that are there: a name in the place of an id opens nothing."""
    store = KnowledgeBaseStore(connection, scope)
    found = []
    for each in dict.fromkeys(ids):
        try:
            base = store.get(each)
        except NotFound:
            continue
        if base.id == each:
            found.append(base)
    return found


def _found(
    connection: Connection, scope: Scope, bases: Sequence[str], document_id: str
) -> tuple[KnowledgeBase, Document]:
    query = select(documents.c.knowledge_base_id).where(documents.c.id == document_id)
    base_id: str | None = connection.execute(query).scalar()
    found = _bases(connection, scope, [base_id]) if base_id is not None and base_id in bases else []
    if not found:
        raise NotFound(f"There is no document {document_id[:64]!r} that this call may use.")
    return found[0], DocumentStore(connection, found[0]).get(document_id)


def _is_taken(connection: Connection, base: KnowledgeBase, path: str) -> bool:
    same = (documents.c.knowledge_base_id == base.id, documents.c.path == path)
    return connection.execute(select(documents.c.id).where(*same).limit(1)).first() is not None


def _line(document: Document, base: KnowledgeBase) -> DocumentLine:
    return DocumentLine(
        id=document.id,
        knowledge_base=base.name,
        path=document.path,
        title=document.title,
        status=document.status,
        updated_at=document.updated_at,
    )
