"""The words of a knowledge base as a projection: one file that all processes of a machine share."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

from filelock import FileLock, Timeout
from sqlalchemy import Connection, and_

from knowledge.errors import IndexDamaged
from knowledge.indexes.lexical_fts import FtsIndex
from knowledge.ports import Scored
from knowledge.storage.changes import TEXT
from knowledge.storage.documents import in_portions, read_chunks
from knowledge.storage.tables import chunks
from knowledge.types import Chunk

WORDS = "words"
_DAMAGE = ("malformed", "not a database", "no such table", "no such column", "disk I/O error")


class LexicalProjection:
    """A Projection of the texts of documents into an FtsIndex."""

    name = WORDS
    aspect = TEXT
    is_shared = True

    def __init__(self, knowledge_base_id: str, index: FtsIndex) -> None:
        self._base_id = knowledge_base_id
        self._index = index

    @contextmanager
    def alone(self, patience_s: float) -> Iterator[bool]:
        """Alone with the file on this machine; False when others were for too long."""
        path = self._index.path.with_suffix(".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        # Whoever follows in steps may take them in several threads.
        lock = FileLock(path, timeout=max(0.0, patience_s), thread_local=False)
        try:
            lock.acquire(poll_interval=0.02)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def position(self) -> int:
        """The sequence number of the last change applied; 0 when it knows nothing. Raises IndexDamaged."""
        with _naming_damage():
            return self._index.position()

    def load(self, connection: Connection, document_ids: Sequence[str]) -> Callable[[int], None]:
        """What documents hold now, as a call that makes the index hold it and remember a position."""
        texts = _chunks_by_document(connection, self._base_id, document_ids)

        def apply(position: int) -> None:
            with _naming_damage():
                self._index.replace(texts, position)

        return apply

    def rebuild(self) -> None:
        """Forget everything, damage included. For whoever is alone with it."""
        self.drop()

    def drop(self) -> None:
        """Close the file and remove it."""
        self._index.close()
        path = self._index.path
        for suffix in ("-wal", "-shm", ""):
            path.with_name(path.name + suffix).unlink(missing_ok=True)

    def check(self) -> int:
        """How many chunks it holds. Raises IndexDamaged."""
        with _naming_damage():
            return len(self._index)

    def search(self, question: str, limit: int, documents: Collection[str] | None = None) -> list[Scored]:
        """See LexicalIndex. Raises IndexDamaged."""
        with _naming_damage():
            return self._index.search(question, limit, documents)


@contextmanager
def _naming_damage() -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        raise IndexDamaged(f"The index of words is damaged and will be built again ({error}).") from error


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether a file is not what it should be, rather than busy or out of reach."""
    if isinstance(error, sqlite3.OperationalError):
        return any(word in str(error) for word in _DAMAGE)
    return not isinstance(error, sqlite3.ProgrammingError)


def _chunks_by_document(
    connection: Connection, knowledge_base_id: str, document_ids: Sequence[str]
) -> dict[str, list[Chunk]]:
    """The chunks of each document; none for one that is gone."""
    found: dict[str, list[Chunk]] = {document_id: [] for document_id in document_ids}
    for portion in in_portions(document_ids):
        mine = and_(chunks.c.document_id.in_(portion), chunks.c.knowledge_base_id == knowledge_base_id)
        for chunk in read_chunks(connection, mine):
            found[chunk.document_id].append(chunk)
    return found
