"""The indexes of every knowledge base, following the log of changes of the truth database.

The lexical index is a file that all processes of a machine share; vector indexes are replicas in this process. Each
remembers how far it has come. One that is missing, damaged, or further than this database ever was begins anew.
"""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Connection, and_, select

from knowledge.errors import NotFound
from knowledge.indexes.lexical_fts import FtsIndex
from knowledge.ports import KnowledgeBaseIndexes, LexicalIndex, Scored, VectorIndex
from knowledge.storage.changes import TEXT, BaseState, Change, knows, read_base, read_changes, vectors_of
from knowledge.storage.database import Database
from knowledge.storage.documents import in_portions, read_chunks
from knowledge.storage.tables import chunks, documents, knowledge_bases
from knowledge.storage.vectors import is_complete, load_vectors
from knowledge.types import Chunk

WORDS = "words"
"""The aspect that the lexical index follows; the others are named like the embedder whose vectors they follow."""

_DOCUMENTS_AT_ONCE = 300
_CHUNKS_AT_ONCE = 3000
_PATIENCE_S = 5.0
"""A search waits so long for an index to catch up; then it answers with what there is, and others go on with it."""


_IDLE_S = 1800.0
"""Vectors of a base that nobody has searched for so long are let go of when another is searched."""

_DAMAGE = ("malformed", "not a database", "no such table", "no such column", "disk I/O error")


@dataclass(slots=True)
class _Opened:
    """The indexes of one base in this process.

    `seen` is by aspect the head of the log when the index last had caught up, and the identity of its file then.
    """

    words: FtsIndex
    vectors: dict[str, VectorIndex] = field(default_factory=dict)
    seen: dict[str, tuple[int, int]] = field(default_factory=dict)
    locks: dict[str, threading.Lock] = field(default_factory=dict)
    incomplete: tuple[tuple[int, tuple[str, ...]], frozenset[str]] | None = None
    finishing: set[str] = field(default_factory=set)
    used_at: float = 0.0


