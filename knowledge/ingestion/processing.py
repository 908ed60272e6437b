"""Processing: received files are parsed and split, a few ahead of the one being written, each in one transaction."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from knowledge.config import ParsingLimits
from knowledge.errors import FileTooLarge, FileTooSlow, KnowledgeError, ParserCrashed, WithoutText
from knowledge.events import PARSED, SPLIT, WORDS, BuildEvent, BuildNote, DocumentFailed, StageProgress
from knowledge.indexes.projections import Projections
from knowledge.ingestion.background import PULSE_S, background, called, pulsing
from knowledge.ports import Embedder
from knowledge.storage.blobs import BlobStore
from knowledge.storage.database import Database
from knowledge.storage.replacement import DocumentWriter, PendingDocument, pending_documents, waits
from knowledge.types import ChunkDraft, ParsedDocument, SplitDocument

_log = logging.getLogger(__name__)

VERSION = "3"
"""Raised whenever parser or splitter make something else of the same file: then documents are processed again."""

_AHEAD = 4
_MANY_CHUNKS = 1000
"""A document of so many is written in a thread, for it takes a second or more."""

_FIRST_S = 10.0
"""A file gets so long at first; one that takes longer gets all its time when the others are done."""

_READ_AT_ONCE = 200
_FOLLOW_EVERY_S = 1.0


class Parser(Protocol):
    """Turns a file into text and chunks, where it can do no harm. Satisfied by knowledge.parsing.IsolatedParser."""

    def read(
        self, path: Path, *, name: str, limits: ParsingLimits, media_type: str | None = None, lane: str = ""
    ) -> SplitDocument:
        """The document in a file and its chunks. `lane`: for whom it is read; what is slow in one does not hold up
        another. Raises FileTooSlow after `limits.max_seconds`, and other UnreadableFile."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class _Prepared:
    """A document ready to be written, or the reason why there is none."""

    pending: PendingDocument
    parsed: ParsedDocument | None = None
    drafts: Sequence[ChunkDraft] = ()
    code: str = ""
    reason: str = ""


@dataclass(kw_only=True, slots=True)
class ProcessingTally:
    """What processing has come to so far; `followed` counts documents that can be found by their words."""

    total: int = 0
    parsed: int = 0
    indexed: int = 0
    failed: int = 0
    overtaken: int = 0
    followed: int = 0
    last_error: str = ""

    def progress(self) -> Iterator[BuildEvent]:
        """How far parsing, splitting and the words are."""
        yield StageProgress(
            stage=PARSED,
            done=self.parsed,
            total=max(self.parsed, self.total),
            failed=self.failed,
            last_error=self.last_error,
        )
        yield self.documents()
        yield self.words()

    def documents(self) -> StageProgress:
        """How many are split and written."""
        return StageProgress(stage=SPLIT, done=self.written, total=max(self.written, self.total), failed=self.failed)

    def words(self) -> StageProgress:
        """How far the words are, in documents."""
        return StageProgress(stage=WORDS, done=min(self.followed, self.written), total=self.written)

    @property
    def written(self) -> int:
        """Documents that are done with, one way or another."""
        return self.indexed + self.failed + self.overtaken


