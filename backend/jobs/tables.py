"""Jobs, what is to be done and what happened, in the backend's own metadata."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
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
    Column("worker_id", String(100), nullable=False),
    Column("crash_reached", BigInteger, nullable=False),
    Column("crashes", Integer, nullable=False),
    Column("told_stuck", Boolean, nullable=False),
    Column("run_at", Moment, nullable=True),
    Column("created_at", Moment, nullable=False),
    Column("started_at", Moment, nullable=True),
    Column("finished_at", Moment, nullable=True),
    Column("heartbeat_at", Moment, nullable=True),
    UniqueConstraint("workspace_id", "owner_id", "idempotency_key"),
    Index(None, "workspace_id", "owner_id", "id"),
    Index(None, "knowledge_base_id", "id"),
    Index(None, "status"),
)
"""`round` counts the engine's workflows of a job, `attempt` how often a worker took it up. `worker_id` (a process) and
`attempt` fence: a worker that was given up for dead and wakes again finds that they have changed, and writes nothing
more. `crashes` is how many attempts in a row ended without a word and with no more items done than `crash_reached`."""

job_arguments = Table(
    "job_arguments",
    metadata,
    Column("job_id", String(32), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("arguments", StorableJSON, nullable=False),
)
"""What is to be done. Apart from the jobs, which are listed and followed all the time: only workers read this."""

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
