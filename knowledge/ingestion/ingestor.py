"""Building knowledge bases: from sources and uploads to documents that are found by words and by meaning.

An Ingestor yields BuildEvents at least about every second. Closing the generator stops it; calling it again goes on
where it was, for everything it has committed is whole and what it had not is still waiting.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, delete, func, select

from knowledge.config import ParsingLimits
from knowledge.errors import EmbedderUnavailable
from knowledge.events import DELETED, BuildEvent, BuildFinished, BuildNote, StageProgress
from knowledge.indexes.projections import Projections
from knowledge.ingestion.garbage_collection import GarbageCollector
from knowledge.ingestion.imported_vectors import VectorImporter
from knowledge.ingestion.processing import VERSION, Parser, ProcessingTally, Processor
from knowledge.ingestion.sync import Synchroniser, Tally
from knowledge.ingestion.vectors import VectorWriter
from knowledge.ports import Embedder
from knowledge.sources import SourceReader
from knowledge.sources.options import SourceOptions, checked_options
from knowledge.sources.registry import reader_of
from knowledge.storage.bases import KnowledgeBaseStore, SourceStore
from knowledge.storage.blobs import Blob, BlobStore
from knowledge.storage.changes import read_base
from knowledge.storage.database import Database
from knowledge.storage.replacement import DocumentWriter, ReceivedFile, waits
from knowledge.storage.tables import documents, knowledge_bases, sources
from knowledge.storage.vectors import is_complete
from knowledge.types import UPLOAD, KnowledgeBase, Scope, Source

_LOOK_EVERY_S = 2.0
UPLOADS = "uploads"
_REMOVED_AT_ONCE = 50
_ZIP = ".zip"


class StoredFile(Protocol):
    """A file that was put into the store: `path` is POSIX and relative, folders kept; `media_type` may be empty."""

    @property
    def path(self) -> str: ...

    @property
    def blob(self) -> Blob: ...

    @property
    def media_type(self) -> str: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedFiles:
    """Files that came in together, sorted into documents and archives: before the transaction that notes them."""

    documents: tuple[ReceivedFile, ...]
    archives: tuple[StoredFile, ...]

    @classmethod
    def of(cls, files: Iterable[StoredFile]) -> ReceivedFiles:
        """A zip is an archive, everything else a document."""
        plain: list[ReceivedFile] = []
        archives: list[StoredFile] = []
        for file in files:
            if file.path.lower().endswith(_ZIP):
                archives.append(file)
            else:
                plain.append(_received(file))
        return cls(documents=tuple(plain), archives=tuple(archives))


def _received(file: StoredFile) -> ReceivedFile:
    blob = file.blob
    return ReceivedFile(path=file.path, content_hash=blob.content_hash, size=blob.size, media_type=file.media_type)


class Ingestor:
    """Builds, changes and deletes knowledge bases. One for a process, for any number of threads."""

    def __init__(
        self,
        *,
        database: Database,
        blobs: BlobStore,
        projections: Projections,
        embedders: Mapping[str, Embedder],
        parser: Parser,
        readers: Mapping[str, SourceReader],
        parsing: ParsingLimits | None = None,
        version: str = VERSION,
    ) -> None:
        """`readers` are by kind of source. `version` is that of parser and splitter; documents that another one made
        are processed again."""
        self._database = database
        self._readers = readers
        self._projections = projections
        self._embedders = embedders
        self._version = version
        limits = parsing or ParsingLimits()
        self._synchroniser = Synchroniser(
            database=database,
            blobs=blobs,
            embedders=embedders,
            readers=readers,
            version=version,
            max_file_bytes=limits.max_file_bytes,
        )
        self._processor = Processor(
            database=database,
            blobs=blobs,
            projections=projections,
            embedders=embedders,
            parser=parser,
            limits=limits,
            version=version,
        )
        self._importer = VectorImporter(database=database, blobs=blobs, embedders=embedders)
        self._vector_writer = VectorWriter(database=database, embedders=embedders)
        self._garbage_collector = GarbageCollector(database=database, blobs=blobs)

    def build(
        self,
        scope: Scope,
        knowledge_base_id: str,
        source_ids: Collection[str] | None = None,
        *,
        force: bool = False,
    ) -> Iterator[BuildEvent]:
        """Sync these sources (None: all of the base) and bring the base to completion: words, then the vectors of each
        embedder, the fastest first. `force` processes unchanged files, too.

        Raises NotFound, and at its end EmbedderUnavailable when an embedder failed: everything else is done then.
        """
        base, chosen = self._chosen(scope, knowledge_base_id, source_ids)
        tally, processed = Tally(), ProcessingTally()
        # An index that is ahead of a restored database must find out before the log has grown past it.
        for _ in self._projections.catch_up_shared(base.id):
            yield processed.words()
        for source in chosen:
            yield from self._synchroniser.receive(base, source, tally, force=force)
        yield from self._processor.process(base.id, processed)
        yield from self._importer.import_vectors(base.id)
        embedded, unavailable = yield from self._embed_all(base.id, processed)
        self._vector_writer.switch(base.id)
        for _ in self._garbage_collector.collect_if_needed(base.id):
            yield processed.words()
        if unavailable is not None:
            raise unavailable
        yield BuildFinished(
            received=tally.received,
            unchanged=tally.unchanged,
            indexed=processed.indexed,
            failed=tally.failed + processed.failed,
            removed=tally.removed,
            embedded=embedded,
        )

    def delete_base(self, knowledge_base_id: str) -> Iterator[BuildEvent]:
        """Remove what a base held that was marked as deleted: rows, indexes, and the vectors and files that only it
        needed. Nothing happens to one that is not marked, or is gone already, but for what was left over."""
        doomed = (knowledge_bases.c.id == knowledge_base_id, knowledge_bases.c.deleted.is_(True))
        with self._database.read() as connection:
            query = select(func.count()).select_from(documents).join(knowledge_bases).where(*doomed)
            total = int(connection.execute(query).scalar_one())
        done = 0
        yield StageProgress(stage=DELETED, done=0, total=total)
        while removed := self._remove_some(knowledge_base_id):
            done += removed
            yield StageProgress(stage=DELETED, done=done, total=max(done, total))
        with self._database.write() as connection:
            connection.execute(delete(knowledge_bases).where(*doomed))
            gone = not connection.execute(
                select(knowledge_bases.c.id).where(knowledge_bases.c.id == knowledge_base_id)
            ).first()
        if gone:
            self._projections.drop(knowledge_base_id)
        for _ in self._garbage_collector.collect():
            yield StageProgress(stage=DELETED, done=done, total=max(done, total))

    def collect_garbage(self) -> Iterator[int]:
        """Remove vectors, files and indexes that nothing refers to; for a quiet moment, such as a worker's start."""
        yield self._projections.collect_garbage()
        yield from self._garbage_collector.collect()

    def add_source(
        self, connection: Connection, base: KnowledgeBase, kind: str, location: str, options: Mapping[str, Any]
    ) -> Source:
        """The source of this kind and location, made if there is none, with these options. Raises InvalidInput for a
        kind that nothing reads and for options that its reader does not know."""
        reader = reader_of(self._readers, kind)
        return SourceStore(connection, base).add(kind, location, checked_options(kind, reader.options, options))

    def change_source(
        self, connection: Connection, base: KnowledgeBase, source_id: str, options: Mapping[str, Any]
    ) -> Source:
        """The source with these options, which count from its next sync. Raises NotFound, InvalidInput."""
        store = SourceStore(connection, base)
        kind = store.get(source_id).kind
        model = SourceOptions if kind == UPLOAD else reader_of(self._readers, kind).options
        return store.update(source_id, checked_options(kind, model, options))

    def add_uploads(self, connection: Connection, base: KnowledgeBase, uploads: ReceivedFiles) -> list[str]:
        """Note files that are held in the store, in the transaction of `connection`; returns the sources to build.

        A file with the path of an earlier upload replaces it. A zip becomes a source of its own, whose files follow it
        when it is uploaded again.
        """
        store = SourceStore(connection, base)
        touched = []
        if uploads.documents:
            source = store.add(UPLOAD, UPLOADS)
            touched.append(source.id)
            writer = DocumentWriter(connection, base.id, self._embedders)
            writer.receive(source.id, uploads.documents, version=self._version)
        touched += [store.add("zip", file.path, blob=file.blob.content_hash).id for file in uploads.archives]
        return touched

    def read_again(self, connection: Connection, base: KnowledgeBase, document_ids: Collection[str]) -> Collection[str]:
        """Have these documents read again by the next build of the base, in the transaction of `connection`; returns
        the sources which that build must sync for it."""
        return DocumentWriter(connection, base.id, self._embedders).read_again(document_ids)

    def remove_documents(self, connection: Connection, base: KnowledgeBase, document_ids: Collection[str]) -> int:
        """Remove documents with all that was made of them, in the transaction of `connection`; returns how many. Their
        files and vectors go with the next build of the base."""
        return DocumentWriter(connection, base.id, self._embedders).remove(document_ids)

    def remove_source(self, connection: Connection, base: KnowledgeBase, source_id: str) -> int:
        """Remove a source and its documents, in the transaction of `connection`; returns how many. Raises NotFound."""
        source = SourceStore(connection, base).get(source_id)
        query = select(documents.c.id).where(documents.c.source_id == source.id)
        removed = self.remove_documents(connection, base, connection.execute(query).scalars().all())
        connection.execute(delete(sources).where(sources.c.id == source.id))
        return removed

    def _chosen(
        self, scope: Scope, knowledge_base_id: str, source_ids: Collection[str] | None
    ) -> tuple[KnowledgeBase, list[Source]]:
        with self._database.read() as connection:
            base = KnowledgeBaseStore(connection, scope).get(knowledge_base_id)
            every = SourceStore(connection, base).all()
        return base, [source for source in every if source_ids is None or source.id in source_ids]

    def _embed_all(
        self, knowledge_base_id: str, processed: ProcessingTally
    ) -> Generator[BuildEvent, None, tuple[int, EmbedderUnavailable | None]]:
        """Embed what each embedder of the base lacks, until nothing that came meanwhile is left either."""
        made, failed, unavailable = 0, set[str](), None
        todo = self._incomplete(knowledge_base_id, failed, every=True)
        while todo:
            for name in todo:
                try:
                    made += yield from self._embed(knowledge_base_id, name, processed)
                except EmbedderUnavailable as error:
                    failed.add(name)
                    unavailable = error
                    yield BuildNote(message=str(error))
            todo = self._incomplete(knowledge_base_id, failed)
        return made, unavailable

    def _embed(self, knowledge_base_id: str, name: str, processed: ProcessingTally) -> Generator[BuildEvent, None, int]:
        """Embed what is missing; what is received meanwhile is found by its words before the next embedder's turn."""
        looked = time.monotonic()
        with contextlib.closing(self._vector_writer.embed_missing(knowledge_base_id, name)) as steps:
            while True:
                try:
                    event = next(steps)
                except StopIteration as end:
                    return int(end.value)
                yield event
                if time.monotonic() - looked > _LOOK_EVERY_S:
                    yield from self._process_waiting(knowledge_base_id, processed)
                    looked = time.monotonic()

    def _process_waiting(self, knowledge_base_id: str, processed: ProcessingTally) -> Iterator[BuildEvent]:
        with self._database.read() as connection:
            there = waits(connection, knowledge_base_id)
        if there:
            yield from self._processor.process(knowledge_base_id, processed)

    def _incomplete(self, knowledge_base_id: str, failed: Collection[str], *, every: bool = False) -> list[str]:
        """The embedders of a base that have something to do, but for those that failed."""
        with self._database.read() as connection:
            names = read_base(connection, knowledge_base_id).all_embedders
            return [
                name
                for name in names
                if name not in failed and (every or not is_complete(connection, knowledge_base_id, name))
            ]

    def _remove_some(self, knowledge_base_id: str) -> int:
        doomed = (knowledge_bases.c.id == knowledge_base_id, knowledge_bases.c.deleted.is_(True))
        query = select(documents.c.id).join(knowledge_bases).where(*doomed).limit(_REMOVED_AT_ONCE)
        with self._database.write() as connection:
            found = connection.execute(query).scalars().all()
            connection.execute(delete(documents).where(documents.c.id.in_(found)))
        return len(found)