class Processor:
    """Makes received documents searchable by their words."""

    def __init__(
        self,
        *,
        database: Database,
        blobs: BlobStore,
        projections: Projections,
        embedders: Mapping[str, Embedder],
        parser: Parser,
        limits: ParsingLimits,
        version: str,
    ) -> None:
        self._version = version
        self._database = database
        self._blobs = blobs
        self._projections = projections
        self._embedders = embedders
        self._parser = parser
        self._limits = limits

    def _count(self, knowledge_base_id: str, processed: ProcessingTally) -> None:
        """Documents that came while others were processed are counted, too."""
        with self._database.read() as connection:
            processed.total = processed.written + waits(connection, knowledge_base_id)

    def process(self, knowledge_base_id: str, processed: ProcessingTally) -> Iterator[BuildEvent]:
        """Process every document that waits, the words following about every second. Raises NotFound when the base
        goes meanwhile. Broken off at any point, it leaves whole documents, and the others waiting."""
        self._count(knowledge_base_id, processed)
        told = time.monotonic()
        yield from processed.progress()
        with background(2) as ahead, background() as executor:
            for prepared in self._prepared_ahead(knowledge_base_id, ahead):
                if prepared is None:
                    yield processed.documents()
                    continue
                yield from self._write(knowledge_base_id, prepared, processed, executor)
                if time.monotonic() - told > _FOLLOW_EVERY_S:
                    yield from self._follow_words(knowledge_base_id, processed, executor)
                    self._count(knowledge_base_id, processed)
                    yield from processed.progress()
                    told = time.monotonic()
            yield from self._follow_words(knowledge_base_id, processed, executor)
        yield from processed.progress()

    def _prepared_ahead(self, knowledge_base_id: str, executor: ThreadPoolExecutor) -> Iterator[_Prepared | None]:
        """What to write next, while the ones after it are being prepared; None as a sign of life.

        What is slow comes last, so that it holds up no others; what was too slow the last time is not tried again.
        """
        slow: list[PendingDocument] = []
        prepare = partial(self._prepare, knowledge_base_id)
        for prepared in _in_order(self._waiting(knowledge_base_id), partial(prepare, first=True), executor):
            if prepared is not None and self._deserves_more(prepared):
                slow.append(prepared.pending)
            else:
                yield prepared
        yield from _in_order(slow, partial(prepare, first=False), executor)

    def _waiting(self, knowledge_base_id: str) -> Iterator[PendingDocument]:
        after = ""
        while True:
            with self._database.read() as connection:
                found = pending_documents(connection, knowledge_base_id, after=after, limit=_READ_AT_ONCE)
            yield from found
            if not found:
                break
            after = found[-1].document_id

    def _deserves_more(self, prepared: _Prepared) -> bool:
        too_slow = prepared.code == FileTooSlow.code and not prepared.pending.was_too_slow
        return too_slow and self._limits.max_seconds > _FIRST_S

    def _limits_for(self, pending: PendingDocument, first: bool) -> ParsingLimits:
        seconds = self._limits.max_seconds
        if pending.was_too_slow:
            seconds /= 4
        return replace(self._limits, max_seconds=min(seconds, _FIRST_S) if first else seconds)

    def _prepare(self, knowledge_base_id: str, pending: PendingDocument, *, first: bool) -> _Prepared:
        try:
            path = self._blobs.path(pending.content_hash)
            media_type = pending.media_type or None
            limits = self._limits_for(pending, first)
            read = self._parser.read(
                path, name=pending.path, limits=limits, media_type=media_type, lane=knowledge_base_id
            )
        except KnowledgeError as error:
            if isinstance(error, ParserCrashed | FileTooSlow | FileTooLarge):
                _log.warning("%s (%s, document %s)", error, error.code, pending.document_id)
            return _Prepared(pending=pending, code=error.code, reason=str(error))
        except Exception as error:  # the outer edge of one file: a mistake of ours must not stop the others
            _log.exception("Processing %s failed", pending.document_id)
            reason = f"Reading it failed by a mistake of ours ({type(error).__name__}); please report it."
            return _Prepared(pending=pending, code="internal_error", reason=reason)
        if not read.chunks:
            return _Prepared(pending=pending, code=WithoutText.code, reason=f"{pending.path} holds no text.")
        return _Prepared(pending=pending, parsed=read.document, drafts=read.chunks)

    def _write(
        self, knowledge_base_id: str, prepared: _Prepared, processed: ProcessingTally, executor: ThreadPoolExecutor
    ) -> Iterator[BuildEvent]:
        processed.parsed += 1
        if len(prepared.drafts) > _MANY_CHUNKS:
            call = partial(self._commit, knowledge_base_id, prepared)
            written = yield from pulsing(called(executor, call), processed.documents)
        else:
            written = self._commit(knowledge_base_id, prepared)
        pending = prepared.pending
        if not written:
            processed.overtaken += 1
        elif prepared.parsed is not None:
            processed.indexed += 1
            if prepared.parsed.warnings:
                yield BuildNote(message=f"{pending.path}: {'; '.join(prepared.parsed.warnings)}.")
        else:
            processed.failed += 1
            processed.last_error = prepared.reason
            yield DocumentFailed(
                path=pending.path, code=prepared.code, reason=prepared.reason, document_id=pending.document_id
            )

    def _commit(self, knowledge_base_id: str, prepared: _Prepared) -> bool:
        with self._database.write() as connection:
            writer = DocumentWriter(connection, knowledge_base_id, self._embedders)
            if prepared.parsed is None:
                return writer.fail(prepared.pending, prepared.code, prepared.reason, version=self._version)
            return writer.replace(prepared.pending, prepared.parsed, prepared.drafts, version=self._version)

    def _follow_words(
        self, knowledge_base_id: str, processed: ProcessingTally, executor: ThreadPoolExecutor
    ) -> Iterator[BuildEvent]:
        """Bring the words, and whatever else all processes share, up to the log."""
        steps = self._projections.catch_up_shared(knowledge_base_id)
        while (held := (yield from pulsing(called(executor, lambda: next(steps, None)), processed.words))) is not None:
            processed.followed += held
            yield processed.words()


def _in_order(
    found: Iterable[PendingDocument], prepare: Callable[[PendingDocument], _Prepared], executor: ThreadPoolExecutor
) -> Iterator[_Prepared | None]:
    """What was made of documents, a few ahead; None twice a second while the next one is being made.

    In the order in which they were received, so that the same files make the same base: equal scores go by it.
    """
    begun: deque[Future[_Prepared]] = deque()
    for pending in found:
        begun.append(executor.submit(prepare, pending))
        if len(begun) > _AHEAD:
            yield from _awaited(begun.popleft())
    while begun:
        yield from _awaited(begun.popleft())


def _awaited(future: Future[_Prepared]) -> Iterator[_Prepared | None]:
    while not wait([future], timeout=PULSE_S).done:
        yield None
    yield future.result()
