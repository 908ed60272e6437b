"""The tables of the knowledge floor. Ids are 32 hex characters in time order; times are UTC.

Chunks, embeddings and links are derived from documents and raw files, but not rebuildable in no time, so they are kept
here as truth too; FAISS and the lexical index are projections of them that follow `changes`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
)

from knowledge.storage.columns import NAMING_CONVENTION, Moment, StorableJSON, StorableText, id_column

metadata = MetaData(naming_convention=NAMING_CONVENTION)


def _base_id() -> Column[str]:
    return id_column("knowledge_base_id", ForeignKey("knowledge_bases.id", ondelete="CASCADE"), nullable=False)


def _document_id() -> Column[str]:
    return id_column("document_id", ForeignKey("documents.id", ondelete="CASCADE"), nullable=False)


def _text(name: str) -> Column[str]:
    return Column(name, StorableText, nullable=False)


def _json(name: str) -> Column[Any]:
    return Column(name, StorableJSON, nullable=False)


knowledge_bases = Table(
    "knowledge_bases",
    metadata,
    id_column("id", primary_key=True),
    Column("workspace_id", String(32), nullable=False),
    Column("owner_id", String(32), nullable=False),
    _text("name"),
    _text("description"),
    _json("embedders"),
    Column("next_embedders", StorableJSON, nullable=True),
    Column("brought", StorableJSON, nullable=True),
    Column("log_head", BigInteger, nullable=False),
    Column("log_floor", BigInteger, nullable=False),
    Column("untidy", Boolean, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    UniqueConstraint("workspace_id", "name"),
)
"""`log_head` is the last sequence number of `changes`; below `log_floor` the log no longer tells what has been
deleted, so an index that stopped there begins anew. `untidy`: something was dropped that may have been the last to
need its vectors or its file, and nobody has looked since. `brought`: what came with an import and has not been taken
over yet. A `deleted` base is seen by nobody and waits to be emptied."""

sources = Table(
    "sources",
    metadata,
    id_column("id", primary_key=True),
    _base_id(),
    Column("kind", String(20), nullable=False),
    _text("location"),
    Column("location_hash", String(64), nullable=False),
    _json("options"),
    _json("cursor"),
    Column("created_at", Moment, nullable=False),
    Column("synced_at", Moment, nullable=True),
    UniqueConstraint("knowledge_base_id", "kind", "location_hash"),
)
"""`location_hash`: a location may be longer than an index of PostgreSQL takes."""

documents = Table(
    "documents",
    metadata,
    id_column("id", primary_key=True),
    _base_id(),
    id_column("source_id", ForeignKey("sources.id", ondelete="CASCADE"), nullable=False),
    _text("path"),
    Column("path_hash", String(64), nullable=False),
    Column("path_start", StorableText, nullable=False),
    Column("path_key", String(64), nullable=False),
    Column("url_key", String(64), nullable=False),
    _text("title"),
    _text("url"),
    _text("media_type"),
    Column("markup", String(20), nullable=False),
    Column("language", String(10), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("modified_ns", BigInteger, nullable=False),
    Column("status", String(20), nullable=False),
    _text("error_code"),
    _text("error"),
    _json("warnings"),
    _json("metadata"),
    Column("chunk_count", Integer, nullable=False),
    Column("indexed_hash", String(64), nullable=False),
    Column("indexed_by", String(100), nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    UniqueConstraint("source_id", "path_hash"),
    Index(None, "knowledge_base_id", "path_start", "id"),
    Index(None, "knowledge_base_id", "status"),
    Index(None, "knowledge_base_id", "path_key"),
    Index(None, "knowledge_base_id", "url_key"),
    Index(None, "content_hash"),
)
"""`content_hash` is the raw file last received; `indexed_hash` and `indexed_by` the file and the version of parser and
splitter that text and chunks were made of and by: they stay searchable until the new file has been processed.
`path_start` are the first characters of the path, for order; `path_key` and `url_key` are what links resolve to."""

document_texts = Table(
    "document_texts",
    metadata,
    id_column("document_id", ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True),
    _text("text"),
    _json("pages"),
)

chunks = Table(
    "chunks",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    _base_id(),
    _document_id(),
    Column("ordinal", Integer, nullable=False),
    Column("start_offset", Integer, nullable=False),
    Column("end_offset", Integer, nullable=False),
    _text("text"),
    _text("search_text"),
    Column("content_hash", String(32), nullable=False),
    _json("heading_path"),
    _text("anchor"),
    Column("kind", String(20), nullable=False),
    Column("language", String(10), nullable=False),
    _text("page"),
    _json("rows"),
    UniqueConstraint("document_id", "ordinal"),
    Index("ix_chunks_coverage", "knowledge_base_id", "document_id", "language", "content_hash"),
    Index(None, "content_hash"),
    sqlite_autoincrement=True,
)
"""Ids are never used again, so that what an index still says of a chunk that is gone can never mean another one."""

embeddings = Table(
    "embeddings",
    metadata,
    Column("embedder", String(100), nullable=False),
    Column("content_hash", String(32), nullable=False),
    Column("vector", LargeBinary, nullable=False),
    PrimaryKeyConstraint("embedder", "content_hash"),
)
"""`vector` is little-endian float32 of unit length. Equal chunks share it, in all knowledge bases."""

coverage = Table(
    "coverage",
    metadata,
    _document_id(),
    Column("embedder", String(100), nullable=False),
    _base_id(),
    Column("total", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("told", Integer, nullable=False),
    PrimaryKeyConstraint("document_id", "embedder"),
    Index(None, "knowledge_base_id", "embedder"),
)
"""Of the `total` chunks of a document that an embedder serves, `done` have their vector; the log spoke of `told`."""

links = Table(
    "links",
    metadata,
    _document_id(),
    Column("target_key", String(64), nullable=False),
    _base_id(),
    _text("target"),
    _text("text"),
    Column("start_offset", Integer, nullable=False),
    PrimaryKeyConstraint("document_id", "target_key"),
    Index(None, "knowledge_base_id", "target_key"),
)

changes = Table(
    "changes",
    metadata,
    _base_id(),
    Column("seq", BigInteger, nullable=False),
    id_column("document_id", nullable=False),
    Column("aspect", String(120), nullable=False),
    Column("live", Boolean, nullable=False),
    PrimaryKeyConstraint("knowledge_base_id", "seq"),
    Index(None, "knowledge_base_id", "document_id", "aspect"),
)
"""The log that indexes follow. Only the last row of a document and aspect is `live`. Some older ones are kept, so that
an index can tell whether the position it remembers belongs to the history of this database. `seq` is the time in
microseconds, or one more than the last: numbers of a history that was lost by restoring a backup do not come again."""
