"""The tables of tools, in the backend's own metadata."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, PrimaryKeyConstraint, String, Table

from backend.db.tables import metadata
from knowledge.storage.columns import Moment, StorableJSON, StorableText, id_column

tool_policies = Table(
    "tool_policies",
    metadata,
    Column("workspace_id", String(32), nullable=False),
    Column("tool", String(64), nullable=False),
    Column("setting", String(10), nullable=False),
    Column("source", StorableText, nullable=False),
    Column("risk", String(20), nullable=False),
    Column("changed_by", String(32), nullable=False),
    Column("changed_at", Moment, nullable=False),
    PrimaryKeyConstraint("workspace_id", "tool"),
)
"""What an operator decided for a tool, which was of this source and risk then."""

tool_approvals = Table(
    "tool_approvals",
    metadata,
    id_column("id", primary_key=True),
    Column("workspace_id", String(32), nullable=False),
    Column("owner_id", String(32), nullable=False),
    Column("tool", String(64), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("arguments", StorableText, nullable=False),
    Column("shown", StorableJSON, nullable=False),
    Column("round", Integer, nullable=False),
    Column("rounds", Integer, nullable=False),
    Column("status", String(10), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
)
"""Calls outside runs that a person must decide on. `arguments` are sealed, `shown` are they with secrets masked. A row
is decided on once."""

audit_calls = Table(
    "audit_calls",
    metadata,
    id_column("id", primary_key=True),
    Column("workspace_id", String(32), nullable=False),
    Column("user_id", String(32), nullable=False),
    Column("origin", String(20), nullable=False),
    Column("run_id", String(32), nullable=False),
    Column("thread_id", String(32), nullable=False),
    Column("call_id", StorableText, nullable=False),
    Column("tool", String(64), nullable=False),
    Column("source", StorableText, nullable=False),
    Column("risk", String(20), nullable=False),
    Column("arguments", StorableJSON, nullable=False),
    Column("decision", String(20), nullable=False),
    Column("decided_by", StorableText, nullable=False),
    Column("started_at", Moment, nullable=False, index=True),
    Column("deadline_at", Moment, nullable=False),
    Index(None, "workspace_id", "id"),
    Index(None, "workspace_id", "tool", "id"),
)
"""Calls, each written before it was made; rows are added, and go with age alone. A run that is deleted leaves its calls
here. After `deadline_at` a call that has no end has none any more: whoever made it died."""

audit_ends = Table(
    "audit_ends",
    metadata,
    id_column("audit_id", ForeignKey("audit_calls.id", ondelete="CASCADE"), primary_key=True),
    Column("status", String(20), nullable=False),
    Column("finished_at", Moment, nullable=False),
    Column("duration_ms", Float, nullable=False),
    Column("output_size", BigInteger, nullable=False),
    Column("output_hash", String(64), nullable=False),
)
"""How calls ended: once each. Of the output its size in bytes and SHA-256."""
