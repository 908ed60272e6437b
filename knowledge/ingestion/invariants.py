"""What must hold of the truth database, the files and the indexes at any time, checked from outside.

For `doctor`, and for tests that kill processes at random: an empty list means that nothing was lost or doubled, and
that nothing stale is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Select, and_, exists, func, or_, select

from knowledge.errors import NotFound
from knowledge.indexes.lexical_projection import WORDS
from knowledge.indexes.projections import Projections
from knowledge.ports import Embedder
from knowledge.storage.bases import uploaded_files
from knowledge.storage.blobs import BlobStore
from knowledge.storage.changes import TEXT, vectors_of
from knowledge.storage.database import Database
from knowledge.storage.tables import (
    changes,
    chunks,
    coverage,
    document_texts,
    documents,
    embeddings,
    knowledge_bases,
)
from knowledge.storage.vectors import counted

_SHOWN = 5


def check_invariants(
    database: Database,
    projections: Projections | None = None,
    *,
    blobs: BlobStore | None = None,
    embedders: Mapping[str, Embedder] | None = None,
) -> list[str]:
    """Every broken invariant as a sentence. Indexes are brought up to the log first, then compared; coverage is counted
    again for the `embedders` given. Reads all chunks: seconds for 100,000 of them."""
    with database.read() as connection:
        found = [
            *_documents(connection),
            *_chunks(connection),
            *_log(connection),
            *_coverage(connection, embedders or {}),
            *_vectors(connection),
            *(_files(connection, blobs) if blobs is not None else ()),
        ]
    return [*found, *(_indexes(database, projections) if projections is not None else ())]


def _documents(connection: Connection) -> Iterator[str]:
    has_text = exists().where(document_texts.c.document_id == documents.c.id)
    number = select(func.count()).where(chunks.c.document_id == documents.c.id).scalar_subquery()
    rules: Mapping[str, Any] = {
        "has another number of chunks than it says": documents.c.chunk_count != number,
        "has chunks without a text": and_(documents.c.chunk_count > 0, ~has_text),
        "is indexed and has no text": and_(documents.c.status == "indexed", ~has_text),
        "is indexed and not by its file": and_(
            documents.c.status == "indexed", documents.c.indexed_hash != documents.c.content_hash
        ),
        "could not be read and has chunks": and_(documents.c.status == "failed", documents.c.chunk_count > 0),
        "waits without a file": and_(documents.c.status == "received", documents.c.content_hash == ""),
    }
    for rule, broken in rules.items():
        yield from _each(connection, select(documents.c.id).where(broken), f"Document {{}} {rule}.")


def _chunks(connection: Connection) -> Iterator[str]:
    here = func.substr(document_texts.c.text, chunks.c.start_offset + 1, chunks.c.end_offset - chunks.c.start_offset)
    torn = select(chunks.c.id).join(document_texts, document_texts.c.document_id == chunks.c.document_id)
    yield from _each(connection, torn.where(here != chunks.c.text), "Chunk {} is not the text at its place.")
    strayed = select(chunks.c.id).join(documents, documents.c.id == chunks.c.document_id)
    elsewhere = documents.c.knowledge_base_id != chunks.c.knowledge_base_id
    yield from _each(connection, strayed.where(elsewhere), "Chunk {} is in another base than its document.")
    gaps = select(chunks.c.document_id).group_by(chunks.c.document_id)
    gaps = gaps.having(or_(func.min(chunks.c.ordinal) != 0, func.max(chunks.c.ordinal) != func.count() - 1))
    yield from _each(connection, gaps, "Document {} has gaps between its chunks.")


def _log(connection: Connection) -> Iterator[str]:
    def live(aspect: Any, document_id: Any) -> Any:
        return exists().where(
            changes.c.document_id == document_id, changes.c.aspect == aspect, changes.c.live.is_(True)
        )

    untold = select(documents.c.id).where(documents.c.chunk_count > 0, ~live(TEXT, documents.c.id))
    yield from _each(connection, untold, "The log says nothing of document {}.")
    silent = select(coverage.c.document_id).where(
        coverage.c.told > 0, ~live(vectors_of("") + coverage.c.embedder, coverage.c.document_id)
    )
    yield from _each(connection, silent, "The log says nothing of the vectors of document {}.")
    doubled = select(changes.c.document_id).where(changes.c.live.is_(True))
    doubled = doubled.group_by(changes.c.knowledge_base_id, changes.c.document_id, changes.c.aspect)
    yield from _each(connection, doubled.having(func.count() > 1), "The log says the same of document {} twice.")
    ahead = select(knowledge_bases.c.id).join(changes).where(changes.c.seq > knowledge_bases.c.log_head).distinct()
    yield from _each(connection, ahead, "The log of base {} goes beyond its head.")


def _coverage(connection: Connection, embedders: Mapping[str, Embedder]) -> Iterator[str]:
    odd = or_(coverage.c.done > coverage.c.total, coverage.c.told > coverage.c.done)
    yield from _each(
        connection, select(coverage.c.document_id).where(odd), "Document {} is covered by more vectors than it has."
    )
    for base_id in connection.execute(select(knowledge_bases.c.id)).scalars().all():
        for name, embedder in embedders.items():
            mine = and_(coverage.c.knowledge_base_id == base_id, coverage.c.embedder == name)
            said = {row.document_id: (row.total, row.done) for row in connection.execute(select(coverage).where(mine))}
            true = counted(connection, base_id, name, embedder.languages, None)
            for document_id, (total, done) in said.items():
                true_total, true_done = true.get(document_id, (0, 0))
                # Vectors that were stored and not yet counted, because a build was broken off, lose nothing.
                if total != true_total or done > true_done:
                    yield f"Document {document_id} is said to have {done} of {total} vectors of {name}."


def _vectors(connection: Connection) -> Iterator[str]:
    untidy = exists().where(or_(knowledge_bases.c.untidy.is_(True), knowledge_bases.c.deleted.is_(True)))
    if connection.execute(select(untidy)).scalar_one():
        return
    unused = ~exists().where(chunks.c.content_hash == embeddings.c.content_hash)
    yield from _each(connection, select(embeddings.c.content_hash).where(unused), "Vector {} belongs to no chunk.")


def _files(connection: Connection, blobs: BlobStore) -> Iterator[str]:
    hashes = connection.execute(select(documents.c.content_hash).where(documents.c.content_hash != "").distinct())
    for content_hash in hashes.scalars():
        if not blobs.contains(content_hash):
            yield f"The file {content_hash} of a document is not in the store."
    for content_hash in uploaded_files(connection):
        if not blobs.contains(content_hash):
            yield f"The file {content_hash} of an archive is not in the store."


def _indexes(database: Database, projections: Projections) -> Iterator[str]:
    with database.read() as connection:
        bases = connection.execute(select(knowledge_bases).where(knowledge_bases.c.deleted.is_(False))).all()
        words = Counter(connection.execute(select(chunks.c.knowledge_base_id)).scalars())
        vectors = {(base.id, name): _told(connection, base.id, name) for base in bases for name in base.embedders}
    for base in bases:
        try:
            projections.follow(base.id)
            sizes = projections.sizes(base.id)
        except NotFound:
            continue
        if sizes[WORDS] != words[base.id]:
            yield f"The words of base {base.id} hold {sizes[WORDS]} chunks instead of {words[base.id]}."
        for name in base.embedders:
            least, most = vectors[base.id, name]
            if not least <= sizes[name] <= most:
                yield f"The vectors of {name} in base {base.id} are {sizes[name]} instead of {least} to {most}."


def _told(connection: Connection, knowledge_base_id: str, embedder: str) -> tuple[int, int]:
    """How many vectors an index was told of, and how many it may have read then: those stored since come along."""
    mine = and_(coverage.c.knowledge_base_id == knowledge_base_id, coverage.c.embedder == embedder)
    told = connection.execute(select(func.coalesce(func.sum(coverage.c.told), 0)).where(mine)).scalar_one()
    there = and_(embeddings.c.embedder == embedder, embeddings.c.content_hash == chunks.c.content_hash)
    stored = select(func.count()).select_from(chunks).join(embeddings, there)
    mine = chunks.c.knowledge_base_id == knowledge_base_id
    return int(told), int(connection.execute(stored.where(mine)).scalar_one())


def _each(connection: Connection, query: Select[Any], sentence: str) -> Iterator[str]:
    found = connection.execute(query.limit(_SHOWN)).scalars().all()
    yield from (sentence.format(each) for each in found)
