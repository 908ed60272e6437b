"""How fast a folder becomes a knowledge base, against the bare forward passes of the same chunks by the same embedders.

`python -m bench build FOLDER [FOLDER …]`. Bars: rate at least .85 of the bare passes; everything found by words within
10 % of the build's time, by meaning in every language within 30 %; building again, nothing changed, 50 times faster.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
from sqlalchemy import select

from knowledge.config import ArchiveLimits
from knowledge.embedding import BUILT_IN, OwnedEmbedder, create_embedders
from knowledge.events import BuildFinished, StageProgress
from knowledge.indexes.projections import Projections
from knowledge.ingestion.ingestor import Ingestor
from knowledge.parsing import IsolatedParser
from knowledge.ports import Vectors
from knowledge.sources import Fetcher, source_readers
from knowledge.storage.bases import KnowledgeBaseStore, SourceStore
from knowledge.storage.database import Database
from knowledge.storage.file_blobs import FileBlobStore
from knowledge.storage.tables import chunks, metadata
from knowledge.types import Language, Scope

SCOPE = Scope(workspace_id="local", user_id="local")


class Clock:
    """Seconds on the wall, and of CPU in this process and its children: the latter mind no neighbours."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._wall, self._cpu = time.perf_counter(), self._cpu_now()

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self._wall, self._cpu_now() - self._cpu

    def _cpu_now(self) -> float:
        times = self._process.cpu_times()
        children = sum(sum(child.cpu_times()[:2]) for child in self._process.children(recursive=True))
        return times.user + times.system + times.children_user + times.children_system + children


class Timed:
    """An embedder that counts the seconds spent in it: neighbours slow it down no more than the rest of the build."""

    def __init__(self, embedder: OwnedEmbedder) -> None:
        self._embedder = embedder
        self.spent = 0.0

    @property
    def name(self) -> str:
        return self._embedder.name

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    @property
    def languages(self) -> frozenset[Language]:
        return self._embedder.languages

    @property
    def engine(self) -> str:
        return self._embedder.engine

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        begun = time.perf_counter()
        vectors = self._embedder.embed_documents(texts)
        self.spent += time.perf_counter() - begun
        return vectors

    def embed_query(self, text: str) -> Vectors:
        return self._embedder.embed_query(text)

    def close(self) -> None:
        self._embedder.close()


def build(ingestor: Ingestor, base_id: str) -> dict[str, tuple[float, float]]:
    """Wall and CPU seconds until each stage was complete, and `all` at the end."""
    clock, reached = Clock(), {}
    for event in ingestor.build(SCOPE, base_id):
        if isinstance(event, StageProgress) and event.done == event.total:
            reached[event.stage] = clock.read()
        if isinstance(event, BuildFinished):
            print(f"  {event.indexed} documents, {event.failed} failed, {event.unchanged} unchanged", flush=True)
    reached["all"] = clock.read()
    return reached


def bare(embedders: Mapping[str, OwnedEmbedder], texts: Mapping[str, list[str]]) -> tuple[float, float]:
    """Wall and CPU seconds of embedding every text once, the models loaded before."""
    wall = cpu = 0.0
    for name, embedder in embedders.items():
        embedder.embed_documents(texts[name][:1] * 300)
        clock = Clock()
        embedder.embed_documents(texts[name])
        spent = clock.read()
        print(f"  {name}: {len(texts[name])} chunks, {len(texts[name]) / spent[0]:.0f} a second", flush=True)
        wall, cpu = wall + spent[0], cpu + spent[1]
    return wall, cpu


def texts_of(database: Database, embedders: Mapping[str, OwnedEmbedder]) -> dict[str, list[str]]:
    """The distinct texts that each embedder serves."""
    query = select(chunks.c.content_hash, chunks.c.search_text, chunks.c.language)
    with database.read() as connection:
        rows = connection.execute(query).all()
    return {
        name: list({row.content_hash: row.search_text for row in rows if row.language in embedder.languages}.values())
        for name, embedder in embedders.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--embedders", nargs="+", default=list(BUILT_IN))
    parser.add_argument("--threads", type=int, default=psutil.cpu_count() or 1)
    options = parser.parse_args()
    made = create_embedders(threads=options.threads)
    embedders = {name: Timed(made[name]) for name in options.embedders}
    with tempfile.TemporaryDirectory() as folder, IsolatedParser() as isolated:
        data = Path(folder)
        database = Database(f"sqlite:///{data}/bench.db")
        with database.write() as connection:
            metadata.create_all(connection)
            base = KnowledgeBaseStore(connection, SCOPE).create("bench", embedders=list(embedders))
            for each in options.folders:
                SourceStore(connection, base).add("folder", str(each.absolute()))
        ingestor = Ingestor(
            database=database,
            blobs=FileBlobStore(data / "files"),
            projections=Projections(database, data / "indexes"),
            embedders=embedders,
            parser=isolated,
            readers=source_readers(Fetcher(), ArchiveLimits()),
        )
        first = build(ingestor, base.id)
        share = sum(embedder.spent for embedder in embedders.values()) / first["all"][0]
        memory = peak_memory()
        again = build(ingestor, base.id)
        passes = bare(embedders, texts_of(database, embedders))
        report(first, again, passes, options.embedders[0])
        print(f"{share:.0%} of the build's wall time were passes of its embedders")
        print(f"peak memory of the building process {memory:.0f} MB")
        database.close()


def peak_memory() -> float:
    """Megabytes that this process held at most so far."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1024 ** (2 if sys.platform == "darwin" else 1)


def report(
    first: Mapping[str, tuple[float, float]],
    again: Mapping[str, tuple[float, float]],
    passes: tuple[float, float],
    fastest: str,
) -> None:
    for number, kind in enumerate(("wall", "CPU")):
        whole = first["all"][number]
        print(f"{kind} seconds: build {whole:.1f}, bare passes {passes[number]:.1f}, again {again['all'][number]:.2f}")
        print(f"  rate against the bare passes {passes[number] / whole:.2f} (bar .85)")
        print(f"  found by words at {first['words'][number] / whole:.1%} (bar 10 %)")
        print(f"  found by meaning at {first[f'vectors:{fastest}'][number] / whole:.1%} (bar 30 %)")
        print(f"  building again {whole / again['all'][number]:.0f} times faster (bar 50)")


if __name__ == "__main__":
    main()
