"""Vectors that came with an import are used for the chunks that lack one, so nothing is embedded twice.

They are taken only from the model of the same name that makes the same vectors: a few chunks are embedded to see.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Generator, Iterator, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import exists, select

from knowledge.errors import EmbedderUnavailable, NotFound
from knowledge.events import BuildEvent, BuildNote, StageProgress
from knowledge.ingestion.background import background, called, pulsing
from knowledge.portable.format import vector_record
from knowledge.ports import Embedder
from knowledge.storage.bases import ImportedVectors, pending_import, set_pending_import
from knowledge.storage.blobs import BlobStore
from knowledge.storage.changes import lock_base, vectors_of
from knowledge.storage.database import Database
from knowledge.storage.documents import in_portions
from knowledge.storage.tables import chunks, embeddings
from knowledge.storage.vectors import dimension_of, protect_vectors, store_vectors

_READ_AT_ONCE = 500
_COMPARED = 8
_ALIKE = 0.99
"""Cosine of one text embedded on two machines; below it the models are not the same."""

Records = NDArray[np.void]


class VectorImporter:
    """Takes over vectors of an import. Broken off at any point, it begins again and finds most of it done."""

    def __init__(self, *, database: Database, blobs: BlobStore, embedders: Mapping[str, Embedder]) -> None:
        self._database = database
        self._blobs = blobs
        self._embedders = embedders

    def import_vectors(self, knowledge_base_id: str) -> Iterator[BuildEvent]:
        """Take over the vectors that were imported with this base, unless that has been done. Its documents have been
        processed. Raises NotFound when the base goes meanwhile."""
        with self._database.read() as connection:
            known = pending_import(connection, knowledge_base_id)
        if known is None:
            return
        for each in known.vectors:
            embedder = self._embedders.get(each.embedder)
            if embedder is not None:
                yield from self._import(knowledge_base_id, each, embedder)
        with self._database.write() as connection:
            lock_base(connection, knowledge_base_id)
            set_pending_import(connection, knowledge_base_id, None)

    def _import(self, knowledge_base_id: str, vectors: ImportedVectors, embedder: Embedder) -> Iterator[BuildEvent]:
        """Take over those of one embedder that a chunk lacks; `done` counts them."""
        done, compared = 0, False
        for records in self._records(vectors):
            lacking = self._lacking(knowledge_base_id, embedder.name, _hashes(records))
            wanted = records[np.array([each in lacking for each in _hashes(records)], dtype=bool)]
            now = StageProgress(stage=vectors_of(embedder.name), done=done, total=done + len(wanted))
            yield now
            if len(wanted) and not compared:
                compared = True
                if not (yield from self._is_alike(embedder, wanted, lacking, now)):
                    name = embedder.name
                    yield BuildNote(message=f"The vectors of {name} that came along are of another model: made anew.")
                    return
            done += self._store(knowledge_base_id, embedder.name, wanted)

    def _records(self, vectors: ImportedVectors) -> Iterator[Records]:
        record = vector_record(vectors.dimension)
        for content_hash in vectors.files:
            try:
                path = self._blobs.path(content_hash)
            except NotFound:
                continue  # what is missing is made anew
            with path.open("rb") as file:
                while block := file.read(_READ_AT_ONCE * record.itemsize):
                    records = np.frombuffer(block, dtype=record)
                    yield records[_sound(records)]

    def _lacking(self, knowledge_base_id: str, embedder: str, hashes: Collection[str]) -> dict[str, str]:
        """The texts of this base that have one of these hashes and no vector, by hash."""
        there = exists().where(embeddings.c.embedder == embedder, embeddings.c.content_hash == chunks.c.content_hash)
        mine = (chunks.c.knowledge_base_id == knowledge_base_id, ~there)
        query = select(chunks.c.content_hash, chunks.c.search_text).where(*mine)
        with self._database.read() as connection:
            return {
                row.content_hash: row.search_text
                for portion in in_portions(hashes)
                for row in connection.execute(query.where(chunks.c.content_hash.in_(portion)))
            }

    def _is_alike(
        self, embedder: Embedder, records: Records, texts: Mapping[str, str], now: StageProgress
    ) -> Generator[BuildEvent, None, bool]:
        """Whether this embedder makes these vectors; also when it cannot be asked, which the build says in its turn."""
        if records["vector"].shape[1] != embedder.dimension:
            return False
        sample = records[random.sample(range(len(records)), min(_COMPARED, len(records)))]
        call = partial(embedder.embed_documents, [texts[each] for each in _hashes(sample)])
        try:
            with background() as executor:
                made = yield from pulsing(called(executor, call), lambda: now)
        except EmbedderUnavailable:
            return True
        return bool((np.einsum("ij,ij->i", made, sample["vector"]) > _ALIKE).all())

    def _store(self, knowledge_base_id: str, embedder: str, records: Records) -> int:
        if not len(records):
            return 0
        with self._database.write() as connection:
            lock_base(connection, knowledge_base_id)
            protect_vectors(connection)
            if dimension_of(connection, embedder) in (None, records["vector"].shape[1]):
                store_vectors(connection, embedder, _hashes(records), records["vector"])
        return len(records)


def _hashes(records: Records) -> list[str]:
    return [each.tobytes().hex() for each in records["hash"]]


def _sound(records: Records) -> NDArray[np.bool_]:
    """Which vectors have unit length, as every vector has that an embedder of ours made."""
    with np.errstate(all="ignore"):
        lengths = np.linalg.norm(records["vector"], axis=1)
    return np.asarray(np.abs(lengths - 1.0) < 0.01)
