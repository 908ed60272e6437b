"""Secrets stand in a table of their own, bound to where they may be sent; sessions of browsers can be ended."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "secrets",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("workspace_id", sa.String(length=32), nullable=False),
        sa.Column("owner_id", sa.String(length=32), nullable=False),
        sa.Column("purpose", sa.String(length=50), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("scheme", sa.String(length=20), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_secrets")),
    )
    op.create_table(
        "sessions",
        sa.Column("id_hash", sa.String(length=64), nullable=False),
        sa.Column("workspace_id", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id_hash", name=op.f("pk_sessions")),
    )
    with op.batch_alter_table("sessions") as batch:
        batch.create_index(batch.f("ix_sessions_expires_at"), ["expires_at"])
    with op.batch_alter_table("models") as batch:
        batch.add_column(sa.Column("secret_id", sa.String(length=32), nullable=True))
        batch.create_foreign_key(batch.f("fk_models_secret_id_secrets"), "secrets", ["secret_id"], ["id"])
    _move_keys()
    with op.batch_alter_table("models") as batch:
        batch.drop_column("api_key")


def _move_keys() -> None:
    """Each key with the origin of the address it stands beside; credentials in an address become its secret."""
    connection = op.get_bind()
    models = sa.table(
        "models",
        *(sa.column(name) for name in ("id", "workspace_id", "owner_id", "name", "base_url", "api_key", "model")),
        sa.column("secret_id"),
    )
    secrets = sa.table(
        "secrets",
        *(sa.column(name) for name in ("id", "workspace_id", "owner_id", "purpose", "label", "origin", "scheme")),
        sa.column("value"),
        sa.column("created_at", sa.DateTime(timezone=True)),
    )
    for row in connection.execute(sa.select(models)).all():
        url, origin, userinfo = _parts(row.base_url, row.model)
        value = userinfo or row.api_key
        if value:
            connection.execute(
                sa.insert(secrets).values(
                    id=row.id,
                    workspace_id=row.workspace_id,
                    owner_id=row.owner_id,
                    purpose="model",
                    label=row.name,
                    origin=origin,
                    scheme="basic" if userinfo else "bearer",
                    value=value,
                    created_at=datetime.now(UTC),
                )
            )
            changed = {"secret_id": row.id, "base_url": url}
            connection.execute(sa.update(models).where(models.c.id == row.id).values(**changed))


def _parts(base_url: str, model: str) -> tuple[str, str, str]:
    """The address without credentials, its origin and its credentials. A key beside what is no address fits nowhere."""
    if not base_url.strip():
        return base_url, f"provider:{model.partition(':')[0].strip().lower()}", ""
    try:
        parts = urlsplit(base_url.strip())
        host = (parts.hostname or "").encode("idna").decode() if ":" not in (parts.hostname or "") else parts.hostname
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError, UnicodeError):
        return base_url, "nowhere:", ""
    if not host:
        return base_url, "nowhere:", ""
    userinfo, at, place = parts.netloc.rpartition("@")
    url = parts._replace(netloc=place).geturl() if at else base_url
    return url, f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}", unquote(userinfo)


def downgrade() -> None:
    with op.batch_alter_table("models") as batch:
        batch.add_column(sa.Column("api_key", sa.Text(), nullable=False, server_default=""))
    op.execute("UPDATE models SET api_key = COALESCE((SELECT value FROM secrets WHERE id = models.secret_id), '')")
    with op.batch_alter_table("models") as batch:
        batch.alter_column("api_key", server_default=None)
        batch.drop_constraint(batch.f("fk_models_secret_id_secrets"), type_="foreignkey")
        batch.drop_column("secret_id")
    op.drop_table("sessions")
    op.drop_table("secrets")
