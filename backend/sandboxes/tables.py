"""Sessions of the sandbox, in the backend's own metadata: which process holds each, and how it ended."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, String, Table

from backend.db.tables import metadata
from knowledge.storage.columns import Moment

sandbox_sessions = Table(
    "sandbox_sessions",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("workspace_id", String(32), nullable=False),
    Column("owner_id", String(32), nullable=False),
    Column("process_id", String(32), nullable=False),
    Column("adapter", String(20), nullable=False),
    Column("language", String(20), nullable=False),
    Column("run_count", Integer, nullable=False),
    Column("end_reason", String(20), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("last_used_at", Moment, nullable=False),
    Column("ended_at", Moment, nullable=True),
    Index(None, "workspace_id", "owner_id", "created_at"),
)
"""A row of an open session has no `ended_at`; what a process that died held is ended by whichever lives."""
