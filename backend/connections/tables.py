"""Connections to platforms, in the backend's own metadata."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, Integer, String, Table, UniqueConstraint

from backend.db.tables import metadata
from knowledge.storage.columns import Moment, StorableJSON, StorableText, id_column

connections = Table(
    "connections",
    metadata,
    id_column("id", primary_key=True),
    Column("workspace_id", String(32), nullable=False),
    Column("owner_id", String(32), nullable=False),
    Column("name", String(100), nullable=False),
    Column("kind", String(50), nullable=False),
    Column("base_url", StorableText, nullable=False),
    Column("auth", StorableJSON, nullable=False),
    Column("tls", StorableJSON, nullable=False),
    Column("allow_private", Boolean, nullable=False),
    Column("timeout_s", Float, nullable=False),
    Column("concurrency", Integer, nullable=False),
    Column("per_minute", Integer, nullable=False),
    id_column("secret_id", ForeignKey("secrets.id"), nullable=True),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    UniqueConstraint("workspace_id", "name"),
)
"""`auth` and `tls` hold what may be shown (a user's name, a certificate); the rest is one secret of parts."""