class Projections:
    """Opens the indexes of knowledge bases and keeps them up. One for a process, for any number of threads."""

    def __init__(self, database: Database, folder: Path, *, patience_s: float = _PATIENCE_S) -> None:
        """`folder`: where index files are kept, one folder for each base; may be deleted at any time. `patience_s`: how
        long `open` waits for an index to catch up."""
        self._database = database
        self._folder = folder
        self._patience_s = patience_s
        self._opened: dict[str, _Opened] = {}
        self._guard = threading.Lock()
        self._released_at = time.monotonic()

    def open(self, knowledge_base_id: str) -> KnowledgeBaseIndexes:
        """The indexes of a base, followed up to now, or as far as a few seconds allow. Raises NotFound."""
        try:
            with self._database.read() as connection:
                base = read_base(connection, knowledge_base_id)
                opened = self._of(knowledge_base_id)
                incomplete = set(_incomplete(connection, knowledge_base_id, opened, base))
        except NotFound:
            self._let_go(knowledge_base_id)
            raise
        present = base.embedders
        opened.used_at = time.monotonic()
        for stale in set(opened.vectors) - set(present):
            opened.vectors.pop(stale, None)
            opened.seen.pop(stale, None)
        if opened.used_at - self._released_at > _IDLE_S / 10:
            self._released_at = opened.used_at
            self.release_idle(_IDLE_S)
        deadline = time.monotonic() + self._patience_s
        for aspect in (WORDS, *present):
            if not self._caught_up(knowledge_base_id, opened, aspect, base.log_head, deadline):
                incomplete.add(aspect)
        return KnowledgeBaseIndexes(
            knowledge_base_id=knowledge_base_id,
            lexical=_MendingIndex(opened.words, lambda: self._mend(knowledge_base_id)),
            vectors={name: self._index(opened, name) for name in present},
            incomplete=frozenset(incomplete),
        )

    def follow(self, knowledge_base_id: str, aspects: Collection[str] | None = None) -> None:
        """Catch up with the log: the words, and the vectors of each present embedder; or only the `aspects` named.

        Raises NotFound.
        """
        if aspects is None:
            with self._database.read() as connection:
                aspects = (WORDS, *read_base(connection, knowledge_base_id).embedders)
        for aspect in aspects:
            for _ in self.catch_up(knowledge_base_id, aspect):
                pass

    def catch_up(self, knowledge_base_id: str, aspect: str = WORDS) -> Iterator[int]:
        """Bring one index up to the log, yielding after every portion how many documents it held; waits, yielding 0,
        for whoever is at it already. Raises NotFound."""
        opened = self._of(knowledge_base_id)
        waiting = True
        while waiting:
            with self._at_it(knowledge_base_id, opened, aspect, 0.25) as mine:
                if mine:
                    waiting = False
                    yield from self._catch_up(knowledge_base_id, opened, aspect, remember=True)
            if waiting:
                yield 0

    def position(self, knowledge_base_id: str, aspect: str = WORDS) -> int:
        """How far an index of this process or machine has come in the log."""
        opened = self._of(knowledge_base_id)
        return opened.words.position() if aspect == WORDS else self._index(opened, aspect).position()

    def sizes(self, knowledge_base_id: str) -> Mapping[str, int]:
        """How many chunks each index of a base holds, by aspect. Raises NotFound."""
        opened = self._of(knowledge_base_id)
        with self._database.read() as connection:
            present = read_base(connection, knowledge_base_id).embedders
        return {WORDS: len(opened.words), **{name: len(self._index(opened, name)) for name in present}}

    def drop(self, knowledge_base_id: str) -> None:
        """Forget the indexes of a base and remove their files."""
        self._let_go(knowledge_base_id)
        shutil.rmtree(self._folder / knowledge_base_id, ignore_errors=True)

    def sweep(self) -> int:
        """Remove the files of bases that are no more; returns of how many."""
        if not self._folder.is_dir():
            return 0
        with self._database.read() as connection:
            known = set(connection.execute(select(knowledge_bases.c.id)).scalars())
        stale = [entry.name for entry in self._folder.iterdir() if entry.is_dir() and entry.name not in known]
        for name in stale:
            self.drop(name)
        return len(stale)

    def release_idle(self, idle_s: float) -> None:
        """Let go of the vectors of bases that nobody has searched for this long; the next search loads them again."""
        limit = time.monotonic() - idle_s
        for opened in list(self._opened.values()):
            if opened.used_at < limit:
                opened.vectors.clear()
                for aspect in set(opened.seen) - {WORDS}:
                    opened.seen.pop(aspect, None)

    def _of(self, knowledge_base_id: str) -> _Opened:
        with self._guard:
            if knowledge_base_id not in self._opened:
                self._opened[knowledge_base_id] = _Opened(words=FtsIndex(self._words_path(knowledge_base_id)))
            return self._opened[knowledge_base_id]

    def _let_go(self, knowledge_base_id: str) -> None:
        with self._guard:
            opened = self._opened.pop(knowledge_base_id, None)
        if opened is not None:
            opened.words.close()

    def _words_path(self, knowledge_base_id: str) -> Path:
        return self._folder / knowledge_base_id / "words.db"

    def _index(self, opened: _Opened, name: str) -> VectorIndex:
        from knowledge.indexes.vector_faiss import FaissIndex  # only a process that searches needs FAISS

        with self._guard:
            return opened.vectors.setdefault(name, FaissIndex())

    def _caught_up(self, knowledge_base_id: str, opened: _Opened, aspect: str, head: int, deadline: float) -> bool:
        """Whether an index holds everything up to `head`, after at most the time there is."""
        if opened.seen.get(aspect) == (head, self._identity(knowledge_base_id, aspect)):
            return True
        if aspect in opened.finishing:
            return False
        with self._at_it(knowledge_base_id, opened, aspect, deadline - time.monotonic()) as mine:
            if not mine:
                return False
            for _ in self._catch_up(knowledge_base_id, opened, aspect, remember=False):
                if time.monotonic() > deadline:
                    break
            else:
                return True
        opened.finishing.add(aspect)
        threading.Thread(target=self._finish, args=(knowledge_base_id, opened, aspect), daemon=True).start()
        return False

    def _finish(self, knowledge_base_id: str, opened: _Opened, aspect: str) -> None:
        """Go on where a search had no time left to."""
        try:
            for _ in self.catch_up(knowledge_base_id, aspect):
                pass
        except NotFound:
            pass
        finally:
            opened.finishing.discard(aspect)

    @contextmanager
    def _at_it(self, knowledge_base_id: str, opened: _Opened, aspect: str, patience_s: float) -> Iterator[bool]:
        """Alone with an index, in this process and for words on this machine; False when others were for too long."""
        with self._guard:
            lock = opened.locks.setdefault(aspect, threading.Lock())
        if not lock.acquire(timeout=max(0.0, patience_s)):
            yield False
            return
        try:
            if aspect != WORDS:
                yield True
                return
            with self._words_lock(knowledge_base_id, patience_s) as mine:
                yield mine
        finally:
            lock.release()

    @contextmanager
    def _words_lock(self, knowledge_base_id: str, patience_s: float) -> Iterator[bool]:
        path = self._words_path(knowledge_base_id).with_suffix(".lock")
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

    def _catch_up(self, knowledge_base_id: str, opened: _Opened, aspect: str, *, remember: bool) -> Iterator[int]:
        try:
            yield from self._read_on(knowledge_base_id, opened, aspect, remember)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self._remove_words(knowledge_base_id, opened)
            yield from self._read_on(knowledge_base_id, opened, aspect, remember)

    def _read_on(self, knowledge_base_id: str, opened: _Opened, aspect: str, remember: bool) -> Iterator[int]:
        position = self._known_position(knowledge_base_id, opened, aspect)
        while True:
            with self._database.read() as connection:
                head = read_base(connection, knowledge_base_id).log_head
                told = _portion(connection, knowledge_base_id, aspect, position)
                apply = self._load(connection, knowledge_base_id, opened, aspect, [each.document_id for each in told])
            if not told:
                break
            position = told[-1].seq
            apply(position)
            yield len(told)
        if remember and position != head:
            # Otherwise the position might fall below the floor of the log, though there was nothing to learn.
            apply(head)
        opened.seen[aspect] = (head, self._identity(knowledge_base_id, aspect))

    def _load(
        self, connection: Connection, knowledge_base_id: str, opened: _Opened, aspect: str, ids: Sequence[str]
    ) -> Callable[[int], None]:
        """What documents hold now, as a call that makes the index hold it and remember a position."""
        if aspect == WORDS:
            texts = _chunks_by_document(connection, knowledge_base_id, ids)
            return lambda position: opened.words.replace(texts, position)
        vectors = load_vectors(connection, knowledge_base_id, aspect, ids)
        index = self._index(opened, aspect)
        return lambda position: index.replace(vectors, position)

    def _known_position(self, knowledge_base_id: str, opened: _Opened, aspect: str) -> int:
        """Where an index goes on: at its position, or at 0 and empty when this log does not know that."""
        index: LexicalIndex | VectorIndex = opened.words if aspect == WORDS else self._index(opened, aspect)
        position = index.position()
        with self._database.read() as connection:
            if knows(connection, knowledge_base_id, read_base(connection, knowledge_base_id), position):
                return position
        index.clear()
        return 0

    def _identity(self, knowledge_base_id: str, aspect: str) -> int:
        """Tells one file of words from another that has taken its place; 0 when there is none."""
        if aspect != WORDS:
            return 0
        try:
            return self._words_path(knowledge_base_id).stat().st_ino
        except FileNotFoundError:
            return 0

    def _mend(self, knowledge_base_id: str) -> None:
        opened = self._of(knowledge_base_id)
        self._remove_words(knowledge_base_id, opened)
        self.follow(knowledge_base_id, (WORDS,))

    def _remove_words(self, knowledge_base_id: str, opened: _Opened) -> None:
        opened.words.close()
        opened.seen.pop(WORDS, None)
        path = self._words_path(knowledge_base_id)
        for suffix in ("-wal", "-shm", ""):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


