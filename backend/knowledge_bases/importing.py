"""Making a knowledge base of an export, however it came: all of it is checked and stored, then built by a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from backend.jobs.types import Job
from knowledge.portable import Import
from knowledge.types import KnowledgeBase, Scope

if TYPE_CHECKING:
    from backend.bootstrap import Container


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedding:
    """The embedders of an imported base: those `chosen`, and those of the export that are not configured here."""

    chosen: tuple[str, ...]
    missing: tuple[str, ...]


def embedding_of(container: Container, opened: Import) -> Embedding:
    """Those of the export that there are here; where there is none of them, those of new bases."""
    wanted = opened.manifest.embedders
    known = [each for each in wanted if each in container.embedders]
    chosen = container.checked_embedders(known if known or not wanted else None)
    return Embedding(chosen=chosen, missing=tuple(each for each in wanted if each not in known))


def begin_import(
    connection: Connection, container: Container, scope: Scope, opened: Import, name: str
) -> tuple[KnowledgeBase, Job]:
    """The base with all its documents, and the job that builds it; the same import that was broken off goes on. What it
    holds must be stored and held. Raises NameTaken, InvalidInput."""
    base = opened.begun(connection, scope, name)
    if base is None:
        chosen = embedding_of(container, opened).chosen
        base = opened.make_base(connection, scope, name, container.embedders, chosen)
    return base, container.jobs.enqueue(connection, scope, "build", {"source_ids": []}, knowledge_base_id=base.id)
