"""Conversations can be pinned and tagged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from knowledge.storage.columns import id_column

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("threads", sa.Column("pinned", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "thread_tags",
        id_column(
            "thread_id",
            sa.ForeignKey("threads.id", name="fk_thread_tags_thread_id_threads", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("tag", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("thread_id", "tag", name="pk_thread_tags"),
    )


def downgrade() -> None:
    op.drop_table("thread_tags")
    op.drop_column("threads", "pinned")
