"""Phases of users and their versions, in the backend's own metadata."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, PrimaryKeyConstraint, String, Table, UniqueConstraint

from backend.db.tables import metadata
from knowledge.storage.columns import Moment, StorableText, id_column

phases = Table(
    "phases",
    metadata,
    id_column("id", primary_key=True),
    Column("workspace_id", String(32), nullable=False),
    Column("owner_id", String(32), nullable=False),
    Column("name", String(48), nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    UniqueConstraint("workspace_id", "name"),
)
"""`version` is the newest; a name that is used again after a deletion has another id."""

phase_versions = Table(
    "phase_versions",
    metadata,
    id_column("phase_id", ForeignKey("phases.id", ondelete="CASCADE"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("text", StorableText, nullable=False),
    Column("comment", StorableText, nullable=False),
    Column("author_id", String(32), nullable=False),
    Column("created_at", Moment, nullable=False),
    PrimaryKeyConstraint("phase_id", "version"),
)
"""`version` counts from 1 without gaps."""
