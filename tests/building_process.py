"""Builds a knowledge base in a process of its own, to be killed there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from knowledge.embedding.hashing import HashingEmbedder
from knowledge.ports import Vectors
from knowledge.storage.database import Database
from knowledge.types import Scope
from tests.workshop import Workshop


class SlowEmbedder(HashingEmbedder):
    """Takes a while for each text, as models do."""

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        time.sleep(0.001 * len(texts))
        return super().embed_documents(texts)


def build(url: str, folder: str, base_id: str, begun: Connection) -> None:
    """Build a base to the end, and say when the work begins."""
    database = Database(url)
    embedders = {"fast": SlowEmbedder(name="fast", dimension=32), "english": SlowEmbedder(name="english", dimension=48)}
    workshop = Workshop(database, Path(folder), embedders=embedders)
    begun.send(True)
    for _ in workshop.ingestor.build(Scope(workspace_id="local", user_id="local"), base_id):
        pass
