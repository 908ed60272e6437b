"""What the retriever reads of the truth, in one scope."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, exists, func, or_, select

from knowledge.storage.bases import visible
from knowledge.storage.database import Database
from knowledge.storage.documents import in_portions, read_chunks
from knowledge.storage.tables import chunks, documents, knowledge_bases
from knowledge.types import Chunk, DocumentRef, Filters, Scope


class SqlLibrary:
    """The `Library` of the retriever on the SQL database. Rows outside the scope do not exist for it.

    It holds nothing but database and scope, so one may be made for each search, or shared by threads.
    """

    def __init__(self, database: Database, scope: Scope) -> None:
        self._database = database
        self._scope = scope

    def chunks(self, ids: Collection[int]) -> Mapping[int, Chunk]:
        """Chunks by id; those that are gone are left out."""
        if not ids:
            return {}
        with self._database.read() as connection:
            found = [
                chunk
                for portion in in_portions(ids)
                for chunk in read_chunks(connection, and_(chunks.c.id.in_(portion), self._seen(chunks)))
            ]
        return {chunk.id: chunk for chunk in found}

    def neighbours(self, spans: Collection[tuple[str, int, int]]) -> Sequence[Chunk]:
        """Chunks of documents by (document id, first ordinal, last ordinal), both included, in order."""
        if not spans:
            return []
        # Two lists, not a condition for each span: those take longer to put into words than the chunks to read. The
        # lists meet in more places than are wanted, so they are first only looked up, in an index.
        wanted = {(name, ordinal) for name, first, last in spans for ordinal in range(first, last + 1)}
        ordinals = {ordinal for _, ordinal in wanted}
        query = select(chunks.c.id, chunks.c.document_id, chunks.c.ordinal)
        with self._database.read() as connection:
            found = [
                row.id
                for names in in_portions({name for name, _ in wanted})
                for part in in_portions(ordinals)
                for row in connection.execute(query.where(chunks.c.document_id.in_(names), chunks.c.ordinal.in_(part)))
                if (row.document_id, row.ordinal) in wanted
            ]
        return sorted(self.chunks(found).values(), key=lambda chunk: (chunk.document_id, chunk.ordinal))

    def documents(self, ids: Collection[str]) -> Mapping[str, DocumentRef]:
        """Documents by id; those that are gone are left out."""
        if not ids:
            return {}
        wanted = documents.c
        query = select(wanted.id, wanted.knowledge_base_id, wanted.path, wanted.title, wanted.url, wanted.source_id)
        with self._database.read() as connection:
            seen = self._seen(documents)
            rows = [
                row
                for portion in in_portions(ids)
                for row in connection.execute(query.where(wanted.id.in_(portion), seen))
            ]
        return {
            document_id: DocumentRef(
                id=document_id, knowledge_base_id=base_id, path=path, title=title, url=url, source_id=source_id
            )
            for document_id, base_id, path, title, url, source_id in rows
        }

    def select(self, knowledge_bases: Sequence[str], filters: Filters) -> Collection[str]:
        """The ids of documents that pass the filters. A metadata filter is met by an equal value, or by a list that
        holds it."""
        query = select(documents.c.id, *([documents.c["metadata"]] if filters.metadata else []))
        query = query.where(documents.c.knowledge_base_id.in_(knowledge_bases), documents.c.chunk_count > 0)
        if filters.source_ids:
            query = query.where(documents.c.source_id.in_(filters.source_ids))
        if filters.document_ids:
            query = query.where(documents.c.id.in_(filters.document_ids))
        if filters.path_prefixes:
            query = query.where(or_(*map(_begins, filters.path_prefixes)))
        with self._database.read() as connection:
            rows = connection.execute(query.where(self._seen(documents))).all()
        return {row[0] for row in rows if not filters.metadata or _matches(row[1], filters.metadata)}

    def _seen(self, table: Table) -> ColumnElement[bool]:
        """The condition that a row belongs to a base this scope may see.

        Asked of each row that was found: of a list of bases SQLite would make the way to the rows, which is through all
        of a base to a hundred chunks.
        """
        return exists().where(knowledge_bases.c.id == table.c.knowledge_base_id, visible(self._scope))


def _begins(prefix: str) -> ColumnElement[bool]:
    # Not LIKE, which minds letter case on one database and not on the other.
    return func.substr(documents.c.path, 1, len(prefix)) == prefix


def _matches(metadata: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(
        name in metadata and (metadata[name] == value or (isinstance(metadata[name], list) and value in metadata[name]))
        for name, value in wanted.items()
    )
