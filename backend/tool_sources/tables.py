"""Sources of tools, in the backend's own metadata."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Integer, String, Table, UniqueConstraint

from backend.connections.tables import connections
from backend.db.tables import metadata
from knowledge.storage.columns import Moment, StorableJSON, StorableText, id_column

tool_sources = Table(
    "tool_sources",
    metadata,
    id_column("id", primary_key=True),
    Column("workspace_id", String(32), nullable=False),
    Column("owner_id", String(32), nullable=False),
    Column("name", String(100), nullable=False),
    Column("kind", String(20), nullable=False),
    id_column("connection_id", ForeignKey(connections.c.id, ondelete="CASCADE"), nullable=True),
    Column("enabled", Boolean, nullable=False),
    Column("options", StorableJSON, nullable=False),
    Column("definition", StorableText, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    UniqueConstraint("workspace_id", "name"),
)
"""`definition` is what the tools are made of: YAML as written, JSON as read from a document or an MCP server. `version`
grows with every change, so that what was made of it is known to be old."""
