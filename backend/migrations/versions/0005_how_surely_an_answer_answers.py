"""A message says how surely it answers in one of three words, where it said whether it does."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("verdict", sa.String(20), nullable=True))
    op.execute(
        "UPDATE messages SET verdict = CASE WHEN answered THEN 'answered' ELSE 'nothing' END WHERE answered IS NOT NULL"
    )
    op.drop_column("messages", "answered")


def downgrade() -> None:
    op.add_column("messages", sa.Column("answered", sa.Boolean(), nullable=True))
    op.execute("UPDATE messages SET answered = (verdict = 'answered') WHERE verdict IS NOT NULL")
    op.drop_column("messages", "verdict")
