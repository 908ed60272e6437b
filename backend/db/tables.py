"""The backend's own tables. Ids are 32 hex characters in time order; times are UTC."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    false,
)

from knowledge.storage.columns import NAMING_CONVENTION, Moment, StorableJSON, StorableText, id_column

metadata = MetaData(naming_convention=NAMING_CONVENTION)


def _owned() -> list[Column[str]]:
    """The columns that every row has that belongs to somebody."""
    return [
        Column("workspace_id", String(32), nullable=False),
        Column("owner_id", String(32), nullable=False),
    ]


users = Table(
    "users",
    metadata,
    id_column("id", primary_key=True),
    Column("workspace_id", String(32), nullable=False),
    Column("name", String(200), nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("workspace_id", "name"),
)

threads = Table(
    "threads",
    metadata,
    id_column("id", primary_key=True),
    *_owned(),
    Column("title", StorableText, nullable=False),
    Column("knowledge_bases", StorableJSON, nullable=False),
    Column("last_seq", BigInteger, nullable=False, server_default="0"),
    Column("pinned", Boolean, nullable=False, server_default=false()),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Index(None, "workspace_id", "owner_id", "updated_at", "id"),
)
"""`last_seq` is the number of its newest message."""

messages = Table(
    "messages",
    metadata,
    id_column("id", primary_key=True),
    id_column("thread_id", ForeignKey("threads.id", ondelete="CASCADE"), nullable=False),
    id_column("parent_id", nullable=True),
    Column("seq", BigInteger, nullable=False, server_default="0"),
    Column("role", String(20), nullable=False),
    Column("text", StorableText, nullable=False),
    id_column("run_id", nullable=True),
    Column("status", String(20), nullable=False),
    Column("mode", String(20), nullable=True),
    Column("model", StorableText, nullable=False),
    Column("verdict", String(20), nullable=True),
    Column("error", StorableText, nullable=False),
    Column("citations", StorableJSON, nullable=False),
    Column("uncited", StorableJSON, nullable=False),
    Column("nearest", StorableJSON, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index(None, "thread_id", "seq", unique=True),
)
"""`seq` counts the messages of a thread from 1 in the order they were added, whatever the clocks of the machines say
that made their ids: a parent comes before its answers."""

runs = Table(
    "runs",
    metadata,
    id_column("id", primary_key=True),
    *_owned(),
    id_column("thread_id", ForeignKey("threads.id", ondelete="CASCADE"), nullable=False),
    id_column("message_id", nullable=False),
    id_column("user_message_id", nullable=False),
    Column("phase", String(100), nullable=False),
    Column("status", String(20), nullable=False),
    Column("mode", String(20), nullable=True),
    Column("model", StorableText, nullable=False),
    Column("error", StorableText, nullable=False),
    Column("error_code", String(100), nullable=False),
    Column("request", StorableJSON, nullable=False),
    Column("waiting_for", StorableJSON, nullable=True),
    Column("attempt", Integer, nullable=False),
    Column("resumes", Integer, nullable=False, server_default="0"),
    Column("cancel_requested", Boolean, nullable=False),
    Column("lease_owner", String(200), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("finished_at", Moment, nullable=True),
    Index(None, "thread_id"),
    Index(None, "status", "lease_owner"),
)
"""`request` is the RunSpec, which any process needs to run it again; a key given for this run only is wiped from it at
its end. `waiting_for` is what a run with the status `waiting` asks for; `resumes` counts the attempts that an answer
began, and no crash."""

run_events = Table(
    "run_events",
    metadata,
    id_column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("kind", String(50), nullable=False),
    Column("data", StorableText, nullable=False),
    PrimaryKeyConstraint("run_id", "seq"),
    sqlite_with_rowid=False,
)
"""`data` is the event's JSON as it was sent; `seq` counts from 1 without gaps and is the SSE id."""

run_journal = Table(
    "run_journal",
    metadata,
    id_column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("key", String(500), nullable=False),
    Column("value", StorableText, nullable=False),
    Column("created_at", Moment, nullable=False),
    PrimaryKeyConstraint("run_id", "key"),
    sqlite_with_rowid=False,
)
"""What a run has done for good, as JSON by the key of the step; written in one transaction with the events that tell of
it, and gone when the run has ended."""

feedback = Table(
    "feedback",
    metadata,
    id_column("message_id", ForeignKey("messages.id", ondelete="CASCADE"), nullable=False),
    *_owned(),
    Column("rating", String(10), nullable=False),
    Column("reasons", StorableJSON, nullable=False),
    Column("comment", StorableText, nullable=False),
    Column("updated_at", Moment, nullable=False),
    PrimaryKeyConstraint("message_id", "owner_id"),
)

secrets = Table(
    "secrets",
    metadata,
    id_column("id", primary_key=True),
    *_owned(),
    Column("purpose", String(50), nullable=False),
    Column("label", StorableText, nullable=False),
    Column("origin", StorableText, nullable=False),
    Column("scheme", String(20), nullable=False),
    Column("value", StorableText, nullable=False),
    Column("created_at", Moment, nullable=False),
)
"""`value` is sealed. It is sent to `origin` alone, as `scheme` says; `label` is what users call the thing it is for."""

sessions = Table(
    "sessions",
    metadata,
    Column("id_hash", String(64), primary_key=True),
    Column("workspace_id", String(32), nullable=False),
    Column("user_id", String(32), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
)
"""Browsers that gave the token. Hashes alone are kept: a copy of the table opens nothing. A row goes at log-out, and
some time after `expires_at`."""

artifacts = Table(
    "artifacts",
    metadata,
    id_column("id", primary_key=True),
    *_owned(),
    id_column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), nullable=True, index=True),
    Column("name", StorableText, nullable=False),
    Column("media_type", String(200), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("content_hash", String(64), nullable=False, index=True),
    Column("created_at", Moment, nullable=False),
)
"""Files that a question brings along or a run makes; the content is a blob of the artifacts' own store. Without a
`run_id` it belongs to no run yet."""

models = Table(
    "models",
    metadata,
    id_column("id", primary_key=True),
    *_owned(),
    Column("name", String(200), nullable=False),
    Column("base_url", StorableText, nullable=False),
    id_column("secret_id", ForeignKey("secrets.id"), nullable=True),
    Column("model", StorableText, nullable=False),
    Column("tool_calls", String(10), nullable=True),
    Column("is_default", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("workspace_id", "name"),
)
"""`tool_calls`: how it calls tools, as somebody said or a test found; NULL while that is not known."""

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    *_owned(),
    Column("key", String(255), nullable=False),
    Column("route", String(500), nullable=False),
    Column("body_hash", String(64), nullable=False),
    Column("response", StorableText, nullable=False),
    Column("created_at", Moment, nullable=False, index=True),
    PrimaryKeyConstraint("workspace_id", "owner_id", "key"),
)
"""Written in the transaction that made what `response` describes, so an answer is remembered exactly if it is true."""

marks = Table(
    "marks",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("created_at", Moment, nullable=False),
)
"""Things that happen once in the life of an installation, such as making the sample knowledge base."""
