"""The engines that follow the log of changes: one line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from knowledge.indexes.lexical_fts import FtsIndex
from knowledge.indexes.lexical_projection import WORDS, LexicalProjection
from knowledge.indexes.vector_projection import VectorProjection
from knowledge.ports import Projection


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where projections of a knowledge base are made: its present embedders, and a folder for its files."""

    knowledge_base_id: str
    folder: Path
    embedders: tuple[str, ...]


Engine = Callable[[Place], Mapping[str, Callable[[], Projection]]]
"""The projections that an engine has of a base, by name, as calls that open them."""


def full_text(place: Place) -> Mapping[str, Callable[[], Projection]]:
    """SQLite FTS5: the words of all documents."""
    return {WORDS: lambda: LexicalProjection(place.knowledge_base_id, FtsIndex(place.folder / "words.db"))}


def faiss(place: Place) -> Mapping[str, Callable[[], Projection]]:
    """FAISS: for each embedder a replica of its vectors in this process."""
    return {name: partial(VectorProjection, place.knowledge_base_id, name) for name in place.embedders}


ENGINES: tuple[Engine, ...] = (
    full_text,
    faiss,
)
