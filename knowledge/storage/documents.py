"""The documents of a knowledge base as they are read: lists, texts and chunks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar, cast

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, or_, select

from knowledge.errors import NotFound
from knowledge.storage.paging import checked_limit, decode_cursor, encode_cursor
from knowledge.storage.tables import chunks, document_texts, documents
from knowledge.text.rows import row_runs
from knowledge.types import Chunk, Document, DocumentStatus, KnowledgeBase, Language

PATH_START = 250
"""So many characters of a path decide the order of documents."""

_IN_A_QUERY = 500

Each = TypeVar("Each")


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """A document with its canonical text; empty while it has not been read yet or could not be."""

    document: Document
    text: str
    pages: tuple[tuple[int, str], ...]


class DocumentStore:
    """The documents of one knowledge base, which the caller got from a KnowledgeBaseStore of the same transaction."""

    def __init__(self, connection: Connection, base: KnowledgeBase) -> None:
        self._connection = connection
        self._base = base

    def get(self, document_id: str) -> Document:
        """Raises NotFound."""
        row = self._connection.execute(
            select(documents).where(self._mine(), documents.c.id == document_id)
        ).one_or_none()
        if row is None:
            raise NotFound(f"There is no document {document_id!r} in {self._base.name!r}.")
        return document_of(row)

    def page(
        self,
        *,
        limit: int = 50,
        cursor: str = "",
        search: str = "",
        source_id: str = "",
        status: Collection[DocumentStatus] = (),
    ) -> tuple[list[Document], str | None]:
        """Documents by path, and the cursor of the next page (None on the last).

        `search` keeps those whose path or title holds it, letter case aside.
        """
        query = select(documents).where(self._mine()).order_by(documents.c.path_start, documents.c.id)
        if cursor:
            start, last_id = decode_cursor(cursor, 2)
            same = and_(documents.c.path_start == start, documents.c.id > last_id)
            query = query.where(or_(documents.c.path_start > start, same))
        if search:
            query = query.where(or_(_contains(documents.c.path, search), _contains(documents.c.title, search)))
        if source_id:
            query = query.where(documents.c.source_id == source_id)
        if status:
            query = query.where(documents.c.status.in_(status))
        rows = self._connection.execute(query.limit(checked_limit(limit) + 1)).all()
        last = rows[limit - 1] if len(rows) > limit else None
        following = encode_cursor(last.path_start, last.id) if last is not None else None
        return [document_of(row) for row in rows[:limit]], following

    def content(self, document_id: str) -> Content:
        """The canonical text that all offsets count in. Raises NotFound."""
        document = self.get(document_id)
        query = select(document_texts).where(document_texts.c.document_id == document.id)
        row = self._connection.execute(query).one_or_none()
        pages = tuple((int(offset), str(label)) for offset, label in row.pages) if row is not None else ()
        return Content(document=document, text=row.text if row is not None else "", pages=pages)

    def chunks(self, document_id: str) -> list[Chunk]:
        """The chunks of a document in order. Raises NotFound."""
        query = select(chunks).where(chunks.c.document_id == self.get(document_id).id).order_by(chunks.c.ordinal)
        return [chunk_of(row) for row in self._connection.execute(query)]

    def page_counts(self, document_ids: Collection[str]) -> dict[str, int]:
        """How many pages, slides or sheets these documents have, by id; those without any are left out."""
        query = select(document_texts.c.document_id, document_texts.c.pages).join(documents).where(self._mine())
        return {
            row.document_id: len(row.pages)
            for portion in in_portions(document_ids)
            for row in self._connection.execute(query.where(document_texts.c.document_id.in_(portion)))
            if row.pages
        }

    def _mine(self) -> ColumnElement[bool]:
        return documents.c.knowledge_base_id == self._base.id


def document_paths(connection: Connection, knowledge_base_id: str) -> Sequence[str]:
    """The path of every document of a base."""
    query = select(documents.c.path).where(documents.c.knowledge_base_id == knowledge_base_id)
    return connection.execute(query).scalars().all()


def read_chunks(connection: Connection, condition: ColumnElement[bool]) -> list[Chunk]:
    """Chunks of any base that meet a condition, in the order of documents and within them."""
    query: Select[Any] = select(chunks).where(condition).order_by(chunks.c.document_id, chunks.c.ordinal)
    return [chunk_of(row) for row in connection.execute(query).all()]


def in_portions(values: Collection[Each], size: int = _IN_A_QUERY) -> Iterator[Sequence[Each]]:
    """The values in pieces that fit one IN list."""
    rest = iter(values)
    while portion := list(islice(rest, size)):
        yield portion


def document_of(row: Row[Any]) -> Document:
    """A row of `documents` as a value."""
    return Document(
        id=row.id,
        knowledge_base_id=row.knowledge_base_id,
        source_id=row.source_id,
        path=row.path,
        title=row.title,
        url=row.url,
        media_type=row.media_type,
        markup=row.markup,
        language=cast("Language", row.language),
        size=row.size,
        content_hash=row.content_hash,
        status=cast("DocumentStatus", row.status),
        error=row.error,
        error_code=row.error_code,
        warnings=tuple(row.warnings),
        metadata=row._mapping["metadata"],
        chunk_count=row.chunk_count,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def chunk_of(row: Row[Any]) -> Chunk:
    """A row of `chunks`, all of its columns in their order, as a value. A search reads hundreds, and asking a row for
    its columns by name costs as much as reading it."""
    values = cast("tuple[Any, ...]", row)
    number, base_id, document_id, ordinal, start, end, text, search_text, digest, path, anchor, *others = values
    kind, language, page, runs = others
    return Chunk(
        id=number,
        knowledge_base_id=base_id,
        document_id=document_id,
        ordinal=ordinal,
        start=start,
        end=end,
        text=text,
        search_text=search_text,
        content_hash=digest,
        heading_path=tuple(path),
        anchor=anchor,
        kind=kind,
        language=language,
        page=page,
        rows=row_runs(runs) if runs else (),
    )


def _contains(column: Any, text: str) -> ColumnElement[bool]:
    return func.lower(column).contains(text.lower(), autoescape=True)
