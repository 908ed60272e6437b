"""The question files that evaluations ask, in the backend's own metadata."""

from __future__ import annotations

from sqlalchemy import Column, PrimaryKeyConstraint, String, Table

from backend.db.tables import metadata
from knowledge.storage.columns import Moment, StorableText

question_files = Table(
    "question_files",
    metadata,
    Column("workspace_id", String(32), nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("content", StorableText, nullable=False),
    Column("created_at", Moment, nullable=False),
    PrimaryKeyConstraint("workspace_id", "content_hash"),
)
"""One row for one content, however often it is asked: `content` is a JSON object a line."""
