"""Garbage collection: vectors and raw files that nothing refers to any more go away."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlalchemy import select, update

from knowledge.storage.bases import pending_import_files, uploaded_files
from knowledge.storage.blobs import BlobStore
from knowledge.storage.changes import lock_base, prune, read_base
from knowledge.storage.database import Database
from knowledge.storage.documents import in_portions
from knowledge.storage.tables import documents, knowledge_bases
from knowledge.storage.vectors import drop_unneeded, stored_embedders, unneeded

_LOOKED_AT_ONCE = 5000


class GarbageCollector:
    """Cleans up after replacements and deletions; may be broken off, and run by several at once."""

    def __init__(self, *, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs

    def collect(self) -> Iterator[int]:
        """Drop every vector and file that nothing needs, yielding portion by portion how many, and give the room back
        that they and what was deleted before took."""
        yield from self._collect_vectors()
        yield from self._blobs.collect_garbage(self._referenced)
        yield from self._database.give_back_space()

    def collect_if_needed(self, knowledge_base_id: str) -> Iterator[int]:
        """Collect if this base has dropped something since the last time, and shorten its log. Raises NotFound."""
        with self._database.read() as connection:
            head = read_base(connection, knowledge_base_id).log_head
            mine = knowledge_bases.c.id == knowledge_base_id
            has_garbage = connection.execute(select(knowledge_bases.c.untidy).where(mine)).scalar_one()
        if not has_garbage:
            return
        yield from self.collect()
        with self._database.write() as connection:
            lock_base(connection, knowledge_base_id)
            prune(connection, knowledge_base_id)
            # Whatever is dropped is told to the log: at another head, there is something to look for again.
            still = (mine, knowledge_bases.c.log_head == head)
            connection.execute(update(knowledge_bases).where(*still).values(untidy=False))

    def _collect_vectors(self) -> Iterator[int]:
        with self._database.read() as connection:
            names = list(stored_embedders(connection))
        for name in names:
            after = ""
            while True:
                with self._database.read() as connection:
                    found, after = unneeded(connection, name, after, _LOOKED_AT_ONCE)
                if found:
                    with self._database.write() as connection:
                        yielded = drop_unneeded(connection, name, found)
                    yield yielded
                if not after:
                    break
                yield 0

    def _referenced(self, hashes: Collection[str]) -> Collection[str]:
        """Those of the hashes that a document, an uploaded archive or an import refers to."""
        with self._database.read() as connection:
            query = select(documents.c.content_hash).distinct()
            used = {
                found
                for portion in in_portions(hashes)
                for found in connection.execute(query.where(documents.c.content_hash.in_(portion))).scalars()
            }
            return used | uploaded_files(connection) | pending_import_files(connection)
