"""Vectors in the truth database, and how many of its chunks each document has them for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, cast

import numpy as np
from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite

from knowledge.ports import DocumentVectors, Vectors
from knowledge.storage.documents import in_portions
from knowledge.storage.tables import chunks, coverage, embeddings, knowledge_bases
from knowledge.types import Language

_GARBAGE_LOCK = 0x5EE9
_GROWTH = 1.5
"""A document whose vectors are incomplete is told of again when it has this many times more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MissingVector:
    """A chunk without a vector."""

    document_id: str
    ordinal: int
    content_hash: str
    search_text: str


def protect_vectors(connection: Connection) -> None:
    """Until this transaction ends, no vector is collected as garbage. Taken before relying on one that is there."""
    if connection.dialect.name == "postgresql":  # on SQLite whoever writes is alone
        connection.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": _GARBAGE_LOCK})


def known_hashes(connection: Connection, embedder: str, hashes: Collection[str]) -> set[str]:
    """Those of the hashes that have a vector of this embedder."""
    query = select(embeddings.c.content_hash).where(embeddings.c.embedder == embedder)
    return {
        found
        for portion in in_portions(hashes)
        for found in connection.execute(query.where(embeddings.c.content_hash.in_(portion))).scalars()
    }


def store_vectors(connection: Connection, embedder: str, hashes: Sequence[str], vectors: Vectors) -> None:
    """Keep one vector for each hash; those already kept stay as they are."""
    rows = [
        {"embedder": embedder, "content_hash": content_hash, "vector": vector.astype("<f4").tobytes()}
        for content_hash, vector in zip(hashes, vectors, strict=True)
    ]
    if rows:
        connection.execute(_insert_new(connection), rows)


def _insert_new(connection: Connection) -> Insert:
    if connection.dialect.name == "postgresql":
        return postgresql.insert(embeddings).on_conflict_do_nothing()
    return sqlite.insert(embeddings).on_conflict_do_nothing()


def dimension_of(connection: Connection, embedder: str) -> int | None:
    """How many numbers the vectors kept of an embedder have; None when there are none."""
    query = select(func.length(embeddings.c.vector)).where(embeddings.c.embedder == embedder).limit(1)
    found = connection.execute(query).scalar_one_or_none()
    return None if found is None else int(found) // 4


def load_vectors(
    connection: Connection, knowledge_base_id: str, embedder: str, document_ids: Sequence[str]
) -> Mapping[str, DocumentVectors | None]:
    """What there is of the vectors of each document: None for one without any, gone or not."""
    there = and_(embeddings.c.embedder == embedder, embeddings.c.content_hash == chunks.c.content_hash)
    query = select(chunks.c.document_id, chunks.c.id, embeddings.c.vector).join(embeddings, there)
    query = query.where(chunks.c.knowledge_base_id == knowledge_base_id).order_by(chunks.c.document_id)
    found: dict[str, DocumentVectors | None] = dict.fromkeys(document_ids)
    for portion in in_portions(document_ids):
        rows = connection.execute(query.where(chunks.c.document_id.in_(portion))).all()
        for document_id, held in groupby(rows, key=itemgetter(0)):
            _, ids, vectors = zip(*held, strict=True)
            matrix = np.frombuffer(b"".join(vectors), dtype="<f4").reshape(len(ids), -1)
            found[document_id] = DocumentVectors(
                chunk_ids=np.array(ids, dtype=np.int64), vectors=matrix.astype(np.float32, copy=False)
            )
    return found


def missing(
    connection: Connection,
    knowledge_base_id: str,
    embedder: str,
    languages: Collection[Language],
    *,
    after: tuple[str, int],
    limit: int,
) -> list[MissingVector]:
    """The next chunks without a vector, behind (document id, ordinal), of documents that coverage says lack some."""
    lacking = and_(coverage.c.embedder == embedder, coverage.c.done < coverage.c.total)
    there = exists().where(embeddings.c.embedder == embedder, embeddings.c.content_hash == chunks.c.content_hash)
    document_id, ordinal = after
    behind = or_(
        chunks.c.document_id > document_id, and_(chunks.c.document_id == document_id, chunks.c.ordinal > ordinal)
    )
    query = (
        select(chunks.c.document_id, chunks.c.ordinal, chunks.c.content_hash, chunks.c.search_text)
        .join(coverage, and_(coverage.c.document_id == chunks.c.document_id, lacking))
        .where(coverage.c.knowledge_base_id == knowledge_base_id, coverage.c.document_id >= document_id, behind)
        .where(chunks.c.language.in_(languages), ~there)
        .order_by(chunks.c.document_id, chunks.c.ordinal)
        .limit(limit)
    )
    return [MissingVector(**row._mapping) for row in connection.execute(query)]


def recount(
    connection: Connection,
    knowledge_base_id: str,
    embedder: str,
    languages: Collection[Language],
    document_ids: Collection[str] | None = None,
) -> list[str]:
    """Bring the coverage of documents (of all, without `document_ids`) up to what is true; returns those that the log
    must tell of: complete now, much more so than when last told of, or less."""
    protect_vectors(connection)
    if document_ids is None:
        return _recount(connection, knowledge_base_id, embedder, languages, None)
    return [
        told
        for portion in in_portions(document_ids)
        for told in _recount(connection, knowledge_base_id, embedder, languages, portion)
    ]


