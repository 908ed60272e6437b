"""The first start: the product's own user guide becomes a knowledge base, so that there is something to ask."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import structlog
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from backend.accounts.guard import LOCAL
from backend.bootstrap import Container
from backend.db.tables import marks, users
from backend.knowledge_bases.selection import SAMPLE_DESCRIPTION, SAMPLE_NAME
from backend.settings import Settings
from knowledge.embedding import BUILT_IN
from knowledge.errors import EmbedderUnavailable
from knowledge.storage.bases import KnowledgeBaseStore, SourceStore

MARK = "sample_guide"

log = structlog.get_logger(__name__)


def make_sample(container: Container) -> None:
    """Make the guide a knowledge base if this installation never had one; whoever deletes it does not get it again."""
    # Another process starting at the same moment has done it: the mark is a primary key.
    with suppress(IntegrityError), container.database.write() as connection:
        _make_local_user(connection)
        if connection.execute(select(marks).where(marks.c.name == MARK)).first() is not None:
            return
        connection.execute(insert(marks).values(name=MARK, created_at=datetime.now(UTC)))
        store = KnowledgeBaseStore(connection, LOCAL)
        folder = guide_folder(container.settings)
        if not container.settings.sample_guide or folder is None or store.page(limit=1)[0]:
            return
        base = store.create(SAMPLE_NAME, description=SAMPLE_DESCRIPTION, embedders=container.checked_embedders(None))
        source = SourceStore(connection, base).add("folder", str(folder))
        container.jobs.enqueue(connection, LOCAL, "build", {"source_ids": [source.id]}, knowledge_base_id=base.id)
        log.info("sample knowledge base is being made", folder=str(folder))


def guide_folder(settings: Settings) -> Path | None:
    """Where the user guide is: as the settings say, in the package, or in the checkout that the package is part of."""
    package = Path(str(files("backend")))
    for folder in (settings.guide_dir, package / "guide", package.parent / "docs" / "guide"):
        if folder is not None and folder.expanduser().is_dir():
            return folder.expanduser().absolute()
    return None


def warm_up(container: Container) -> None:
    """Load what the first question needs, so that it is answered as fast as the second."""
    container.prepare()
    for name in BUILT_IN:
        embedder = container.embedders.get(name)
        if embedder is not None:
            try:
                embedder.embed_query("ready")
            except EmbedderUnavailable as error:
                log.warning("embedder not ready", embedder=name, reason=str(error))


def _make_local_user(connection: Connection) -> None:
    if connection.execute(select(users).where(users.c.id == LOCAL.user_id)).first() is None:
        connection.execute(
            insert(users).values(
                id=LOCAL.user_id, workspace_id=LOCAL.workspace_id, name="local", created_at=datetime.now(UTC)
            )
        )
