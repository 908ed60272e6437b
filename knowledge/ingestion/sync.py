"""Sync: what a source holds is compared with what is known, and what is new or changed waits to be processed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, and_, select, update

from knowledge.config import MEGABYTE
from knowledge.errors import (
    FetchRefused,
    FileTooLarge,
    InvalidInput,
    NotFound,
    SourceUnavailable,
    UnreadableFile,
    UnsafeArchive,
)
from knowledge.events import RECEIVED, BuildEvent, BuildNote, DocumentFailed, DocumentSkipped, StageProgress
from knowledge.ingestion.background import PULSE_S, background, called, pulsing
from knowledge.ports import Embedder
from knowledge.sources import SETTLED_NS, Reading, ReadRequest, SourceItem, SourceReader
from knowledge.sources.options import stored_options
from knowledge.sources.registry import reader_of
from knowledge.storage.bases import SourceStore
from knowledge.storage.blobs import Blob, BlobStore, Holding, blocks_of
from knowledge.storage.database import Database
from knowledge.storage.replacement import DocumentWriter, ReceivedFile
from knowledge.storage.tables import documents
from knowledge.types import UPLOAD, KnowledgeBase, Source

_BATCH_FILES = 100
_BATCH_BYTES = 64 * 1024 * 1024
_REMOVED_AT_ONCE = 100
_MARKED_AT_ONCE = 500

_UNREADABLE = (InvalidInput, UnreadableFile, UnsafeArchive, FetchRefused, SourceUnavailable)
"""What a source that cannot be read as a whole raises."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    id: str
    size: int
    modified_ns: int
    content_hash: str
    status: str
    error_code: str
    indexed_by: str
    received_at: datetime


@dataclass(kw_only=True, slots=True)
class Tally:
    """What a build has come to so far. `last_error` is the last reason why a file could not be used."""

    found: int = 0
    expected: int = 0
    received: int = 0
    unchanged: int = 0
    failed: int = 0
    removed: int = 0
    last_error: str = ""

    def progress(self) -> StageProgress:
        """How far receiving is."""
        total = max(self.found, self.expected)
        return StageProgress(
            stage=RECEIVED, done=self.found, total=total, failed=self.failed, last_error=self.last_error
        )


@dataclass(slots=True)
class _Batch:
    """Files that have been stored and are held until the rows that refer to them are committed; failures are items with
    code and reason."""

    holding: Holding
    files: list[ReceivedFile] = field(default_factory=list)
    failures: list[tuple[SourceItem, str, str]] = field(default_factory=list)
    size: int = 0
    begun: float = field(default_factory=time.monotonic)

    def is_due(self) -> bool:
        full = len(self.files) + len(self.failures) >= _BATCH_FILES or self.size > _BATCH_BYTES
        return full or time.monotonic() - self.begun > 2 * PULSE_S


