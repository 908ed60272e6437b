"""The projections of every knowledge base, following the log of changes of the truth database.

A shared one (the words) is kept up by builds and seen by all processes of a machine; a replica (vectors) is of this
process and follows when it is searched. Each remembers how far it has come. One that is missing, damaged, or further
than this database ever was begins anew.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

from sqlalchemy import Connection, select

from knowledge.errors import IndexDamaged, NotFound
from knowledge.indexes.lexical_projection import WORDS, LexicalProjection
from knowledge.indexes.registry import ENGINES, Engine, Place
from knowledge.indexes.vector_projection import VectorProjection
from knowledge.ports import KnowledgeBaseIndexes, Projection, Scored
from knowledge.storage.changes import BaseState, Change, knows, read_base, read_changes
from knowledge.storage.database import Database
from knowledge.storage.tables import documents, knowledge_bases
from knowledge.storage.vectors import is_complete

Found = TypeVar("Found")

_DOCUMENTS_AT_ONCE = 300
_CHUNKS_AT_ONCE = 3000
_PATIENCE_S = 5.0
"""A search waits so long for an index to catch up; then it answers with what there is, and others go on with it."""

_IDLE_S = 1800.0
"""Replicas of a base that nobody has searched for so long are let go of when another is searched."""


@dataclass(slots=True)
class _Opened:
    """The projections of one base in this process.

    `seen` is by name the head of the log when the projection last had caught up, and its position then.
    """

    projections: dict[str, Projection] = field(default_factory=dict)
    seen: dict[str, tuple[int, int]] = field(default_factory=dict)
    locks: dict[str, threading.Lock] = field(default_factory=dict)
    incomplete: tuple[tuple[int, tuple[str, ...]], frozenset[str]] | None = None
    finishing: set[str] = field(default_factory=set)
    used_at: float = 0.0


class Projections:
    """Opens the projections of knowledge bases and keeps them up. One for a process, for any number of threads."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        *,
        patience_s: float = _PATIENCE_S,
        engines: Sequence[Engine] = ENGINES,
    ) -> None:
        """`folder`: where files are kept, one folder for each base; may be deleted at any time. `patience_s`: how long
        `open` waits for a projection to catch up."""
        self._database = database
        self._folder = folder
        self._patience_s = patience_s
        self._engines = engines
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
            self._close(knowledge_base_id)
            raise
        opened.used_at = time.monotonic()
        there = self._all(knowledge_base_id, opened, base)
        if opened.used_at - self._released_at > _IDLE_S / 10:
            self._released_at = opened.used_at
            self.release_idle(_IDLE_S)
        deadline = time.monotonic() + self._patience_s
        for name, projection in there.items():
            if not self._caught_up(knowledge_base_id, opened, projection, base.log_head, deadline):
                incomplete.add(name)
        words = cast("LexicalProjection", there[WORDS])
        return KnowledgeBaseIndexes(
            knowledge_base_id=knowledge_base_id,
            lexical=_RepairedIndex(words, lambda attempt: self._repaired(knowledge_base_id, opened, words, attempt)),
            vectors={name: cast("VectorProjection", there[name]).index for name in base.embedders},
            incomplete=frozenset(incomplete),
        )

    def follow(self, knowledge_base_id: str, names: Collection[str] | None = None) -> None:
        """Catch up with the log: every projection of a base, or only the `names` given. Raises NotFound."""
        for name in self._names(knowledge_base_id) if names is None else names:
            for _ in self.catch_up(knowledge_base_id, name):
                pass

    def catch_up_shared(self, knowledge_base_id: str) -> Iterator[int]:
        """Bring what all processes share up to the log, yielding after every portion how many documents can be found by
        their words now that could not before. Raises NotFound."""
        for name in self._names(knowledge_base_id, shared=True):
            for held in self.catch_up(knowledge_base_id, name):
                yield held if name == WORDS else 0

    def catch_up(self, knowledge_base_id: str, name: str = WORDS) -> Iterator[int]:
        """Bring one projection up to the log, yielding after every portion how many documents it held; waits, yielding
        0, for whoever is at it already. Raises NotFound."""
        opened = self._of(knowledge_base_id)
        projection = self._projection(knowledge_base_id, opened, name)
        waiting = True
        while waiting:
            with _alone(self._guard, opened, projection, 0.25) as mine:
                if mine:
                    waiting = False
                    yield from self._catch_up(knowledge_base_id, opened, projection, remember=True)
            if waiting:
                yield 0

    def position(self, knowledge_base_id: str, name: str = WORDS) -> int:
        """How far a projection has come in the log. Raises NotFound."""
        return self._projection(knowledge_base_id, self._of(knowledge_base_id), name).position()

    def sizes(self, knowledge_base_id: str) -> Mapping[str, int]:
        """How many chunks each projection of a base holds, by name. Raises NotFound."""
        opened = self._of(knowledge_base_id)
        names = self._names(knowledge_base_id)
        return {name: self._projection(knowledge_base_id, opened, name).check() for name in names}

    def drop(self, knowledge_base_id: str) -> None:
        """Forget the projections of a base and remove what they keep."""
        opened = self._close(knowledge_base_id)
        for name, made in self._offered(knowledge_base_id, ()).items():
            (opened.projections.get(name) or made()).drop()
        shutil.rmtree(self._folder / knowledge_base_id, ignore_errors=True)

    def collect_garbage(self) -> int:
        """Remove the files of bases that are no more; returns of how many."""
        if not self._folder.is_dir():
            return 0
        # Listed first: a base that is made from now on has its folder after its row, and is not among these.
        there = [entry.name for entry in self._folder.iterdir() if entry.is_dir()]
        with self._database.read() as connection:
            known = set(connection.execute(select(knowledge_bases.c.id)).scalars())
        stale = [name for name in there if name not in known]
        for name in stale:
            self.drop(name)
        return len(stale)

    def release_idle(self, idle_s: float) -> None:
        """Let go of the replicas of bases that nobody has searched for this long; the next search loads them again."""
        limit = time.monotonic() - idle_s
        for opened in list(self._opened.values()):
            if opened.used_at < limit:
                with self._guard:
                    for name in [name for name, each in opened.projections.items() if not each.is_shared]:
                        _forget(opened, name)

    def _of(self, knowledge_base_id: str) -> _Opened:
        with self._guard:
            return self._opened.setdefault(knowledge_base_id, _Opened())

    def _close(self, knowledge_base_id: str) -> _Opened:
        with self._guard:
            return self._opened.pop(knowledge_base_id, None) or _Opened()

    def _offered(self, knowledge_base_id: str, embedders: tuple[str, ...]) -> dict[str, Callable[[], Projection]]:
        folder = self._folder / knowledge_base_id
        place = Place(knowledge_base_id=knowledge_base_id, folder=folder, embedders=embedders)
        return {name: made for engine in self._engines for name, made in engine(place).items()}

    def _all(self, knowledge_base_id: str, opened: _Opened, base: BaseState) -> dict[str, Projection]:
        """Every projection that a base has now; those it had before are let go of."""
        offered = self._offered(knowledge_base_id, base.embedders)
        with self._guard:
            for name in set(opened.projections) - set(offered):
                _forget(opened, name)
            for name, made in offered.items():
                if name not in opened.projections:
                    opened.projections[name] = made()
            return {name: opened.projections[name] for name in offered}

    def _projection(self, knowledge_base_id: str, opened: _Opened, name: str) -> Projection:
        with self._guard:
            known = opened.projections.get(name)
        if known is not None:
            return known
        with self._database.read() as connection:
            base = read_base(connection, knowledge_base_id)
        found = self._all(knowledge_base_id, opened, base).get(name)
        if found is None:
            raise NotFound(f"The knowledge base has no index named {name[:100]!r}.")
        return found

    def _names(self, knowledge_base_id: str, *, shared: bool = False) -> list[str]:
        with self._database.read() as connection:
            base = read_base(connection, knowledge_base_id)
        if not shared:
            return list(self._offered(knowledge_base_id, base.embedders))
        # Without embedders there are no replicas of their vectors, which a process that only builds need not load.
        offered = self._offered(knowledge_base_id, ())
        return [name for name, made in offered.items() if made().is_shared]

    def _caught_up(
        self, knowledge_base_id: str, opened: _Opened, projection: Projection, head: int, deadline: float
    ) -> bool:
        """Whether a projection holds everything up to `head`, after at most the time there is."""
        name = projection.name
        if opened.seen.get(name) == (head, _position(projection)):
            return True
        if name in opened.finishing:
            return False
        with _alone(self._guard, opened, projection, deadline - time.monotonic()) as mine:
            if not mine:
                return False
            for _ in self._catch_up(knowledge_base_id, opened, projection, remember=False):
                if time.monotonic() > deadline:
                    break
            else:
                return True
        opened.finishing.add(name)
        threading.Thread(target=self._finish, args=(knowledge_base_id, opened, name), daemon=True).start()
        return False

    def _finish(self, knowledge_base_id: str, opened: _Opened, name: str) -> None:
        """Go on where a search had no time left to."""
        try:
            for _ in self.catch_up(knowledge_base_id, name):
                pass
        except NotFound:
            pass
        finally:
            opened.finishing.discard(name)

    def _catch_up(
        self, knowledge_base_id: str, opened: _Opened, projection: Projection, *, remember: bool
    ) -> Iterator[int]:
        try:
            yield from self._read_on(knowledge_base_id, opened, projection, remember)
        except IndexDamaged:
            opened.seen.pop(projection.name, None)
            projection.rebuild()
            yield from self._read_on(knowledge_base_id, opened, projection, remember)

    def _read_on(
        self, knowledge_base_id: str, opened: _Opened, projection: Projection, remember: bool
    ) -> Iterator[int]:
        position = self._known_position(knowledge_base_id, projection)
        while True:
            with self._database.read() as connection:
                head = read_base(connection, knowledge_base_id).log_head
                told = _portion(connection, knowledge_base_id, projection.aspect, position)
                apply = projection.load(connection, [each.document_id for each in told])
            if not told:
                break
            position = told[-1].seq
            apply(position)
            yield len(told)
        if remember and position != head:
            # Otherwise the position might fall below the floor of the log, though there was nothing to learn.
            apply(head)
        opened.seen[projection.name] = (head, projection.position())

    def _known_position(self, knowledge_base_id: str, projection: Projection) -> int:
        """Where a projection goes on: at its position, or at 0 and empty when this log does not know that."""
        position = projection.position()
        with self._database.read() as connection:
            if knows(connection, knowledge_base_id, read_base(connection, knowledge_base_id), position):
                return position
        projection.rebuild()
        return 0

    def _repaired(
        self, knowledge_base_id: str, opened: _Opened, projection: Projection, attempt: Callable[[], Found]
    ) -> Found:
        """The result of an attempt, made again by one who is alone with the projection and has built it anew, unless
        somebody else has done that meanwhile."""
        while True:
            with _alone(self._guard, opened, projection, 0.25) as mine:
                if not mine:
                    continue
                try:
                    return attempt()
                except IndexDamaged:
                    projection.rebuild()
                for _ in self._catch_up(knowledge_base_id, opened, projection, remember=True):
                    pass
                return attempt()


