"""What can only be seen with everything wired together: embedders, and whether all that is kept agrees."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from backend.operations.doctor.findings import Finding
from backend.settings import Settings

if TYPE_CHECKING:
    from backend.bootstrap import Container


def contents(settings: Settings) -> Iterator[Finding]:
    """What can only be seen with everything wired together."""
    from backend.bootstrap import build
    from knowledge.errors import InvalidInput

    try:
        container = build(settings)
    except InvalidInput as error:
        yield Finding(name="Settings", status="failed", detail=str(error), advice="Correct the setting it names.")
        return
    try:
        yield from _embedders(container)
        yield from _invariants(container)
    finally:
        container.close()


def _embedders(container: Container) -> Iterator[Finding]:
    from knowledge.errors import KnowledgeError

    for name, embedder in container.embedders.items():
        begun = time.perf_counter()
        try:
            vector = embedder.embed_query("How do I roll back a deployment?")
        except KnowledgeError as error:
            advice = "Install the package again, or correct CHATBOT_EMBEDDERS."
            yield Finding(name=f"Embedder {name}", status="failed", detail=str(error), advice=advice)
            continue
        took = time.perf_counter() - begun
        languages = ", ".join(sorted(embedder.languages))
        detail = f"{vector.shape[0]} dimensions, {languages}; {embedder.engine}; loaded and asked in {took:.1f} s"
        yield Finding(name=f"Embedder {name}", status="ok", detail=detail)


def _invariants(container: Container) -> Iterator[Finding]:
    from sqlalchemy.exc import SQLAlchemyError

    from backend.migrations import current_revision, head_revision
    from knowledge.ingestion.invariants import check_invariants

    name = "Documents"
    try:
        if current_revision(container.database) != head_revision():
            return
        broken = check_invariants(
            container.database, container.projections, blobs=container.blobs, embedders=container.embedders
        )
    except SQLAlchemyError:
        return  # said of the database already
    if broken:
        advice = "devops-chatbot kb rebuild NAME; if it stays so, please report it with this output."
        yield Finding(name=name, status="failed", detail=" ".join(broken[:5]), advice=advice)
    else:
        yield Finding(name=name, status="ok", detail="chunks, vectors, files and indexes agree with one another")
