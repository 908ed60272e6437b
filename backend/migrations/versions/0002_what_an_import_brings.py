"""What an import brings along is noted at its knowledge base until it has been taken over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("knowledge_bases", sa.Column("brought", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("knowledge_bases", "brought")
