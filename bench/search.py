"""A whole search over 100,000 chunks, without the question's embedding, against the same FAISS and FTS5 queries bare.

`python -m bench search [--chunks N]`. Bar: p95 at most 1.3 times that of the bare queries.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path

import faiss
import numpy as np

from bench.product import percentile
from knowledge.config import ArchiveLimits
from knowledge.indexes.bm25 import Statistics
from knowledge.indexes.lexical_fts import match_expression
from knowledge.indexes.projections import Projections
from knowledge.ingestion.ingestor import Ingestor
from knowledge.parsing import IsolatedParser
from knowledge.ports import Vectors
from knowledge.retrieval.retriever import CANDIDATES, Retriever
from knowledge.sources import Fetcher, source_readers
from knowledge.storage.bases import KnowledgeBaseStore, SourceStore
from knowledge.storage.database import Database
from knowledge.storage.file_blobs import FileBlobStore
from knowledge.storage.library import SqlLibrary
from knowledge.storage.tables import metadata
from knowledge.text.expansion import concepts_of
from knowledge.types import Language, Scope

SCOPE = Scope(workspace_id="local", user_id="local")
SECTIONS = 20
QUESTIONS = 200


class Prose:
    """Text whose words are as unevenly frequent as those of a language (Zipf)."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        letters = "abcdefghijklmnoprstuvw"
        self._words = ["".join(self._random.choices(letters, k=self._random.randint(3, 9))) for _ in range(30_000)]
        self._weights = list(accumulate(1 / (rank + 2.7) for rank in range(len(self._words))))

    def words(self, count: int) -> str:
        return " ".join(self._random.choices(self._words, cum_weights=self._weights, k=count))

    def page(self, number: int) -> str:
        parts = [f"## {self.words(4)}\n\n{self.words(110)}." for _ in range(SECTIONS)]
        return f"# Page {number} {self.words(3)}\n\n" + "\n\n".join(parts)

    def question(self) -> str:
        return f"how to {self.words(self._random.randint(4, 10))}"


def fill(data: Path, database: Database, prose: Prose, count: int, embedders: Mapping[str, RandomEmbedder]) -> str:
    """A knowledge base of at least `count` chunks, built the ordinary way; its id."""
    pages = data / "pages"
    pages.mkdir()
    for number in range(count // SECTIONS):
        (pages / f"{number}.md").write_text(prose.page(number))
    with database.write() as connection:
        metadata.create_all(connection)
        base = KnowledgeBaseStore(connection, SCOPE).create("bench", embedders=list(embedders))
        SourceStore(connection, base).add("folder", str(pages))
    with IsolatedParser() as parser:
        ingestor = Ingestor(
            database=database,
            blobs=FileBlobStore(data / "files"),
            projections=Projections(database, data / "indexes"),
            embedders=embedders,
            parser=parser,
            readers=source_readers(Fetcher(), ArchiveLimits()),
        )
        for _ in ingestor.build(SCOPE, base.id):
            pass
    return base.id


class Bare:
    """The same queries without the house around them: FTS5's best rows by BM25, and FAISS's nearest vectors."""

    def __init__(self, words: Path, vectors: Mapping[str, Vectors]) -> None:
        self._connection = sqlite3.connect(words)
        self._chunks = self._connection.execute("SELECT value FROM state WHERE name = 'chunks'").fetchone()[0]
        self._indexes = {}
        for name, matrix in vectors.items():
            self._indexes[name] = faiss.IndexFlatIP(matrix.shape[1])
            self._indexes[name].add(matrix)

    def expression(self, question: str) -> str:
        concepts = concepts_of(question)
        terms = {term for concept in concepts for phrase in (concept.terms, *concept.variants) for term in phrase}
        query = "SELECT doc FROM vocabulary WHERE term = ?"
        found = {term: self._connection.execute(query, (term,)).fetchone() for term in terms}
        frequencies = {term: row[0] if row else 0 for term, row in found.items()}
        return match_expression(concepts, Statistics(chunks=self._chunks, average_length=100, frequencies=frequencies))

    def search(self, expression: str, vectors: Mapping[str, Vectors]) -> None:
        query = "SELECT rowid FROM terms WHERE terms MATCH ? ORDER BY rank LIMIT ?"
        self._connection.execute(query, (expression, CANDIDATES)).fetchall()
        for name, vector in vectors.items():
            self._indexes[name].search(vector.reshape(1, -1), CANDIDATES)


class RandomEmbedder:
    """Vectors at random, ready at once, so that making them is not measured."""

    def __init__(self, name: str, dimension: int) -> None:
        self.name, self.dimension = name, dimension
        self.languages: frozenset[Language] = frozenset({"en", "zh", "other"})
        self._generator = np.random.default_rng(dimension)

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        vectors = self._generator.standard_normal((len(texts), self.dimension), dtype=np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def embed_query(self, text: str) -> Vectors:
        vector: Vectors = self.embed_documents([text])[0]
        return vector


def timed(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=100_000)
    options = parser.parse_args()
    prose = Prose(11)
    embedders = {name: RandomEmbedder(name, size) for name, size in (("first", 512), ("second", 384))}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        database = Database(f"sqlite:///{data}/bench.db")
        begun = time.perf_counter()
        base_id = fill(data, database, prose, options.chunks, embedders)
        print(f"built {options.chunks} chunks in {time.perf_counter() - begun:.0f} s", flush=True)
        projections = Projections(database, data / "indexes", patience_s=600)
        loading = timed(lambda: projections.follow(base_id))
        opened = projections.open(base_id)
        count = len(opened.vectors["first"])
        print(f"{count} vectors twice loaded from the database in {loading:.1f} s", flush=True)
        matrices = {name: each.embed_documents([""] * count) for name, each in embedders.items()}
        bare = Bare(data / "indexes" / base_id / "words.db", matrices)
        retriever = Retriever(library=SqlLibrary(database, SCOPE), indexes=projections, embedders=embedders)
        questions = [prose.question() for _ in range(QUESTIONS)]
        whole, alone = [], []
        for question in questions:
            vectors = {name: each.embed_query(question) for name, each in embedders.items()}
            expression = bare.expression(question)
            alone.append(timed(lambda e=expression, v=vectors: bare.search(e, v)))
            whole.append(timed(lambda q=question: retriever.search(q, knowledge_bases=[base_id])))
        for share in (0.5, 0.95):
            ours, theirs = percentile(whole, share) * 1000, percentile(alone, share) * 1000
            print(f"p{share * 100:.0f}: search {ours:.0f} ms, bare queries {theirs:.0f} ms, ratio {ours / theirs:.2f}")
        print("bar: p95 ratio 1.30")
        database.close()


if __name__ == "__main__":
    main()
