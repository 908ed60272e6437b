"""Sync: what a source holds is compared with what is known, and what is new or changed waits to be processed."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any, assert_never

from sqlalchemy import Connection, and_, select, update

from knowledge.config import ArchiveLimits
from knowledge.errors import FetchRefused, InvalidInput, KnowledgeError, UnreadableFile, UnsafeArchive
from knowledge.events import RECEIVED, BuildEvent, BuildNote, DocumentFailed, DocumentSkipped, StageProgress
from knowledge.ingestion.background import PULSE_S, background, called, pulsing
from knowledge.ports import Embedder
from knowledge.sources import Fetcher, Reading, Selection, SourceItem, fetch_page, read_folder, read_zip
from knowledge.sources.page import page_path
from knowledge.storage.bases import SourceStore
from knowledge.storage.blobs import Blob, BlobStore, Holding, blocks_of
from knowledge.storage.database import Database
from knowledge.storage.replacement import DocumentWriter, Received
from knowledge.storage.tables import documents
from knowledge.types import KnowledgeBase, Source, SourceKind

_BATCH_FILES = 100
_BATCH_BYTES = 64 * 1024 * 1024
_SETTLED_NS = 2_000_000_000
"""A file touched so shortly before it was read may have been changed again without a newer date: it is read again."""

_REMOVED_AT_ONCE = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    id: str
    size: int
    modified_ns: int
    content_hash: str
    status: str
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
    """Files that have been stored and are held until the rows that refer to them are committed."""

    holding: Holding
    files: list[Received] = field(default_factory=list)
    failures: list[tuple[SourceItem, str]] = field(default_factory=list)
    size: int = 0
    begun: float = field(default_factory=time.monotonic)

    def is_due(self) -> bool:
        full = len(self.files) + len(self.failures) >= _BATCH_FILES or self.size > _BATCH_BYTES
        return full or time.monotonic() - self.begun > 2 * PULSE_S


class Synchroniser:
    """Reads sources of one kind after another; everything it commits bears being broken off and begun again."""

    def __init__(
        self,
        *,
        database: Database,
        blobs: BlobStore,
        embedders: Mapping[str, Embedder],
        fetcher: Fetcher,
        archives: ArchiveLimits,
        version: str,
    ) -> None:
        """`version` is that of parser and splitter: documents that another one made are processed again."""
        self._database = database
        self._blobs = blobs
        self._embedders = embedders
        self._fetcher = fetcher
        self._archives = archives
        self._version = version

    def receive(
        self, base: KnowledgeBase, source: Source, tally: Tally, *, force: bool = False
    ) -> Iterator[BuildEvent]:
        """Read a source to its end and note what is new, changed and gone; what is unchanged costs a look at its date.

        With `force` everything is processed again. A source that cannot be read as a whole is a failure by its
        location, and leaves its documents as they are.
        """
        kind: SourceKind = source.kind
        if source.is_elsewhere:
            yield BuildNote(message=f"{source.location} was read on another machine; to read it here, add it here.")
            kind = "upload"
        try:
            match kind:
                case "folder":
                    yield from self._folder(base, source, tally, force)
                case "zip":
                    yield from self._zip(base, source, tally, force)
                case "web":
                    yield from self._page(base, source, tally, force)
                case "upload":
                    self._mark_outdated(base, source, tally, force)
                case "git":
                    raise InvalidInput("Git repositories cannot be read yet; give the folder of a clone.")
                case _:
                    assert_never(kind)
        except (InvalidInput, UnreadableFile, UnsafeArchive, FetchRefused) as error:
            yield from self._failed_source(base, source, tally, error)
        yield tally.progress()

    def _folder(self, base: KnowledgeBase, source: Source, tally: Tally, force: bool) -> Iterator[BuildEvent]:
        reading = read_folder(Path(source.location).expanduser(), _selection(source.options))
        yield from self._read(base, source, reading, tally, force)
        self._remember(base, source, {})

    def _zip(self, base: KnowledgeBase, source: Source, tally: Tally, force: bool) -> Iterator[BuildEvent]:
        uploaded = source.options.get("blob")
        path = self._blobs.path(str(uploaded)) if uploaded else Path(source.location).expanduser()
        mark = {"blob": uploaded, "version": self._version} if uploaded else _stamp(path, self._version)
        if mark and mark == source.cursor and not force:
            unchanged = len(self._known(source))
            tally.found += unchanged
            tally.unchanged += unchanged
            return
        name = PurePath(source.location).name
        reading = read_zip(path, self._archives, _selection(source.options), name=name)
        yield from self._read(base, source, reading, tally, force)
        self._remember(base, source, mark)

    def _page(self, base: KnowledgeBase, source: Source, tally: Tally, force: bool) -> Iterator[BuildEvent]:
        known = self._known(source)
        current = all(each.indexed_by == self._version and each.content_hash for each in known.values())
        cursor = source.cursor if known and current and not force else {}
        with background() as executor:
            visit = fetch_page(source.location, self._fetcher, cursor)
            page = yield from pulsing(called(executor, visit.__enter__), tally.progress)
            try:
                if page.item is None:
                    tally.unchanged += 1
                else:
                    yield from self._read(base, source, Reading(iter([page.item]), Counter()), tally, force)
                self._remember(base, source, page.cursor)
            finally:
                visit.__exit__(None, None, None)

    def _read(
        self, base: KnowledgeBase, source: Source, reading: Reading, tally: Tally, force: bool
    ) -> Iterator[BuildEvent]:
        known = self._known(source)
        tally.expected = max(tally.expected, tally.found + len(known))
        seen: set[str] = set()
        told = time.monotonic()
        done = False
        while not done:
            with self._blobs.hold(durable=source.kind == "web") as holding:
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
        if reading.ignored:
            yield BuildNote(message=_ignored(source, reading))
        yield from self._remove(base, [each.id for path, each in known.items() if path not in seen], tally)

    def _take(
        self, item: SourceItem, known: _Known | None, batch: _Batch, tally: Tally, force: bool
    ) -> Iterator[BuildEvent]:
        if item.status == "skipped":
            yield DocumentSkipped(path=item.path, reason=item.reason)
        elif item.status == "failed":
            batch.failures.append((item, item.reason))
        elif known is not None and not force and self._is_unchanged(known, item):
            tally.unchanged += 1
        else:
            try:
                with item.open() as path:
                    blob = yield from self._stored(path, known, batch.holding, tally)
            except UnreadableFile as error:
                batch.failures.append((item, str(error)))
                return
            except OSError as error:
                batch.failures.append((item, f"{item.path} cannot be read: {error.strerror or error}."))
                return
            batch.size += blob.size
            batch.files.append(_received(item, blob))

    def _is_unchanged(self, known: _Known, item: SourceItem) -> bool:
        settled = known.modified_ns + _SETTLED_NS < known.received_at.timestamp() * 1e9
        same = (known.size, known.modified_ns) == (item.size, _nanoseconds(item)) and known.modified_ns > 0
        current = known.status == "received" or known.indexed_by == self._version
        return bool(known.content_hash) and same and settled and current

    def _stored(
        self, path: Path, known: _Known | None, holding: Holding, tally: Tally
    ) -> Generator[BuildEvent, None, Blob]:
        if known is not None and known.content_hash and path.stat().st_size == known.size:
            digest = hashlib.sha256()
            yield from _steadily(path, digest.update, tally)
            if digest.hexdigest() == known.content_hash and self._blobs.place(known.content_hash).is_file():
                return Blob(content_hash=known.content_hash, size=known.size)
        with holding.writer() as writer:
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
            for item, reason in batch.failures:
                code = UnreadableFile.code
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

    def _failed_source(
        self, base: KnowledgeBase, source: Source, tally: Tally, error: KnowledgeError
    ) -> Iterator[BuildEvent]:
        document_id = ""
        if source.kind == "web" and not self._known(source):
            # One page is one document: it shows in the list that it could not be had.
            path = page_path(source.location)
            with self._database.write() as connection:
                writer = self._writer(connection, base)
                document_id = writer.note_unavailable(source.id, path, error.code, str(error), url=source.location)
        failed = DocumentFailed(path=source.location, code=error.code, reason=str(error), document_id=document_id)
        yield from _failures([failed], tally)

    def _remember(self, base: KnowledgeBase, source: Source, cursor: Mapping[str, Any]) -> None:
        with self._database.write() as connection:
            SourceStore(connection, base).remember_sync(source.id, cursor)

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


def _selection(options: Mapping[str, Any]) -> Selection:
    def patterns(name: str) -> tuple[str, ...]:
        given = options.get(name) or ()
        return (given,) if isinstance(given, str) else tuple(str(each) for each in given)

    return Selection(include=patterns("include"), exclude=patterns("exclude"), hidden=options.get("hidden") is True)


def _stamp(path: Path, version: str) -> dict[str, Any]:
    """What tells that a file is still the same; nothing while it is too fresh to tell."""
    try:
        status = path.stat()
    except OSError:
        return {}
    if time.time_ns() - status.st_mtime_ns < _SETTLED_NS:
        return {}
    return {"size": status.st_size, "modified_ns": status.st_mtime_ns, "version": version}


def _received(item: SourceItem, blob: Blob) -> Received:
    return Received(
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
