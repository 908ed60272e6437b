"""Embedding of chunks: every chunk that an embedder serves gets its vector, batch by batch, and the log is told."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from sqlalchemy import func, select

from knowledge.errors import EmbedderUnavailable
from knowledge.events import BuildEvent, StageProgress
from knowledge.ingestion.background import awaited, background, pulsing
from knowledge.ingestion.turns import Turns
from knowledge.ports import Embedder, Vectors
from knowledge.storage.bases import choose_present
from knowledge.storage.changes import append_changes, lock_base, retire_aspect, vectors_of
from knowledge.storage.database import Database
from knowledge.storage.replacement import waits
from knowledge.storage.tables import coverage
from knowledge.storage.vectors import (
    MissingVector,
    delete_coverage,
    dimension_of,
    is_complete,
    missing,
    recount,
    store_vectors,
)

_WINDOW = 1024
"""Chunks looked at together: sorted by length within, for a batch costs what its longest text costs."""

_FIRST_BATCH, _SMALLEST_BATCH, _LARGEST_BATCH = 16, 8, 256
_BATCH_S = 0.5
"""Batches grow and shrink to take so long, so that a build can be stopped between them."""


@dataclass(kw_only=True, slots=True)
class _Count:
    """Chunks of a base that one embedder serves."""

    stage: str
    done: int
    total: int

    def progress(self) -> StageProgress:
        return StageProgress(stage=self.stage, done=min(self.done, self.total), total=self.total)


class VectorWriter:
    """Makes vectors. Several may work on one base: they lose time, nothing else."""

    def __init__(self, *, database: Database, embedders: Mapping[str, Embedder]) -> None:
        self._database = database
        self._embedders = embedders
        # Each embedder has a queue of its own: an endpoint that is slow holds up no other.
        self._turns = {name: Turns() for name in embedders}

    def embed_missing(self, knowledge_base_id: str, name: str) -> Generator[BuildEvent, None, int]:
        """Give every chunk that the embedder serves its vector; returns how many were made.

        Broken off at any point, it keeps every batch that was finished. Raises EmbedderUnavailable, and NotFound when
        the base goes meanwhile.
        """
        embedder = self._embedders.get(name)
        if embedder is None:
            raise EmbedderUnavailable(f"The embedder {name!r} is not configured; add it to the settings again.")
        self._tell(knowledge_base_id, embedder, None)
        count = self._count(knowledge_base_id, name)
        yield count.progress()
        made = 0
        with background() as executor:
            batches = _Batches(self._database, knowledge_base_id, embedder, executor, self._turns[name])
            found_any = count.done < count.total
            while found_any:
                found_any, after = False, ("", -1)
                while window := self._window(knowledge_base_id, embedder, after):
                    found_any = True
                    after = (window[-1].document_id, window[-1].ordinal)
                    made += yield from batches.embed(window, count)
                    self._tell(knowledge_base_id, embedder, {each.document_id for each in window})
        count.done = count.total
        yield count.progress()
        return made

    def switch(self, knowledge_base_id: str) -> bool:
        """Let the next embedders of a base take the place of the present ones, if every chunk has its vectors of them
        all and nothing waits to be processed. Raises NotFound."""
        with self._database.write() as connection:
            before = lock_base(connection, knowledge_base_id)
            wanted = before.next_embedders
            if wanted is None or waits(connection, knowledge_base_id):
                return False
            for name in wanted:
                embedder = self._embedders.get(name)
                if embedder is None:
                    return False
                tell = recount(connection, knowledge_base_id, name, embedder.languages)
                append_changes(connection, knowledge_base_id, [(each, vectors_of(name)) for each in tell])
                if not is_complete(connection, knowledge_base_id, name):
                    return False
            choose_present(connection, knowledge_base_id, wanted)
            for name in set(before.embedders) - set(wanted):
                delete_coverage(connection, knowledge_base_id, name)
                retire_aspect(connection, knowledge_base_id, vectors_of(name))
        return True

    def _window(self, knowledge_base_id: str, embedder: Embedder, after: tuple[str, int]) -> list[MissingVector]:
        with self._database.read() as connection:
            return missing(connection, knowledge_base_id, embedder.name, embedder.languages, after=after, limit=_WINDOW)

    def _tell(self, knowledge_base_id: str, embedder: Embedder, document_ids: set[str] | None) -> None:
        with self._database.write() as connection:
            lock_base(connection, knowledge_base_id)
            tell = recount(connection, knowledge_base_id, embedder.name, embedder.languages, document_ids)
            append_changes(connection, knowledge_base_id, [(each, vectors_of(embedder.name)) for each in tell])

    def _count(self, knowledge_base_id: str, name: str) -> _Count:
        mine = (coverage.c.knowledge_base_id == knowledge_base_id, coverage.c.embedder == name)
        query = select(func.coalesce(func.sum(coverage.c.done), 0), func.coalesce(func.sum(coverage.c.total), 0))
        with self._database.read() as connection:
            done, total = connection.execute(query.where(*mine)).one()
        return _Count(stage=vectors_of(name), done=int(done), total=int(total))


class _Batches:
    """Embeds windows of chunks; while one batch is being stored, the next is being embedded."""

    def __init__(
        self,
        database: Database,
        knowledge_base_id: str,
        embedder: Embedder,
        executor: ThreadPoolExecutor,
        turns: Turns,
    ) -> None:
        self._database = database
        self._base_id = knowledge_base_id
        self._embedder = embedder
        self._executor = executor
        self._turns = turns
        self._size = _FIRST_BATCH
        self._dimension: int | None = None

    def embed(self, window: Sequence[MissingVector], count: _Count) -> Generator[BuildEvent, None, int]:
        """Embed what a window lacks; returns how many vectors were made."""
        texts = {each.content_hash: each.search_text for each in window}
        chunks_of: dict[str, int] = {}
        for each in window:
            chunks_of[each.content_hash] = chunks_of.get(each.content_hash, 0) + 1
        hashes = sorted(texts, key=lambda content_hash: len(texts[content_hash]))
        begun: tuple[list[str], Vectors] | None = None
        start = 0
        while start < len(hashes) or begun is not None:
            batch = hashes[start : start + self._size]
            start += len(batch)
            call = partial(self._timed, [texts[content_hash] for content_hash in batch])
            future = self._executor.submit(call) if batch else None
            if begun is not None:
                self._store(*begun)
                count.done += sum(chunks_of[content_hash] for content_hash in begun[0])
                yield count.progress()
            begun = None
            if future is not None:
                begun = batch, (yield from pulsing(awaited(future), count.progress))
        return len(hashes)

    def _timed(self, texts: Sequence[str]) -> Vectors:
        with self._turns.turn(self._base_id):
            begun = time.perf_counter()
            vectors = self._embedder.embed_documents(texts)
            elapsed = max(time.perf_counter() - begun, 1e-3)
        wanted = int(len(texts) * _BATCH_S / elapsed)
        # By half or double at most, as the first call may have loaded a model; and in powers of two, as models keep
        # something for every shape of batch they have seen.
        wanted = max(len(texts) // 2, min(len(texts) * 2, wanted), _SMALLEST_BATCH)
        self._size = min(1 << (wanted.bit_length() - 1), _LARGEST_BATCH)
        return vectors

    def _store(self, hashes: Sequence[str], vectors: Vectors) -> None:
        with self._database.write() as connection:
            lock_base(connection, self._base_id)
            if self._dimension is None:
                self._dimension = dimension_of(connection, self._embedder.name) or vectors.shape[1]
            if vectors.shape != (len(hashes), self._dimension):
                raise EmbedderUnavailable(
                    f"The embedder {self._embedder.name} makes vectors of {vectors.shape[1]} numbers, and there are "
                    f"some of {self._dimension} under its name; give another model another name."
                )
            store_vectors(connection, self._embedder.name, hashes, vectors)
