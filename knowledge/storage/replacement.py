"""Writing documents: received, replaced as a whole, failed, removed. Each is one transaction that tells the log."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, select, update

from knowledge.errors import FileTooSlow
from knowledge.ids import new_id
from knowledge.ports import Embedder
from knowledge.storage.bases import hash_text
from knowledge.storage.changes import TEXT, append_changes, lock_base, vectors_of
from knowledge.storage.documents import PATH_START, in_portions
from knowledge.storage.links import page_key, resolve_links, url_key
from knowledge.storage.tables import chunks, coverage, document_texts, documents, knowledge_bases, links
from knowledge.storage.vectors import coverage_row, known_hashes, protect_vectors
from knowledge.types import ChunkDraft, ParsedDocument

_LONGEST_ERROR = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedFile:
    """A file that has come in. `modified_ns` is nanoseconds since 1970 as its source says, 0 when unknown."""

    path: str
    content_hash: str
    size: int
    url: str = ""
    media_type: str = ""
    modified_ns: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingDocument:
    """A document whose file has been received and not yet been made searchable."""

    document_id: str
    source_id: str
    path: str
    url: str
    media_type: str
    content_hash: str
    was_too_slow: bool = False
    """Whether reading this very content was given up the last time, after all the time it may take."""


class DocumentWriter:
    """Writes to the documents of one base inside the transaction of `connection`, which it locks the base for."""

    def __init__(self, connection: Connection, knowledge_base_id: str, embedders: Mapping[str, Embedder]) -> None:
        """Raises NotFound when the base is gone or being deleted."""
        self._connection = connection
        self._base_id = knowledge_base_id
        self._embedders = embedders
        self._names = lock_base(connection, knowledge_base_id).all_embedders

    def receive(self, source_id: str, files: Sequence[ReceivedFile], *, version: str, force: bool = False) -> int:
        """Note files of a source, by their paths; returns how many now wait to be processed.

        A document waits when it is new, when its content is another, when another `version` of parser and splitter
        has seen it, or with `force`. What is searchable of it stays so until it has been processed.
        """
        waiting = 0
        by_hash = {hash_text(file.path): file for file in files}
        known = self._known(source_id, by_hash)
        now = datetime.now(UTC)
        new: list[dict[str, Any]] = []
        changed: list[dict[str, Any]] = []
        for path_hash, file in by_hash.items():
            values = {
                "url": file.url,
                "media_type": file.media_type,
                "size": file.size,
                "content_hash": file.content_hash,
                "modified_ns": file.modified_ns,
                "received_at": now,
            }
            row = known.get(path_hash)
            if row is None:
                waiting += 1
                new.append(self._new_row(source_id, file.path, values, now))
                continue
            due = force or row.content_hash != file.content_hash or row.indexed_by != version
            due = due or row.status == "received"
            waiting += due
            changed.append({"row_id": row.id, **values, **(_due(row, file, now) if due else _settled(row))})
        if changed:
            # One statement for all rows: as many statements would keep every other writer waiting.
            names = [name for name in changed[0] if name != "row_id"]
            statement = update(documents).where(documents.c.id == bindparam("row_id"))
            self._connection.execute(statement.values({name: bindparam(name) for name in names}), changed)
        if new:
            self._connection.execute(insert(documents), new)
        return waiting

    def _known(self, source_id: str, hashes: Collection[str]) -> dict[str, Any]:
        query = select(
            documents.c.id,
            documents.c.path_hash,
            documents.c.content_hash,
            documents.c.indexed_by,
            documents.c.media_type,
            documents.c.status,
            documents.c.error,
            documents.c.error_code,
            documents.c.updated_at,
        ).where(documents.c.source_id == source_id)
        return {
            row.path_hash: row
            for portion in in_portions(hashes)
            for row in self._connection.execute(query.where(documents.c.path_hash.in_(portion)))
        }

    def _new_row(self, source_id: str, path: str, values: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        return {
            "id": new_id(),
            "knowledge_base_id": self._base_id,
            "source_id": source_id,
            "path": path,
            "path_hash": hash_text(path),
            "path_start": path[:PATH_START],
            "path_key": page_key(source_id, path),
            "url_key": url_key(str(values["url"])),
            "title": path.rpartition("/")[2],
            "markup": "plain",
            "language": "en",
            "status": "received",
            "error_code": "",
            "error": "",
            "warnings": [],
            "metadata": {},
            "chunk_count": 0,
            "indexed_hash": "",
            "indexed_by": "",
            "created_at": now,
            "updated_at": now,
            **values,
        }

    def replace(
        self, pending: PendingDocument, parsed: ParsedDocument, drafts: Sequence[ChunkDraft], *, version: str
    ) -> bool:
        """Make a document be what was parsed and split, all of it or nothing.

        False, and nothing done, when it is gone, has been received anew, or somebody else has done it already.
        """
        if not self._still_waits(pending):
            return False
        rows = [_chunk_row(self._base_id, pending.document_id, draft) for draft in drafts]
        told = self._clear(pending.document_id, {row["content_hash"] for row in rows})
        text_row = {"document_id": pending.document_id, "text": parsed.text, "pages": parsed.pages}
        self._connection.execute(insert(document_texts).values(text_row))
        if rows:
            self._connection.execute(insert(chunks), rows)
        self._link(pending, parsed)
        self._connection.execute(
            update(documents)
            .where(documents.c.id == pending.document_id)
            .values(
                title=parsed.title or pending.path.rpartition("/")[2],
                media_type=parsed.media_type,
                markup=parsed.markup,
                language=parsed.language,
                status="indexed",
                error_code="",
                error="",
                warnings=parsed.warnings,
                metadata=parsed.metadata,
                chunk_count=len(rows),
                indexed_hash=pending.content_hash,
                indexed_by=version,
                updated_at=datetime.now(UTC),
            )
        )
        told |= self._cover(pending.document_id, rows)
        append_changes(self._connection, self._base_id, [(pending.document_id, aspect) for aspect in (TEXT, *told)])
        return True

    def fail(self, pending: PendingDocument, code: str, reason: str, *, version: str) -> bool:
        """Note that a file cannot be read; what stood before of its document goes. False as for `replace`."""
        if not self._still_waits(pending):
            return False
        told = self._clear(pending.document_id, set())
        self._connection.execute(
            update(documents)
            .where(documents.c.id == pending.document_id)
            .values(
                status="failed",
                error_code=code,
                error=reason[:_LONGEST_ERROR],
                warnings=[],
                chunk_count=0,
                indexed_hash=pending.content_hash,
                indexed_by=version,
                updated_at=datetime.now(UTC),
            )
        )
        append_changes(self._connection, self._base_id, [(pending.document_id, aspect) for aspect in (TEXT, *told)])
        return True

    def note_unavailable(self, source_id: str, path: str, code: str, reason: str, *, url: str = "") -> str:
        """Note that a file could not be had, and return its document's id. One that was there before stays as it is,
        and says so."""
        known = self._known(source_id, [hash_text(path)])
        problem = {"error_code": code, "error": reason[:_LONGEST_ERROR], "updated_at": datetime.now(UTC)}
        for row in known.values():
            if not row.content_hash:
                self._connection.execute(update(documents).where(documents.c.id == row.id).values(problem))
            self.set_problem([str(row.id)], code, reason)
            return str(row.id)
        now = datetime.now(UTC)
        values = {"url": url, "media_type": "", "size": 0, "content_hash": "", "modified_ns": 0, "received_at": now}
        new = self._new_row(source_id, path, values, now) | problem | {"status": "failed"}
        self._connection.execute(insert(documents).values(new))
        return str(new["id"])

    def set_problem(self, document_ids: Collection[str], code: str = "", reason: str = "") -> None:
        """Note on documents that are searchable why they may be out of date; without a `code`, that they are not."""
        problem = {"error_code": code, "error": reason[:_LONGEST_ERROR]}
        for portion in in_portions(document_ids):
            mine = (documents.c.knowledge_base_id == self._base_id, documents.c.id.in_(portion))
            searchable = documents.c.status == "indexed"
            self._connection.execute(update(documents).where(*mine, searchable).values(problem))

    def read_again(self, document_ids: Collection[str]) -> Collection[str]:
        """Have the files of these documents processed again; what is searchable of them stays so until then. Returns
        the sources of those whose file is not in the store, which only reading their source again can bring."""
        elsewhere: set[str] = set()
        for portion in in_portions(document_ids):
            mine = (documents.c.knowledge_base_id == self._base_id, documents.c.id.in_(portion))
            without = select(documents.c.source_id).where(*mine, documents.c.content_hash == "")
            elsewhere.update(self._connection.execute(without).scalars())
            due = {"status": "received", "error": "", "error_code": "", "updated_at": datetime.now(UTC)}
            self._connection.execute(update(documents).where(*mine, documents.c.content_hash != "").values(due))
        return elsewhere

    def remove(self, document_ids: Collection[str]) -> int:
        """Remove documents with all that was made of them; returns how many there were."""
        mine = documents.c.knowledge_base_id == self._base_id
        there = [
            found
            for portion in in_portions(document_ids)
            for found in self._connection.execute(
                select(documents.c.id).where(mine, documents.c.id.in_(portion))
            ).scalars()
        ]
        told = [(document_id, TEXT) for document_id in there]
        for portion in in_portions(there):
            covered = select(coverage.c.document_id, coverage.c.embedder).where(
                coverage.c.document_id.in_(portion), coverage.c.told > 0
            )
            told += [(row.document_id, vectors_of(row.embedder)) for row in self._connection.execute(covered)]
            self._connection.execute(delete(documents).where(documents.c.id.in_(portion)))
        append_changes(self._connection, self._base_id, told)
        if there:
            self._note_garbage()
        return len(there)

    def _still_waits(self, pending: PendingDocument) -> bool:
        query = select(documents.c.status, documents.c.content_hash).where(
            documents.c.id == pending.document_id, documents.c.knowledge_base_id == self._base_id
        )
        row = self._connection.execute(query).one_or_none()
        return row is not None and (row.status, row.content_hash) == ("received", pending.content_hash)

    def _clear(self, document_id: str, kept_hashes: set[str]) -> set[str]:
        """Take away text, chunks, links and coverage; returns the aspects of vectors that indexes know of."""
        old = select(chunks.c.content_hash).where(chunks.c.document_id == document_id)
        indexed = select(documents.c.indexed_hash).where(documents.c.id == document_id)
        if self._connection.execute(indexed).scalar_one() or set(self._connection.execute(old).scalars()) - kept_hashes:
            self._note_garbage()
        told = select(coverage.c.embedder).where(coverage.c.document_id == document_id, coverage.c.told > 0)
        aspects = {vectors_of(embedder) for embedder in self._connection.execute(told).scalars()}
        for table in (chunks, links, document_texts, coverage):
            self._connection.execute(delete(table).where(table.c.document_id == document_id))
        return aspects

    def _link(self, pending: PendingDocument, parsed: ParsedDocument) -> None:
        found = resolve_links(pending.source_id, pending.path, pending.url, parsed.links)
        rows = [
            {
                "document_id": pending.document_id,
                "target_key": key,
                "knowledge_base_id": self._base_id,
                "target": link.target,
                "text": link.text,
                "start_offset": link.start,
            }
            for key, link in found.items()
        ]
        if rows:
            self._connection.execute(insert(links), rows)

    def _cover(self, document_id: str, rows: Sequence[Mapping[str, Any]]) -> set[str]:
        """Note which vectors the chunks have already; returns the aspects to tell of."""
        protect_vectors(self._connection)
        told = set()
        for name in self._names:
            embedder = self._embedders.get(name)
            if embedder is None:
                continue
            served = [row["content_hash"] for row in rows if row["language"] in embedder.languages]
            known = known_hashes(self._connection, name, set(served))
            done = sum(each in known for each in served)
            covered = coverage_row(self._base_id, document_id, name, total=len(served), done=done, told=done)
            self._connection.execute(insert(coverage).values(covered))
            if done:
                told.add(vectors_of(name))
        return told

    def _note_garbage(self) -> None:
        mine = knowledge_bases.c.id == self._base_id
        self._connection.execute(
            update(knowledge_bases).where(mine, knowledge_bases.c.untidy.is_(False)).values(untidy=True)
        )


def _due(row: Any, file: ReceivedFile, now: datetime) -> dict[str, Any]:
    """What a row becomes whose file waits to be processed; that the same file was too slow stays known."""
    was_too_slow = row.error_code == FileTooSlow.code and row.content_hash == file.content_hash
    code = FileTooSlow.code if was_too_slow else ""
    return {"status": "received", "error": "", "error_code": code, "updated_at": now}


def _settled(row: Any) -> dict[str, Any]:
    """What a row stays that needs no processing; one that is searchable is up to date now."""
    kept = {name: getattr(row, name) for name in ("status", "error", "error_code", "updated_at", "media_type")}
    return kept | ({"error": "", "error_code": ""} if row.status == "indexed" else {})


def pending_documents(
    connection: Connection, knowledge_base_id: str, *, after: str, limit: int
) -> list[PendingDocument]:
    """The next documents of a base that wait to be processed, behind a document id."""
    waits = and_(documents.c.knowledge_base_id == knowledge_base_id, documents.c.status == "received")
    columns = [documents.c[name] for name in ("source_id", "path", "url", "media_type", "content_hash")]
    was_too_slow = (documents.c.error_code == FileTooSlow.code).label("was_too_slow")
    query = select(documents.c.id.label("document_id"), *columns, was_too_slow).where(waits, documents.c.id > after)
    rows = connection.execute(query.order_by(documents.c.id).limit(limit))
    return [PendingDocument(**row._mapping) for row in rows]


def waits(connection: Connection, knowledge_base_id: str) -> int:
    """How many documents of a base wait to be processed."""
    mine = and_(documents.c.knowledge_base_id == knowledge_base_id, documents.c.status == "received")
    return int(connection.execute(select(func.count()).where(mine)).scalar_one())


def chunk_hash(search_text: str) -> str:
    """What identifies the vector of a chunk: 32 hex characters of the SHA-256 of the text that is embedded."""
    return hashlib.sha256(search_text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _chunk_row(knowledge_base_id: str, document_id: str, draft: ChunkDraft) -> dict[str, Any]:
    return {
        "knowledge_base_id": knowledge_base_id,
        "document_id": document_id,
        "ordinal": draft.ordinal,
        "start_offset": draft.start,
        "end_offset": draft.end,
        "text": draft.text,
        "search_text": draft.search_text,
        "content_hash": chunk_hash(draft.search_text),
        "heading_path": draft.heading_path,
        "anchor": draft.anchor,
        "kind": draft.kind,
        "language": draft.language,
        "page": draft.page,
        "rows": draft.rows,
    }
