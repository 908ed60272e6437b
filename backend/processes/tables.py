"""The processes that share the database, in the backend's own metadata."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, String, Table

from backend.db.tables import metadata
from knowledge.storage.columns import Moment

processes = Table(
    "processes",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("host", String(255), nullable=False),
    Column("boot_id", String(64), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("start_ticks", BigInteger, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("heartbeat_at", Moment, nullable=False),
)
"""`host` (with its pid namespace) and `boot_id` say whose kernel knows the process, `pid` and `start_ticks` which it is
there. The moments are the database's."""
