"""A folder of documents held in memory behind the retriever's ports, so that retrieval alone can be measured."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from knowledge.config import ParsingLimits
from knowledge.errors import UnreadableFile
from knowledge.indexes.lexical_fts import FtsIndex
from knowledge.indexes.vector_faiss import FaissIndex
from knowledge.parsing import parse, supported
from knowledge.ports import DocumentVectors, Embedder, KnowledgeBaseIndexes, Vectors
from knowledge.splitting.splitter import split
from knowledge.types import Chunk, DocumentRef, Filters

BASE = "bench"


class VectorCache:
    """Vectors kept in one file by embedder and text, so that a second run embeds nothing."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path)
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS vector"
            " (name TEXT, hash BLOB, value BLOB, PRIMARY KEY (name, hash)) WITHOUT ROWID"
        )

    def embed(self, embedder: Embedder, texts: Sequence[str], batch: int = 64) -> Vectors:
        """(n, dimension); only texts not seen before are embedded, the shortest first."""
        hashes = [hashlib.sha256(text.encode()).digest() for text in texts]
        query = "SELECT value FROM vector WHERE name = ? AND hash = ?"
        known = {}
        for key in set(hashes):
            row = self._connection.execute(query, (embedder.name, key)).fetchone()
            if row:
                known[key] = np.frombuffer(row[0], dtype=np.float32)
        new = {key: text for key, text in zip(hashes, texts, strict=True) if key not in known}
        missing = sorted(new.items(), key=lambda item: len(item[1]))
        for start in range(0, len(missing), batch):
            part = missing[start : start + batch]
            for (key, _), vector in zip(part, embedder.embed_documents([text for _, text in part]), strict=True):
                known[key] = np.asarray(vector, dtype=np.float32)
                self._connection.execute(
                    "INSERT OR REPLACE INTO vector VALUES (?, ?, ?)", (embedder.name, key, known[key].tobytes())
                )
            self._connection.commit()
        return (
            np.stack([known[key] for key in hashes]) if hashes else np.empty((0, embedder.dimension), dtype=np.float32)
        )


class MemoryBase:
    """A Library and Indexes over the files of a folder, all in one knowledge base named `bench`."""

    def __init__(self, folder: Path, embedders: Mapping[str, Embedder], cache: VectorCache, work: Path) -> None:
        self.texts: dict[str, str] = {}
        self._documents: dict[str, DocumentRef] = {}
        self._chunks: dict[int, Chunk] = {}
        self._by_document: dict[str, list[Chunk]] = {}
        for path in sorted(path for path in folder.rglob("*") if path.is_file() and supported(path.name)):
            try:
                self._add(path, str(path.relative_to(folder)))
            except UnreadableFile:
                # An empty file, for one; a build reports it and goes on as well.
                continue
        self._words = FtsIndex(work / "words.sqlite")
        self._words.replace(self._by_document, 1)
        self._vectors = {name: self._embedded(embedder, cache) for name, embedder in embedders.items()}

    def __len__(self) -> int:
        return len(self._chunks)

    def titles(self) -> dict[str, str]:
        """The titles that one document alone has, with its path."""
        return _unique((document.title, document.path) for document in self._documents.values())

    def headings(self) -> dict[str, str]:
        """The headings above chunks that stand in one document alone, with its path."""
        below = (chunk for chunk in self._chunks.values() if chunk.heading_path)
        return _unique((chunk.heading_path[-1], chunk.document_id) for chunk in below)

    def open(self, knowledge_base_id: str) -> KnowledgeBaseIndexes:
        return KnowledgeBaseIndexes(knowledge_base_id=knowledge_base_id, lexical=self._words, vectors=self._vectors)

    def chunks(self, ids: Collection[int]) -> Mapping[int, Chunk]:
        return {each: self._chunks[each] for each in ids}

    def neighbours(self, spans: Collection[tuple[str, int, int]]) -> Sequence[Chunk]:
        return [chunk for name, first, last in spans for chunk in self._by_document[name][max(0, first) : last + 1]]

    def documents(self, ids: Collection[str]) -> Mapping[str, DocumentRef]:
        return {each: self._documents[each] for each in ids}

    def select(self, knowledge_bases: Sequence[str], filters: Filters) -> Collection[str]:
        prefixes = filters.path_prefixes or ("",)
        return [name for name, document in self._documents.items() if document.path.startswith(prefixes)]

    def _add(self, file: Path, path: str) -> None:
        document = parse(file, name=path, limits=ParsingLimits())
        self.texts[path] = document.text
        self._documents[path] = DocumentRef(id=path, knowledge_base_id=BASE, path=path, title=document.title, url="")
        drafts = split(document)
        chunks = [
            Chunk(
                id=len(self._chunks) + draft.ordinal + 1,
                knowledge_base_id=BASE,
                document_id=path,
                ordinal=draft.ordinal,
                start=draft.start,
                end=draft.end,
                text=draft.text,
                search_text=draft.search_text,
                content_hash=hashlib.sha256(draft.text.encode()).hexdigest(),
                heading_path=draft.heading_path,
                anchor=draft.anchor,
                kind=draft.kind,
                language=draft.language,
                page=draft.page,
            )
            for draft in drafts
        ]
        self._by_document[path] = chunks
        self._chunks.update({chunk.id: chunk for chunk in chunks})

    def _embedded(self, embedder: Embedder, cache: VectorCache) -> FaissIndex:
        index = FaissIndex()
        able = [chunk for chunk in self._chunks.values() if chunk.language in embedder.languages]
        vectors = cache.embed(embedder, [chunk.search_text for chunk in able])
        rows: dict[str, list[int]] = {}
        for row, chunk in enumerate(able):
            rows.setdefault(chunk.document_id, []).append(row)
        index.replace(
            {
                name: DocumentVectors(
                    chunk_ids=np.array([able[row].id for row in own], dtype=np.int64), vectors=vectors[own]
                )
                for name, own in rows.items()
            },
            1,
        )
        return index


def _unique(named: Iterable[tuple[str, str]]) -> dict[str, str]:
    places: dict[str, set[str]] = {}
    for name, path in named:
        places.setdefault(name, set()).add(path)
    return {name: next(iter(paths)) for name, paths in places.items() if len(paths) == 1}