class _RepairedIndex:
    """The words, built anew when a search finds them damaged."""

    def __init__(
        self, words: LexicalProjection, repaired: Callable[[Callable[[], list[Scored]]], list[Scored]]
    ) -> None:
        self._words = words
        self._repaired = repaired

    def search(self, question: str, limit: int, documents: Collection[str] | None = None) -> list[Scored]:
        """As LexicalIndex."""
        try:
            return self._words.search(question, limit, documents)
        except IndexDamaged:
            return self._repaired(lambda: self._words.search(question, limit, documents))


@contextmanager
def _alone(guard: threading.Lock, opened: _Opened, projection: Projection, patience_s: float) -> Iterator[bool]:
    """Alone with a projection, in this process and among those that share it; False when others were for too long."""
    with guard:
        lock = opened.locks.setdefault(projection.name, threading.Lock())
    if not lock.acquire(timeout=max(0.0, patience_s)):
        yield False
        return
    try:
        with projection.alone(patience_s) as mine:
            yield mine
    finally:
        lock.release()


def _forget(opened: _Opened, name: str) -> None:
    opened.projections.pop(name, None)
    opened.seen.pop(name, None)


def _position(projection: Projection) -> int | None:
    try:
        return projection.position()
    except IndexDamaged:
        return None


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
    told = read_changes(connection, knowledge_base_id, aspect, after, _DOCUMENTS_AT_ONCE)
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
