"""Chunks know which rows of a sheet they are made from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A constant default is no rewrite of the table, on either database.
    op.add_column("chunks", sa.Column("rows", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("chunks", "rows")