class _MendingIndex:
    """A lexical index that is built anew when a search finds its file damaged."""

    def __init__(self, index: LexicalIndex, mend: Callable[[], None]) -> None:
        self._index = index
        self._mend = mend

    def position(self) -> int:
        return self._index.position()

    def replace(self, documents: Mapping[str, Sequence[Chunk]], position: int) -> None:
        self._index.replace(documents, position)

    def search(self, question: str, limit: int, documents: Collection[str] | None = None) -> list[Scored]:
        try:
            return self._index.search(question, limit, documents)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self._mend()
            return self._index.search(question, limit, documents)

    def clear(self) -> None:
        self._index.clear()


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether a file is not what it should be, rather than busy or out of reach."""
    if isinstance(error, sqlite3.OperationalError):
        return any(word in str(error) for word in _DAMAGE)
    return not isinstance(error, sqlite3.ProgrammingError)


def _incomplete(connection: Connection, knowledge_base_id: str, opened: _Opened, base: BaseState) -> frozenset[str]:
    """The present embedders that have not covered the base; looked up once for each state of the log, which is told of
    whatever makes a difference here."""
    state = (base.log_head, base.embedders)
    if opened.incomplete is None or opened.incomplete[0] != state:
        lacking = {name for name in base.embedders if not is_complete(connection, knowledge_base_id, name)}
        opened.incomplete = (state, frozenset(lacking))
    return opened.incomplete[1]


def _portion(connection: Connection, knowledge_base_id: str, aspect: str, after: int) -> list[Change]:
    """The next changes: one, or as many as together concern no more chunks than are well held at once."""
    name = TEXT if aspect == WORDS else vectors_of(aspect)
    told = read_changes(connection, knowledge_base_id, name, after, _DOCUMENTS_AT_ONCE)
    query = select(documents.c.id, documents.c.chunk_count).where(
        documents.c.id.in_([change.document_id for change in told])
    )
    sizes = {row.id: row.chunk_count for row in connection.execute(query)}
    taken: list[Change] = []
    size = 0
    for change in told:
        size += sizes.get(change.document_id, 0)
        if taken and size > _CHUNKS_AT_ONCE:
            break
        taken.append(change)
    return taken


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
