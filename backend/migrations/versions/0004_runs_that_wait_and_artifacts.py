"""Messages are numbered within their thread, runs can wait, and files belong to runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # No table is made anew: on SQLite that would delete its rows, and with them what refers to them.
    op.add_column("threads", sa.Column("last_seq", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("messages", sa.Column("seq", sa.BigInteger(), nullable=False, server_default="0"))
    _number_messages()
    op.drop_index("ix_messages_thread_id_id", table_name="messages")
    op.create_index("ix_messages_thread_id_seq", "messages", ["thread_id", "seq"], unique=True)
    op.add_column("runs", sa.Column("waiting_for", sa.JSON(), nullable=True))
    op.add_column("runs", sa.Column("resumes", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "artifacts",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("workspace_id", sa.String(length=32), nullable=False),
        sa.Column("owner_id", sa.String(length=32), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.String(length=200), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_artifacts_run_id_runs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifacts")),
    )
    op.create_index("ix_artifacts_run_id", "artifacts", ["run_id"])
    op.create_index("ix_artifacts_content_hash", "artifacts", ["content_hash"])


def downgrade() -> None:
    op.drop_table("artifacts")
    op.drop_column("runs", "resumes")
    op.drop_column("runs", "waiting_for")
    op.drop_index("ix_messages_thread_id_seq", table_name="messages")
    op.create_index("ix_messages_thread_id_id", "messages", ["thread_id", "id"])
    op.drop_column("messages", "seq")
    op.drop_column("threads", "last_seq")


def _number_messages() -> None:
    """Number what is there as it was shown, by id, but each message after the one it follows."""
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT thread_id, id, parent_id FROM messages ORDER BY thread_id, id")).all()
    numbered: list[dict[str, Any]] = []
    lengths: list[dict[str, Any]] = []
    for thread_id, of_thread in groupby(rows, key=lambda row: row.thread_id):
        ids = list(_in_order(list(of_thread)))
        numbered += [{"id": message_id, "seq": seq} for seq, message_id in enumerate(ids, start=1)]
        lengths.append({"id": thread_id, "seq": len(ids)})
    if numbered:
        connection.execute(sa.text("UPDATE messages SET seq = :seq WHERE id = :id"), numbered)
        connection.execute(sa.text("UPDATE threads SET last_seq = :seq WHERE id = :id"), lengths)


def _in_order(rows: Sequence[Any]) -> Iterator[str]:
    """The ids of a thread's messages, parents first, otherwise in the order given."""
    parents = {row.id: row.parent_id for row in rows}
    done: set[str] = set()
    for row in rows:
        chain: list[str] = []
        each: str | None = row.id
        while each is not None and each in parents and each not in done and each not in chain:
            chain.append(each)
            each = parents[each]
        done.update(chain)
        yield from reversed(chain)
