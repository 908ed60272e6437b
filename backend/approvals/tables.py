"""What people were asked, and what they decided, in the backend's own metadata."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table

from backend.db.tables import metadata
from knowledge.storage.columns import Moment, StorableJSON, StorableText

approvals = Table(
    "approvals",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("workspace_id", String(32), nullable=False),
    Column("owner_id", String(32), nullable=False),
    Column("run_id", String(32), ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("tool", String(200), nullable=False),
    Column("arguments", StorableJSON, nullable=False),
    Column("arguments_hash", String(64), nullable=False),
    Column("parameters", StorableJSON, nullable=False),
    Column("reason", StorableText, nullable=False),
    Column("risk", String(20), nullable=False),
    Column("round", Integer, nullable=False),
    Column("requested_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("decision", String(20), nullable=False, server_default=""),
    Column("comment", StorableText, nullable=False),
    Column("edited", StorableJSON, nullable=True),
    Column("decided_by", String(200), nullable=False, server_default=""),
    Column("decided_at", Moment, nullable=True),
    Index(None, "run_id"),
    Index(None, "decision", "expires_at"),
)
"""`tool` is empty for a question to the person. `decision` is empty until one is made, once and for all: approve,
reject, or expired. `edited` are the arguments that were approved instead of those that were asked about."""