def _recount(
    connection: Connection,
    knowledge_base_id: str,
    embedder: str,
    languages: Collection[Language],
    document_ids: Sequence[str] | None,
) -> list[str]:
    numbers = counted(connection, knowledge_base_id, embedder, languages, document_ids)
    mine = and_(coverage.c.knowledge_base_id == knowledge_base_id, coverage.c.embedder == embedder)
    if document_ids is not None:
        mine = and_(mine, coverage.c.document_id.in_(document_ids))
    known = {
        row.document_id: (row.total, row.done, row.told) for row in connection.execute(select(coverage).where(mine))
    }
    tell, rows = [], []
    for document_id in {**known, **numbers}:
        total, done = numbers.get(document_id, (0, 0))
        told = known.get(document_id, (0, 0, 0))[2]
        if done != told and (done == total or done < told or done >= told * _GROWTH):
            tell.append(document_id)
            told = done
        if known.get(document_id) != (total, done, told):
            rows.append(coverage_row(knowledge_base_id, document_id, embedder, total=total, done=done, told=told))
    for portion in in_portions(rows):
        changed = coverage.c.document_id.in_([row["document_id"] for row in portion])
        connection.execute(delete(coverage).where(coverage.c.embedder == embedder, changed))
        connection.execute(insert(coverage), portion)
    return tell


def coverage_row(
    knowledge_base_id: str, document_id: str, embedder: str, *, total: int, done: int, told: int
) -> dict[str, Any]:
    """A row of `coverage`."""
    return {
        "document_id": document_id,
        "embedder": embedder,
        "knowledge_base_id": knowledge_base_id,
        "total": total,
        "done": done,
        "told": told,
    }


def counted(
    connection: Connection,
    knowledge_base_id: str,
    embedder: str,
    languages: Collection[Language],
    document_ids: Sequence[str] | None,
) -> dict[str, tuple[int, int]]:
    """Chunks that an embedder serves and those of them with a vector, by document (all of the base when None)."""
    there = and_(embeddings.c.embedder == embedder, embeddings.c.content_hash == chunks.c.content_hash)
    query = (
        select(chunks.c.document_id, func.count().label("total"), func.count(embeddings.c.embedder).label("done"))
        .join(embeddings, there, isouter=True)
        .where(chunks.c.knowledge_base_id == knowledge_base_id, chunks.c.language.in_(languages))
    )
    if document_ids is not None:
        query = query.where(chunks.c.document_id.in_(document_ids))
    rows = connection.execute(query.group_by(chunks.c.document_id))
    return {row.document_id: (row.total, row.done) for row in rows}


def is_complete(connection: Connection, knowledge_base_id: str, embedder: str) -> bool:
    """Whether every chunk that this embedder serves, as coverage knows it, has its vector."""
    lacking = exists().where(
        coverage.c.knowledge_base_id == knowledge_base_id,
        coverage.c.embedder == embedder,
        coverage.c.done < coverage.c.total,
    )
    return not connection.execute(select(lacking)).scalar_one()


def delete_coverage(connection: Connection, knowledge_base_id: str, embedder: str) -> None:
    """Drop what is known of how far an embedder is with a base that no longer has it."""
    mine = and_(coverage.c.knowledge_base_id == knowledge_base_id, coverage.c.embedder == embedder)
    connection.execute(delete(coverage).where(mine))


def unneeded(connection: Connection, embedder: str, after: str, limit: int) -> tuple[list[str], str]:
    """Of the next `limit` hashes behind `after`, those that no base using this embedder has a chunk of; and the last
    hash looked at, empty at the end."""
    query = select(embeddings.c.content_hash).where(
        embeddings.c.embedder == embedder, embeddings.c.content_hash > after
    )
    looked = connection.execute(query.order_by(embeddings.c.content_hash).limit(limit)).scalars().all()
    needed = _needed(connection, embedder)
    used = {
        found
        for portion in in_portions(looked)
        for found in connection.execute(
            select(chunks.c.content_hash).where(chunks.c.content_hash.in_(portion), needed).distinct()
        ).scalars()
    }
    return [each for each in looked if each not in used], looked[-1] if len(looked) == limit else ""


def drop_unneeded(connection: Connection, embedder: str, hashes: Collection[str]) -> int:
    """Drop those of the vectors that are still not needed. Returns how many."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _GARBAGE_LOCK})
    needed = exists().where(chunks.c.content_hash == embeddings.c.content_hash, _needed(connection, embedder))
    dropped = 0
    for portion in in_portions(hashes):
        mine = and_(embeddings.c.embedder == embedder, embeddings.c.content_hash.in_(portion))
        dropped += connection.execute(delete(embeddings).where(mine, ~needed)).rowcount
    return dropped


def stored_embedders(connection: Connection) -> Iterator[str]:
    """The embedders that vectors are kept of."""
    return iter(connection.execute(select(embeddings.c.embedder).distinct()).scalars().all())


def _needed(connection: Connection, embedder: str) -> ColumnElement[bool]:
    """The condition that a chunk belongs to a base whose present or next embedders include this one."""
    query = select(knowledge_bases.c.id, knowledge_bases.c.embedders, knowledge_bases.c.next_embedders)
    users = [
        row.id
        for row in connection.execute(query.where(knowledge_bases.c.deleted.is_(False)))
        if embedder in (*row.embedders, *(row.next_embedders or ()))
    ]
    return cast("ColumnElement[bool]", chunks.c.knowledge_base_id.in_(users))