class Synchroniser:
    """Reads sources one after another; everything it commits bears being broken off and begun again."""

    def __init__(
        self,
        *,
        database: Database,
        blobs: BlobStore,
        embedders: Mapping[str, Embedder],
        readers: Mapping[str, SourceReader],
        version: str,
        max_file_bytes: int,
    ) -> None:
        """`version` is that of parser and splitter: documents that another one made are processed again. Files above
        `max_file_bytes` are failures, and never copied."""
        self._database = database
        self._blobs = blobs
        self._embedders = embedders
        self._readers = readers
        self._version = version
        self._max_file_bytes = max_file_bytes

    def receive(
        self, base: KnowledgeBase, source: Source, tally: Tally, *, force: bool = False
    ) -> Iterator[BuildEvent]:
        """Read a source to its end and note what is new, changed and gone; what is unchanged costs a look at its date.

        With `force` everything is processed again. A source, or a part of one, that cannot be listed is a failure by
        its location or path, and leaves its documents as they are.
        """
        if source.is_elsewhere:
            yield BuildNote(message=f"{source.location} was read on another machine; to read it here, add it here.")
        if source.is_elsewhere or source.kind == UPLOAD:
            self._mark_outdated(base, source, tally, force)
        else:
            known = self._known(source)
            try:
                yield from self._sync(base, source, known, tally, force)
            except _UNREADABLE as error:
                yield from self._mark(base, [each.id for each in known.values()], error.code, str(error), tally)
                yield from _failures([DocumentFailed(path=source.location, code=error.code, reason=str(error))], tally)
        yield tally.progress()

    def _sync(
        self, base: KnowledgeBase, source: Source, known: Mapping[str, _Known], tally: Tally, force: bool
    ) -> Iterator[BuildEvent]:
        reader = reader_of(self._readers, source.kind)
        with background() as executor:
            opening = self._opened(reader, source, known, force)
            reading = yield from pulsing(called(executor, opening.__enter__), tally.progress)
            try:
                if reading.unchanged:
                    tally.found += len(known)
                    tally.unchanged += len(known)
                    yield from self._mark(base, _marked(known), "", "", tally)
                else:
                    yield from self._read(base, source, reading, known, tally, force, durable=not reader.is_local)
                if reading.cursor is not None:
                    self._store_cursor(base, source, reading.cursor)
            finally:
                opening.__exit__(None, None, None)

    @contextmanager
    def _opened(
        self, reader: SourceReader, source: Source, known: Mapping[str, _Known], force: bool
    ) -> Iterator[Reading]:
        current = all(each.indexed_by == self._version and each.content_hash for each in known.values())
        with ExitStack() as stack:
            request = ReadRequest(
                location=source.location,
                options=stored_options(source.kind, reader.options, source.options),
                cursor=source.cursor,
                known=known.keys(),
                fresh=force or not current,
                file=stack.enter_context(self._uploaded(source)) if source.blob else None,
            )
            yield stack.enter_context(reader.open(request))

    @contextmanager
    def _uploaded(self, source: Source) -> Iterator[Path]:
        try:
            path = self._blobs.path(source.blob)
        except NotFound as error:
            raise SourceUnavailable(f"{source.location} is not in the store any more; upload it again.") from error
        yield path

    def _read(
        self,
        base: KnowledgeBase,
        source: Source,
        reading: Reading,
        known: Mapping[str, _Known],
        tally: Tally,
        force: bool,
        durable: bool,
    ) -> Iterator[BuildEvent]:
        tally.expected = max(tally.expected, tally.found + len(known))
        seen, failed = set[str](), set[str]()
        told = time.monotonic()
        done = False
        while not done:
            with self._blobs.hold(durable=durable) as holding:
                batch, done = _Batch(holding), True
                for item in reading:
                    seen.add(item.path)
                    tally.found += 1
                    yield from self._take(item, known.get(item.path), batch, tally, force)
                    if time.monotonic() - told > PULSE_S:
                        told = time.monotonic()
                        yield tally.progress()
                    if batch.is_due():
                        done = False
                        break
                yield from self._commit(base, source, batch, tally, force)
                failed.update(item.path for item, _, _ in batch.failures)
        if reading.ignored:
            yield BuildNote(message=_ignored(source, reading))
        yield from self._note_unlisted(base, source, reading, tally)
        sound = {path: each for path, each in known.items() if path in seen and path not in failed}
        yield from self._mark(base, _marked(sound), "", "", tally)
        unseen = {path: each.id for path, each in known.items() if path not in seen}
        for above in reading.unlisted:
            below = [each for path, each in unseen.items() if reading.unlisted_above(path) == above]
            yield from self._mark(base, below, SourceUnavailable.code, reading.unlisted[above], tally)
        gone = [each for path, each in unseen.items() if reading.unlisted_above(path) is None]
        yield from self._remove(base, gone, tally)

    def _take(
        self, item: SourceItem, known: _Known | None, batch: _Batch, tally: Tally, force: bool
    ) -> Iterator[BuildEvent]:
        if item.status == "skipped":
            yield DocumentSkipped(path=item.path, reason=item.reason)
        elif item.status == "failed":
            batch.failures.append((item, item.code, item.reason))
        elif known is not None and not force and self._is_unchanged(known, item):
            tally.unchanged += 1
        else:
            try:
                self._check_size(item.path, item.size)
                with item.open() as path:
                    self._check_size(item.path, path.stat().st_size)
                    blob = yield from self._stored(path, known, batch.holding, tally)
            except UnreadableFile as error:
                batch.failures.append((item, error.code, str(error)))
                return
            except OSError as error:
                reason = f"{item.path} cannot be read: {error.strerror or error}."
                batch.failures.append((item, UnreadableFile.code, reason))
                return
            batch.size += blob.size
            batch.files.append(_received(item, blob))

    def _check_size(self, path: str, size: int) -> None:
        if size > self._max_file_bytes:
            largest = self._max_file_bytes / MEGABYTE
            raise FileTooLarge(f"{path} has {size / MEGABYTE:,.1f} MB; at most {largest:,.1f} MB are read.")

    def _is_unchanged(self, known: _Known, item: SourceItem) -> bool:
        settled = known.modified_ns + SETTLED_NS < known.received_at.timestamp() * 1e9
        same = (known.size, known.modified_ns) == (item.size, _nanoseconds(item)) and known.modified_ns > 0
        current = known.status == "received" or known.indexed_by == self._version
        return bool(known.content_hash) and same and settled and current

    def _stored(
        self, path: Path, known: _Known | None, holding: Holding, tally: Tally
    ) -> Generator[BuildEvent, None, Blob]:
        if known is not None and known.content_hash and path.stat().st_size == known.size:
            digest = hashlib.sha256()
            yield from _steadily(path, digest.update, tally)
            if digest.hexdigest() == known.content_hash and self._blobs.contains(known.content_hash):
                return Blob(content_hash=known.content_hash, size=known.size)
        with holding.writer(max_bytes=self._max_file_bytes) as writer:
            yield from _steadily(path, writer.write, tally)
            return writer.finish()

    def _commit(
        self, base: KnowledgeBase, source: Source, batch: _Batch, tally: Tally, force: bool
    ) -> Iterator[BuildEvent]:
        if not batch.files and not batch.failures:
            return
        failed: list[DocumentFailed] = []
        with self._database.write() as connection:
            writer = self._writer(connection, base)
            waiting = writer.receive(source.id, batch.files, version=self._version, force=force)
            for item, code, reason in batch.failures:
                document_id = writer.note_unavailable(source.id, item.path, code, reason, url=item.url)
                failed.append(DocumentFailed(path=item.path, code=code, reason=reason, document_id=document_id))
        tally.received += waiting
        tally.unchanged += len(batch.files) - waiting
        yield from _failures(failed, tally)

    def _remove(self, base: KnowledgeBase, gone: Sequence[str], tally: Tally) -> Iterator[BuildEvent]:
        for start in range(0, len(gone), _REMOVED_AT_ONCE):
            with self._database.write() as connection:
                tally.removed += self._writer(connection, base).remove(gone[start : start + _REMOVED_AT_ONCE])
            yield tally.progress()

    def _note_unlisted(
        self, base: KnowledgeBase, source: Source, reading: Reading, tally: Tally
    ) -> Iterator[BuildEvent]:
        """Every part that could not be listed becomes a failure, and a document that shows it in the list."""
        code = SourceUnavailable.code
        failed: list[DocumentFailed] = []
        with self._database.write() as connection:
            writer = self._writer(connection, base)
            for path, reason in reading.unlisted.items():
                document_id = writer.note_unavailable(source.id, path, code, reason)
                failed.append(DocumentFailed(path=path, code=code, reason=reason, document_id=document_id))
        yield from _failures(failed, tally)

    def _mark(
        self, base: KnowledgeBase, document_ids: Sequence[str], code: str, reason: str, tally: Tally
    ) -> Iterator[BuildEvent]:
        """Have documents say why they may be out of date; without a `code`, no longer."""
        for start in range(0, len(document_ids), _MARKED_AT_ONCE):
            with self._database.write() as connection:
                portion = document_ids[start : start + _MARKED_AT_ONCE]
                self._writer(connection, base).set_problem(portion, code, reason)
            yield tally.progress()

    def _mark_outdated(self, base: KnowledgeBase, source: Source, tally: Tally, force: bool) -> None:
        """What was uploaded is in the store; what another version made of it is made anew."""
        kept = and_(
            documents.c.source_id == source.id, documents.c.content_hash != "", documents.c.status != "received"
        )
        outdated = kept if force else and_(kept, documents.c.indexed_by != self._version)
        with self._database.write() as connection:
            self._writer(connection, base)
            found = connection.execute(update(documents).where(outdated).values(status="received")).rowcount
        tally.received += found

    def _store_cursor(self, base: KnowledgeBase, source: Source, cursor: Mapping[str, Any]) -> None:
        with self._database.write() as connection:
            SourceStore(connection, base).note_synced(source.id, cursor)

    def _known(self, source: Source) -> dict[str, _Known]:
        columns = [documents.c[name] for name in _Known.__slots__]
        query = select(documents.c.path, *columns).where(documents.c.source_id == source.id)
        with self._database.read() as connection:
            return {
                row.path: _Known(**{name: row._mapping[name] for name in _Known.__slots__})
                for row in connection.execute(query)
            }

    def _writer(self, connection: Connection, base: KnowledgeBase) -> DocumentWriter:
        return DocumentWriter(connection, base.id, self._embedders)


