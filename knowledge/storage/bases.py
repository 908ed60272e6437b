"""Knowledge bases and their sources, as a scope may see them."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, case, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from knowledge.errors import InvalidInput, NameTaken, NotFound
from knowledge.ids import new_id
from knowledge.storage.paging import checked_limit, decode_cursor, encode_cursor
from knowledge.storage.tables import coverage, documents, knowledge_bases, sources
from knowledge.types import ELSEWHERE, KnowledgeBase, Scope, Source

LONGEST_NAME = 200
_BLOB = "blob"


@dataclass(frozen=True, kw_only=True, slots=True)
class VectorProgress:
    """Of the `total` chunks that an embedder serves, `done` have their vector."""

    embedder: str
    done: int
    total: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Statistics:
    """Counts of a knowledge base. `vectors` are those of its embedders, present and next, in their order."""

    document_count: int = 0
    received_count: int = 0
    failed_count: int = 0
    chunk_count: int = 0
    vectors: tuple[VectorProgress, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportedVectors:
    """Vectors that came with an import: files of the store that hold records of this dimension."""

    embedder: str
    dimension: int
    files: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingImport:
    """What was imported with a base and has not been taken over yet."""

    export_id: str
    vectors: tuple[ImportedVectors, ...] = ()


def visible(scope: Scope) -> ColumnElement[bool]:
    """The knowledge bases a scope may see: those of its workspace. The one place that decides it."""
    return and_(knowledge_bases.c.workspace_id == scope.workspace_id, knowledge_bases.c.deleted.is_(False))


class KnowledgeBaseStore:
    """Knowledge bases inside the transaction of `connection`; the caller commits."""

    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope

    def create(self, name: str, *, description: str = "", embedders: Sequence[str]) -> KnowledgeBase:
        """A new, empty base. Raises NameTaken (names are unique in a workspace) or InvalidInput."""
        now = datetime.now(UTC)
        row = {
            "id": new_id(),
            "workspace_id": self._scope.workspace_id,
            "owner_id": self._scope.user_id,
            "name": _checked_name(name),
            "description": description,
            "embedders": list(dict.fromkeys(embedders)),
            "next_embedders": None,
            "brought": None,
            "log_head": 0,
            "log_floor": 0,
            "untidy": False,
            "deleted": False,
            "created_at": now,
            "updated_at": now,
        }
        self._unique(insert(knowledge_bases).values(row), name)
        return self.get(str(row["id"]))

    def get(self, id_or_name: str) -> KnowledgeBase:
        """The base of this id, or else of this name. Raises NotFound."""
        either = or_(knowledge_bases.c.id == id_or_name, knowledge_bases.c.name == id_or_name.strip())
        first = case((knowledge_bases.c.id == id_or_name, 0), else_=1)
        query = select(knowledge_bases).where(visible(self._scope), either).order_by(first).limit(1)
        row = self._connection.execute(query).one_or_none()
        if row is None:
            raise NotFound(f"There is no knowledge base {id_or_name[:LONGEST_NAME]!r}.")
        return _base(row)

    def page(self, *, limit: int = 50, cursor: str = "") -> tuple[list[KnowledgeBase], str | None]:
        """Bases by name, and the cursor of the next page (None on the last)."""
        query = select(knowledge_bases).where(visible(self._scope)).order_by(knowledge_bases.c.name)
        if cursor:
            query = query.where(knowledge_bases.c.name > decode_cursor(cursor, 1)[0])
        rows = self._connection.execute(query.limit(checked_limit(limit) + 1)).all()
        return [_base(row) for row in rows[:limit]], encode_cursor(rows[limit - 1].name) if len(rows) > limit else None

    def update(self, id_or_name: str, *, name: str | None = None, description: str | None = None) -> KnowledgeBase:
        """The base with what is given changed. Raises NotFound, NameTaken or InvalidInput."""
        base = self.get(id_or_name)
        values: dict[str, Any] = {"updated_at": datetime.now(UTC)}
        if name is not None:
            values["name"] = _checked_name(name)
        if description is not None:
            values["description"] = description
        self._unique(update(knowledge_bases).where(knowledge_bases.c.id == base.id).values(values), name or "")
        return self.get(base.id)

    def choose_embedders(self, id_or_name: str, embedders: Sequence[str]) -> KnowledgeBase:
        """Have these embedders' vectors built beside the present ones, to replace them when they are complete; the
        present ones again calls that off. The caller starts the build. Raises NotFound."""
        base = self.get(id_or_name)
        wanted = tuple(dict.fromkeys(embedders))
        values = {"next_embedders": None if wanted == base.embedders else list(wanted), "updated_at": datetime.now(UTC)}
        self._connection.execute(update(knowledge_bases).where(knowledge_bases.c.id == base.id).values(values))
        return self.get(base.id)

    def mark_deleted(self, id_or_name: str) -> KnowledgeBase:
        """Hide a base from everybody at once and free its name; `Ingestor.delete_base` removes what it held."""
        base = self.get(id_or_name)
        self._connection.execute(
            update(knowledge_bases)
            .where(knowledge_bases.c.id == base.id)
            .values(deleted=True, name=f"deleted {base.id}", updated_at=datetime.now(UTC))
        )
        return base

    def statistics(self, bases: Collection[KnowledgeBase]) -> Mapping[str, Statistics]:
        """Counts by base id, for bases this store gave out; two queries, however many bases."""
        ids = [base.id for base in bases]
        failed, received = documents.c.status == "failed", documents.c.status == "received"
        counts = select(
            documents.c.knowledge_base_id,
            func.count().label("total"),
            func.sum(case((failed, 1), else_=0)).label("failed"),
            func.sum(case((received, 1), else_=0)).label("received"),
            func.sum(documents.c.chunk_count).label("chunks"),
        ).where(documents.c.knowledge_base_id.in_(ids))
        counted = {
            row.knowledge_base_id: row
            for row in self._connection.execute(counts.group_by(documents.c.knowledge_base_id))
        }
        vectors = self._vector_progress(ids)
        return {base.id: _statistics(base, counted.get(base.id), vectors) for base in bases}

    def _vector_progress(self, ids: Sequence[str]) -> dict[tuple[str, str], tuple[int, int]]:
        query = select(
            coverage.c.knowledge_base_id,
            coverage.c.embedder,
            func.sum(coverage.c.done).label("done"),
            func.sum(coverage.c.total).label("total"),
        ).where(coverage.c.knowledge_base_id.in_(ids))
        rows = self._connection.execute(query.group_by(coverage.c.knowledge_base_id, coverage.c.embedder))
        return {(row.knowledge_base_id, row.embedder): (int(row.done), int(row.total)) for row in rows}

    def _unique(self, statement: Any, name: str) -> None:
        try:
            with self._connection.begin_nested():
                self._connection.execute(statement)
        except IntegrityError:
            raise NameTaken(f"There is already a knowledge base named {name.strip()!r}; choose another name.") from None


class SourceStore:
    """The sources of one knowledge base, which the caller got from a KnowledgeBaseStore of the same transaction."""

    def __init__(self, connection: Connection, base: KnowledgeBase) -> None:
        self._connection = connection
        self._base = base

    def add(
        self, kind: str, location: str, options: Mapping[str, Any] | None = None, *, blob: str | None = None
    ) -> Source:
        """The source of this kind and location, made if there is none; options given replace those it has, and `blob`
        (the hash of an uploaded file of the store) the file that it is."""
        known = self._at(kind, location)
        if known is not None and known.is_elsewhere:
            self._set_cursor(known.id, {})
        if known is not None:
            chosen = known.options if options is None else options
            return self._set_options(known.id, chosen, known.blob if blob is None else blob)
        row = {
            "id": new_id(),
            "knowledge_base_id": self._base.id,
            "kind": kind,
            "location": location,
            "location_hash": hash_text(location),
            "options": _with_blob(options or {}, blob or ""),
            "cursor": {},
            "created_at": datetime.now(UTC),
            "synced_at": None,
        }
        try:
            with self._connection.begin_nested():
                self._connection.execute(insert(sources).values(row))
        except IntegrityError:  # somebody else has just added it
            return self.add(kind, location, options, blob=blob)
        return self.get(str(row["id"]))

    def get(self, source_id: str) -> Source:
        """Raises NotFound."""
        row = self._connection.execute(select(sources).where(self._mine(), sources.c.id == source_id)).one_or_none()
        if row is None:
            raise NotFound(f"There is no source {source_id!r} in {self._base.name!r}.")
        return _source(row)

    def all(self) -> list[Source]:
        """Every source, the oldest first."""
        query = select(sources).where(self._mine()).order_by(sources.c.id)
        return [_source(row) for row in self._connection.execute(query)]

    def page(self, *, limit: int = 50, cursor: str = "") -> tuple[list[Source], str | None]:
        """Sources, the oldest first, and the cursor of the next page (None on the last)."""
        query = select(sources).where(self._mine()).order_by(sources.c.id).limit(checked_limit(limit) + 1)
        if cursor:
            query = query.where(sources.c.id > decode_cursor(cursor, 1)[0])
        rows = self._connection.execute(query).all()
        return [_source(row) for row in rows[:limit]], encode_cursor(rows[limit - 1].id) if len(rows) > limit else None

    def update(self, source_id: str, options: Mapping[str, Any]) -> Source:
        """The source with these options. Raises NotFound."""
        source = self.get(source_id)
        return self._set_options(source.id, options, source.blob)

    def note_synced(self, source_id: str, cursor: Mapping[str, Any]) -> None:
        """Note that a source has just been read to its end, and what the next sync should know of this one."""
        values = {"cursor": dict(cursor), "synced_at": datetime.now(UTC)}
        self._connection.execute(update(sources).where(self._mine(), sources.c.id == source_id).values(values))

    def _set_options(self, source_id: str, options: Mapping[str, Any], blob: str) -> Source:
        mine = (self._mine(), sources.c.id == source_id)
        self._connection.execute(update(sources).where(*mine).values(options=_with_blob(options, blob)))
        return self.get(source_id)

    def mark_elsewhere(self, source_id: str) -> None:
        """Note that the location of a source is one of another machine: it is not read here until it is added here."""
        self._set_cursor(source_id, {ELSEWHERE: True})

    def _set_cursor(self, source_id: str, cursor: Mapping[str, Any]) -> None:
        mine = (self._mine(), sources.c.id == source_id)
        self._connection.execute(update(sources).where(*mine).values(cursor=dict(cursor)))

    def document_counts(self) -> Mapping[str, int]:
        """How many documents each source has, by its id; sources without any are left out."""
        mine = documents.c.knowledge_base_id == self._base.id
        query = select(documents.c.source_id, func.count().label("number")).where(mine).group_by(documents.c.source_id)
        return {row.source_id: row.number for row in self._connection.execute(query)}

    def _at(self, kind: str, location: str) -> Source | None:
        there = and_(sources.c.kind == kind, sources.c.location_hash == hash_text(location))
        query = select(sources).where(self._mine(), there)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _source(row)

    def _mine(self) -> ColumnElement[bool]:
        return sources.c.knowledge_base_id == self._base.id


def pending_import(connection: Connection, knowledge_base_id: str) -> PendingImport | None:
    """What was imported with a base and has not been taken over yet."""
    query = select(knowledge_bases.c.brought).where(knowledge_bases.c.id == knowledge_base_id)
    known = connection.execute(query).scalar_one_or_none()
    if known is None:
        return None
    vectors = [ImportedVectors(**{**each, "files": tuple(each["files"])}) for each in known["vectors"]]
    return PendingImport(export_id=known["export_id"], vectors=tuple(vectors))


def set_pending_import(connection: Connection, knowledge_base_id: str, what: PendingImport | None) -> None:
    """Note what was imported with a base; None when it has been taken over, which makes its files garbage."""
    values = {"brought": None, "untidy": True} if what is None else {"brought": asdict(what)}
    connection.execute(update(knowledge_bases).where(knowledge_bases.c.id == knowledge_base_id).values(**values))


def pending_import_files(connection: Connection) -> set[str]:
    """The files of the store that were imported with bases and are still needed."""
    query = select(knowledge_bases.c.brought).where(
        knowledge_bases.c.brought.is_not(None), knowledge_bases.c.deleted.is_(False)
    )
    return {
        file
        for known in connection.execute(query).scalars()
        for vectors in known["vectors"]
        for file in vectors["files"]
    }


def choose_present(connection: Connection, knowledge_base_id: str, embedders: Sequence[str]) -> None:
    """Have these embedders answer questions from now on, and none be built beside them."""
    now = datetime.now(UTC)
    values = {"embedders": list(embedders), "next_embedders": None, "untidy": True, "updated_at": now}
    connection.execute(update(knowledge_bases).where(knowledge_bases.c.id == knowledge_base_id).values(values))


def hash_text(text: str) -> str:
    """The SHA-256 of a text, 64 hex characters; lone surrogates count as themselves."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or any(unicodedata.category(each) in ("Cc", "Cs") for each in name):
        raise InvalidInput(f"A name has 1 to {LONGEST_NAME} characters, none of them a control character.")
    return name


