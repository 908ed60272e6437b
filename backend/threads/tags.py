"""Tags of conversations: short names by which their owner sorts them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Column, Connection, ForeignKey, PrimaryKeyConstraint, String, Table, delete, func, insert, select

from backend.db.tables import metadata, threads
from knowledge.storage.columns import id_column
from knowledge.storage.documents import in_portions
from knowledge.types import Scope

LONGEST_TAG = 40
MOST_TAGS = 10
"""Of one conversation."""

thread_tags = Table(
    "thread_tags",
    metadata,
    id_column("thread_id", ForeignKey("threads.id", ondelete="CASCADE"), nullable=False),
    Column("tag", String(LONGEST_TAG), nullable=False),
    PrimaryKeyConstraint("thread_id", "tag"),
)


def tags_of(connection: Connection, thread_ids: Collection[str]) -> Mapping[str, tuple[str, ...]]:
    """The tags of each of these conversations, by name; those without any are left out."""
    found: dict[str, list[str]] = {}
    for portion in in_portions(thread_ids):
        query = select(thread_tags).where(thread_tags.c.thread_id.in_(portion)).order_by(thread_tags.c.tag)
        for row in connection.execute(query):
            found.setdefault(row.thread_id, []).append(row.tag)
    return {thread_id: tuple(tags) for thread_id, tags in found.items()}


def set_tags(connection: Connection, thread_id: str, tags: Sequence[str]) -> None:
    """The conversation has these tags and no others: each once, without blanks around it."""
    connection.execute(delete(thread_tags).where(thread_tags.c.thread_id == thread_id))
    plain = dict.fromkeys(" ".join(tag.split())[:LONGEST_TAG] for tag in tags)
    rows = [{"thread_id": thread_id, "tag": tag} for tag in plain if tag]
    if rows:
        connection.execute(insert(thread_tags), rows)


def all_tags(connection: Connection, scope: Scope) -> list[tuple[str, int]]:
    """The tags of all conversations of a user, with how many each has, by name."""
    mine = (threads.c.workspace_id == scope.workspace_id, threads.c.owner_id == scope.user_id)
    query = select(thread_tags.c.tag, func.count().label("used")).join(threads).where(*mine)
    rows = connection.execute(query.group_by(thread_tags.c.tag).order_by(thread_tags.c.tag))
    return [(row.tag, row.used) for row in rows]
