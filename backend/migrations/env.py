"""Alembic runs this for every command: which tables there should be, and on which connection it works."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

# Each adds its tables to the backend's metadata.
import backend.approvals.tables
import backend.connections.tables
import backend.evaluation.tables
import backend.jobs.tables
import backend.phases.tables
import backend.processes.tables
import backend.sandboxes.tables
import backend.threads.tags
import backend.tool_sources.tables
import backend.tools.tables  # noqa: F401
import knowledge.storage.tables
from backend.db.tables import metadata
from knowledge.storage.columns import Moment, StorableJSON, StorableText

_PLAIN = {Moment: "sa.DateTime(timezone=True)", StorableText: "sa.Text()", StorableJSON: "sa.JSON()"}


def render_plainly(kind: str, thing: Any, autogen_context: AutogenContext) -> str | Literal[False]:
    """Our column types as what they are in the database: a revision must not change when our code does."""
    return _PLAIN.get(type(thing), False) if kind == "type" else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=[knowledge.storage.tables.metadata, metadata],
    render_item=render_plainly,
    render_as_batch=True,
    compare_type=True,
    # The caller's transaction holds it all, on SQLite too.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