def _statistics(
    base: KnowledgeBase, row: Row[Any] | None, vectors: Mapping[tuple[str, str], tuple[int, int]]
) -> Statistics:
    progress = tuple(
        VectorProgress(embedder=name, done=done, total=total)
        for name in dict.fromkeys((*base.embedders, *(base.next_embedders or ())))
        for done, total in [vectors.get((base.id, name), (0, 0))]
    )
    if row is None:
        return Statistics(vectors=progress)
    return Statistics(
        document_count=int(row.total),
        received_count=int(row.received),
        failed_count=int(row.failed),
        chunk_count=int(row.chunks),
        vectors=progress,
    )


def _base(row: Row[Any]) -> KnowledgeBase:
    return KnowledgeBase(
        id=row.id,
        name=row.name,
        description=row.description,
        workspace_id=row.workspace_id,
        owner_id=row.owner_id,
        embedders=tuple(row.embedders),
        next_embedders=None if row.next_embedders is None else tuple(row.next_embedders),
        created_at=row.created_at,
        updated_at=row.updated_at,
        # The log of changes is numbered by the time in microseconds.
        changed_at=datetime.fromtimestamp(row.log_head / 1e6, UTC) if row.log_head else None,
    )


def uploaded_files(connection: Connection) -> set[str]:
    """The files of the store that are sources themselves: uploaded archives."""
    stored = connection.execute(select(sources.c.options)).scalars()
    return {blob for options in stored if (blob := _blob_of(options))}


def _with_blob(options: Mapping[str, Any], blob: str) -> dict[str, Any]:
    """As one column keeps them: the file that was uploaded stands among the options and is none of them."""
    own = {name: value for name, value in options.items() if name != _BLOB}
    return {**own, _BLOB: blob} if blob else own


def _blob_of(options: Mapping[str, Any]) -> str:
    blob = options.get(_BLOB)
    return blob if isinstance(blob, str) else ""


def _source(row: Row[Any]) -> Source:
    return Source(
        id=row.id,
        knowledge_base_id=row.knowledge_base_id,
        kind=row.kind,
        location=row.location,
        options=_with_blob(row.options, ""),
        blob=_blob_of(row.options),
        cursor=row.cursor,
        created_at=row.created_at,
        synced_at=row.synced_at,
    )
