"""A knowledge floor to test on: a database, files, indexes and an ingestor, and a folder of documents to build from."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from knowledge.config import ArchiveLimits, FetchConfig, ParsingLimits
from knowledge.embedding.hashing import HashingEmbedder
from knowledge.events import BuildEvent, BuildFinished
from knowledge.indexes.projections import Projections
from knowledge.indexes.registry import ENGINES, Engine
from knowledge.ingestion.ingestor import Ingestor
from knowledge.ingestion.invariants import check_invariants
from knowledge.ingestion.processing import Parser
from knowledge.ports import Embedder
from knowledge.retrieval.retriever import Retriever
from knowledge.sources import Fetcher, SourceReader, source_readers
from knowledge.storage.bases import KnowledgeBaseStore, SourceStore, Statistics
from knowledge.storage.database import Database
from knowledge.storage.documents import DocumentStore
from knowledge.storage.file_blobs import FileBlobStore
from knowledge.storage.library import SqlLibrary
from knowledge.types import Document, Hit, KnowledgeBase, Scope
from tests.shared_parser import shared_parser

SCOPE = Scope(workspace_id="local", user_id="local")


def hashing_embedders() -> dict[str, Embedder]:
    """A fast embedder for every language and a second one for English."""
    return {
        "fast": HashingEmbedder(name="fast", dimension=32),
        "english": HashingEmbedder(name="english", dimension=48, languages=frozenset({"en", "other"})),
    }


class Workshop:
    """Everything that has to do with knowledge, on one database and under one folder."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        *,
        embedders: Mapping[str, Embedder] | None = None,
        version: str = "1",
        parsing: ParsingLimits | None = None,
        readers: Iterable[SourceReader] = (),
        parser: Parser | None = None,
        engines: Sequence[Engine] = ENGINES,
    ) -> None:
        """`readers` are of kinds besides those there are, or take their places."""
        self.database = database
        self.data = folder / "data"
        self.pages = folder / "pages"
        self.pages.mkdir(parents=True, exist_ok=True)
        self.embedders = dict(hashing_embedders() if embedders is None else embedders)
        self.blobs = FileBlobStore(self.data / "files")
        self.projections = Projections(database, self.data / "indexes", engines=engines)
        self._written = 0
        self.ingestor = Ingestor(
            database=database,
            blobs=self.blobs,
            projections=self.projections,
            embedders=self.embedders,
            parser=parser or shared_parser(),
            readers=source_readers(Fetcher(FetchConfig(allowed_networks=("127.0.0.0/8",))), ArchiveLimits(), readers),
            parsing=parsing,
            version=version,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing of it outlives a test but the parser, which serves the next one."""

    def write(self, path: str, text: str) -> None:
        """Write a page, dated so long ago that nobody could have changed it since unnoticed."""
        page = self.pages / path
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")
        self._written += 1
        date = time.time() - 3600 + self._written
        os.utime(page, (date, date))

    def make_base(self, name: str = "docs", *, folder: bool = True) -> KnowledgeBase:
        """A base whose one source is the folder of pages, or that has none."""
        with self.database.write() as connection:
            base = KnowledgeBaseStore(connection, SCOPE).create(name, embedders=list(self.embedders))
            if folder:
                SourceStore(connection, base).add("folder", str(self.pages))
        return base

    def base(self, base_id: str) -> KnowledgeBase:
        with self.database.read() as connection:
            return KnowledgeBaseStore(connection, SCOPE).get(base_id)

    def build(self, base: KnowledgeBase, *, force: bool = False) -> BuildFinished:
        """Build to the end and return what it came to."""
        last = self.events(base, force=force)[-1]
        assert isinstance(last, BuildFinished)
        return last

    def events(self, base: KnowledgeBase, *, force: bool = False) -> list[BuildEvent]:
        return list(self.ingestor.build(SCOPE, base.id, force=force))

    def documents(self, base: KnowledgeBase) -> dict[str, Document]:
        """The documents of a base by path."""
        with self.database.read() as connection:
            found, _ = DocumentStore(connection, base).page(limit=500)
        return {document.path: document for document in found}

    def statistics(self, base: KnowledgeBase) -> Statistics:
        with self.database.read() as connection:
            store = KnowledgeBaseStore(connection, SCOPE)
            return store.statistics([store.get(base.id)])[base.id]

    def search(self, base: KnowledgeBase, question: str) -> list[Hit]:
        """What is handed on for a question."""
        retriever = Retriever(
            library=SqlLibrary(self.database, SCOPE), indexes=self.projections, embedders=self.embedders
        )
        return [hit for hit in retriever.search(question, knowledge_bases=[base.id]).hits if not hit.dropped]

    def found_by_words(self, base: KnowledgeBase, word: str) -> list[str]:
        """The paths of the documents that hold a word, sorted, by the lexical index alone."""
        scored = self.projections.open(base.id).lexical.search(word, 100)
        paths = SqlLibrary(self.database, SCOPE).documents({each.document_id for each in scored})
        return sorted(reference.path for reference in paths.values())

    def broken(self, embedders: Collection[str] = ("fast", "english")) -> list[str]:
        """Every invariant that does not hold."""
        return check_invariants(
            self.database,
            self.projections,
            blobs=self.blobs,
            embedders={name: self.embedders[name] for name in embedders if name in self.embedders},
        )
