"""Processing: received files are parsed and split, a few ahead of the one being written, each in one transaction."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from knowledge.config import ParsingLimits
from knowledge.errors import KnowledgeError, UnreadableFile
from knowledge.events import PARSED, SPLIT, WORDS, BuildEvent, BuildNote, DocumentFailed, StageProgress
from knowledge.indexes.projections import Projections
from knowledge.ingestion.background import awaited, background, called, pulsing
from knowledge.ports import Embedder
from knowledge.storage.blobs import BlobStore
from knowledge.storage.database import Database
from knowledge.storage.replacement import DocumentWriter, Waiting, waiting_documents, waits
from knowledge.types import ChunkDraft, ParsedDocument, SplitDocument

VERSION = "2"
"""Raised whenever parser or splitter make something else of the same file: then documents are processed again."""

_AHEAD = 4
_MANY_CHUNKS = 1000
"""A document of so many is written in a thread, for it takes a second or more."""

_READ_AT_ONCE = 200
_FOLLOW_EVERY_S = 1.0


class Parser(Protocol):
    """Turns a file into text and chunks, where it can do no harm. Satisfied by knowledge.parsing.IsolatedParser."""

    def read(self, path: Path, *, name: str, limits: ParsingLimits, media_type: str | None = None) -> SplitDocument: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class _Prepared:
    """A document ready to be written, or the reason why there is none."""

    waiting: Waiting
    parsed: ParsedDocument | None = None
    drafts: Sequence[ChunkDraft] = ()
    code: str = ""
    reason: str = ""


@dataclass(kw_only=True, slots=True)
class Outcome:
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
            stage=PARSED, done=self.parsed, total=self.total, failed=self.failed, last_error=self.last_error
        )
        yield self.documents()
        yield self.words()

    def documents(self) -> StageProgress:
        """How many are split and written."""
        return StageProgress(stage=SPLIT, done=self.written, total=self.total, failed=self.failed)

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

    def process(self, knowledge_base_id: str, outcome: Outcome) -> Iterator[BuildEvent]:
        """Process every document that waits, the words following about every second. Raises NotFound when the base
        goes meanwhile. Broken off at any point, it leaves whole documents, and the others waiting."""
        with self._database.read() as connection:
            outcome.total = outcome.written + waits(connection, knowledge_base_id)
        told = time.monotonic()
        yield from outcome.progress()
        with background(2) as ahead, background() as executor:
            for future in self._prepared_ahead(knowledge_base_id, ahead):
                prepared = yield from pulsing(awaited(future), outcome.documents)
                yield from self._write(knowledge_base_id, prepared, outcome, executor)
                if time.monotonic() - told > _FOLLOW_EVERY_S:
                    yield from self._follow_words(knowledge_base_id, outcome, executor)
                    yield from outcome.progress()
                    told = time.monotonic()
            yield from self._follow_words(knowledge_base_id, outcome, executor)
        yield from outcome.progress()

    def _prepared_ahead(self, knowledge_base_id: str, executor: ThreadPoolExecutor) -> Iterator[Future[_Prepared]]:
        """What to write next, while the ones after it are being prepared."""
        begun: deque[Future[_Prepared]] = deque()
        after = ""
        while True:
            with self._database.read() as connection:
                found = waiting_documents(connection, knowledge_base_id, after=after, limit=_READ_AT_ONCE)
            if not found:
                break
            for waiting in found:
                begun.append(executor.submit(self._prepare, waiting))
                if len(begun) > _AHEAD:
                    yield begun.popleft()
            after = found[-1].document_id
        yield from begun

    def _prepare(self, waiting: Waiting) -> _Prepared:
        try:
            path = self._blobs.path(waiting.content_hash)
            media_type = waiting.media_type or None
            read = self._parser.read(path, name=waiting.path, limits=self._limits, media_type=media_type)
        except KnowledgeError as error:
            return _Prepared(waiting=waiting, code=error.code, reason=str(error))
        except Exception as error:  # the outer edge of one file: a mistake of ours must not stop the others
            logging.getLogger(__name__).exception("Processing %s failed", waiting.document_id)
            reason = f"Reading it failed by a mistake of ours ({type(error).__name__}); please report it."
            return _Prepared(waiting=waiting, code="internal_error", reason=reason)
        if not read.chunks:
            return _Prepared(waiting=waiting, code=UnreadableFile.code, reason=f"{waiting.path} holds no text.")
        return _Prepared(waiting=waiting, parsed=read.document, drafts=read.chunks)

    def _write(
        self, knowledge_base_id: str, prepared: _Prepared, outcome: Outcome, executor: ThreadPoolExecutor
    ) -> Iterator[BuildEvent]:
        outcome.parsed += 1
        if len(prepared.drafts) > _MANY_CHUNKS:
            call = partial(self._commit, knowledge_base_id, prepared)
            written = yield from pulsing(called(executor, call), outcome.documents)
        else:
            written = self._commit(knowledge_base_id, prepared)
        waiting = prepared.waiting
        if not written:
            outcome.overtaken += 1
        elif prepared.parsed is not None:
            outcome.indexed += 1
            if prepared.parsed.warnings:
                yield BuildNote(message=f"{waiting.path}: {'; '.join(prepared.parsed.warnings)}.")
        else:
            outcome.failed += 1
            outcome.last_error = prepared.reason
            yield DocumentFailed(
                path=waiting.path, code=prepared.code, reason=prepared.reason, document_id=waiting.document_id
            )

    def _commit(self, knowledge_base_id: str, prepared: _Prepared) -> bool:
        with self._database.write() as connection:
            writer = DocumentWriter(connection, knowledge_base_id, self._embedders)
            if prepared.parsed is None:
                return writer.fail(prepared.waiting, prepared.code, prepared.reason, version=self._version)
            return writer.replace(prepared.waiting, prepared.parsed, prepared.drafts, version=self._version)

    def _follow_words(
        self, knowledge_base_id: str, outcome: Outcome, executor: ThreadPoolExecutor
    ) -> Iterator[BuildEvent]:
        """Bring the lexical index up to the log."""
        steps = self._projections.catch_up(knowledge_base_id)
        while (held := (yield from pulsing(called(executor, lambda: next(steps, None)), outcome.words))) is not None:
            outcome.followed += held
            yield outcome.words()
