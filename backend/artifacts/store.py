"""Artifacts: what is known of each file in one table, its content in a blob store of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from backend.db.tables import artifacts
from backend.errors import Missing
from knowledge.ids import new_id
from knowledge.storage.blobs import Blob, BlobStore
from knowledge.storage.database import Database
from knowledge.types import Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class Artifact:
    """A file as it is stored. `media_type` is what whoever brought it says; nobody relies on it."""

    id: str
    run_id: str | None
    name: str
    media_type: str
    size: int
    content_hash: str
    created_at: datetime


class ArtifactStore:
    """The artifacts that `scope` may see, inside the transaction of `connection`; commits nothing."""

    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope

    def add(self, blob: Blob, *, name: str, media_type: str, run_id: str | None = None) -> Artifact:
        """A new artifact; the caller holds its blob until the transaction is committed."""
        artifact_id = new_id()
        self._connection.execute(
            insert(artifacts).values(
                id=artifact_id,
                workspace_id=self._scope.workspace_id,
                owner_id=self._scope.user_id,
                run_id=run_id,
                name=name,
                media_type=media_type,
                size=blob.size,
                content_hash=blob.content_hash,
                created_at=datetime.now(UTC),
            )
        )
        return self.get(artifact_id)

    def get(self, artifact_id: str) -> Artifact:
        """Raises Missing."""
        row = self._connection.execute(select(artifacts).where(self._mine, artifacts.c.id == artifact_id)).first()
        if row is None:
            raise Missing("There is no such file.")
        return _artifact(row)

    def attach(self, ids: Sequence[str], run_id: str) -> None:
        """Let those that belong to no run yet belong to this one, and be deleted with it. Raises Missing."""
        for artifact_id in ids:
            self.get(artifact_id)
        free = (self._mine, artifacts.c.id.in_(ids), artifacts.c.run_id.is_(None))
        if ids:
            self._connection.execute(update(artifacts).where(*free).values(run_id=run_id))

    @property
    def _mine(self) -> Any:
        return (artifacts.c.workspace_id == self._scope.workspace_id) & (artifacts.c.owner_id == self._scope.user_id)


def collect_unreferenced_files(database: Database, files: BlobStore) -> Iterator[int]:
    """Delete the content of artifacts that are gone; yields how many files, portion by portion."""

    def referenced(hashes: Collection[str]) -> Collection[str]:
        with database.read() as connection:
            query = select(artifacts.c.content_hash).where(artifacts.c.content_hash.in_(hashes))
            return set(connection.execute(query).scalars())

    yield from files.collect_garbage(referenced)


def _artifact(row: Row[Any]) -> Artifact:
    return Artifact(
        id=row.id,
        run_id=row.run_id,
        name=row.name,
        media_type=row.media_type,
        size=row.size,
        content_hash=row.content_hash,
        created_at=row.created_at,
    )
