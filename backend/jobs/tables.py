"""Jobs, what happened to them, and the workers that run them, in the backend's own metadata."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
)

from backend.db.tables import metadata
from knowledge.storage.columns import Moment, StorableJSON, StorableText

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("workspace_id", String(32), nullable=False),
    Column("owner_id", String(32), nullable=False),
    Column("kind", String(50), nullable=False),
    Column("knowledge_base_id", String(32), nullable=True),
    Column("arguments", StorableJSON, nullable=False),
    Column("idempotency_key", String(255), nullable=True),
    Column("status", String(20), nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("stages", StorableJSON, nullable=False),
    Column("error", StorableText, nullable=False),
    Column("error_code", String(100), nullable=False),
    Column("failures", StorableJSON, nullable=False),
    Column("failure_count", Integer, nullable=False),
    Column("result", StorableJSON, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("last_event_id", BigInteger, nullable=False),
    # What follows is between the workers; users never see it.
    Column("round", Integer, nullable=False),
    Column("submitted", Boolean, nullable=False),
    Column("worker_id", String(100), nullable=False),
    Column("reached", BigInteger, nullable=False),
    Column("crash_reached", BigInteger, nullable=False),
    Column("crashes", Integer, nullable=False),
    Column("told_stuck", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("started_at", Moment, nullable=True),
    Column("finished_at", Moment, nullable=True),
    Column("heartbeat_at", Moment, nullable=True),
    UniqueConstraint("workspace_id", "owner_id", "idempotency_key"),
    Index(None, "workspace_id", "owner_id", "id"),
    Index(None, "knowledge_base_id", "id"),
    Index(None, "status", "submitted"),
)
"""`round` counts the engine's workflows of a job (a retry is a new one), `attempt` how often a worker took it up.

`submitted`: the engine has a workflow of this round. `worker_id` and `attempt` fence: a worker that was given up for
dead and wakes again finds that they have changed, and writes nothing more. `reached` is the largest sum of items done
ever seen, `crashes` how many attempts in a row ended without a word and without getting beyond `crash_reached`.
"""

job_events = Table(
    "job_events",
    metadata,
    Column("job_id", String(32), ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("kind", String(50), nullable=False),
    Column("data", StorableText, nullable=False),
    Column("created_at", Moment, nullable=False),
    PrimaryKeyConstraint("job_id", "seq"),
    sqlite_with_rowid=False,
)

workers = Table(
    "workers",
    metadata,
    Column("id", String(100), primary_key=True),
    Column("host", String(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("process_started", Float, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("heartbeat_at", Moment, nullable=False),
)
"""`host`, `pid` and `process_started` let a worker on the same machine see at once that another was killed."""
