"""Models know how they call tools, where that was found out or said."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("models", sa.Column("tool_calls", sa.String(length=10), nullable=True))


def downgrade() -> None:
    op.drop_column("models", "tool_calls")
