"""Sessions of the sandbox: which process holds each, and how it ended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sandbox_sessions",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("workspace_id", sa.String(length=32), nullable=False),
        sa.Column("owner_id", sa.String(length=32), nullable=False),
        sa.Column("process_id", sa.String(length=32), nullable=False),
        sa.Column("adapter", sa.String(length=20), nullable=False),
        sa.Column("language", sa.String(length=20), nullable=False),
        sa.Column("run_count", sa.Integer(), nullable=False),
        sa.Column("end_reason", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sandbox_sessions")),
    )
    with op.batch_alter_table("sandbox_sessions") as batch:
        batch.create_index(
            batch.f("ix_sandbox_sessions_workspace_id_owner_id_created_at"),
            ["workspace_id", "owner_id", "created_at"],
        )


def downgrade() -> None:
    op.drop_table("sandbox_sessions")