def _marked(known: Mapping[str, _Known]) -> list[str]:
    """Those that say they may be out of date."""
    return [each.id for each in known.values() if each.error_code and each.status == "indexed"]


def _received(item: SourceItem, blob: Blob) -> ReceivedFile:
    return ReceivedFile(
        path=item.path,
        content_hash=blob.content_hash,
        size=blob.size,
        url=item.url,
        media_type=item.media_type or "",
        modified_ns=_nanoseconds(item),
    )


def _nanoseconds(item: SourceItem) -> int:
    return int(item.modified * 1e9)


def _failures(failed: Sequence[DocumentFailed], tally: Tally) -> Iterator[BuildEvent]:
    for each in failed:
        tally.failed += 1
        tally.last_error = f"{each.path}: {each.reason}"
        yield each


def _ignored(source: Source, reading: Reading) -> str:
    kinds = ", ".join(f"{count} × {ending}" for ending, count in reading.ignored.most_common(5))
    return f"{reading.ignored.total()} files of {source.location} are of kinds that are never read: {kinds}."


def _steadily(path: Path, take: Callable[[bytes], None], tally: Tally) -> Iterator[BuildEvent]:
    """Hand a file over block by block, showing signs of life."""
    told = time.monotonic()
    for block in blocks_of(path):
        take(block)
        if time.monotonic() - told > PULSE_S:
            told = time.monotonic()
            yield tally.progress()
