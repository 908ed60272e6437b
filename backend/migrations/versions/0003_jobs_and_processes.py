"""One table of processes for jobs and runs; the arguments of jobs, and the questions of evaluations, apart."""

from __future__ import annotations

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_LONG_AGO = "2000-01-01 00:00:00.000000"


def upgrade() -> None:
    op.create_table(
        "processes",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("boot_id", sa.String(length=64), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("start_ticks", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_processes")),
    )
    op.drop_table("workers")
    op.create_table(
        "job_arguments",
        sa.Column("job_id", sa.String(length=32), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_arguments_job_id_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_job_arguments")),
    )
    op.create_table(
        "question_files",
        sa.Column("workspace_id", sa.String(length=32), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "content_hash", name=op.f("pk_question_files")),
    )
    # Jobs that wait, run, or may be retried keep what they were asked to do.
    op.execute("INSERT INTO job_arguments (job_id, arguments) SELECT id, arguments FROM jobs WHERE kind <> 'evaluate'")
    _move_questions()
    # By itself SQLite would make the table anew, and with it lose what refers to it.
    op.drop_index("ix_jobs_status_submitted", "jobs")
    op.drop_column("jobs", "arguments")
    op.drop_column("jobs", "submitted")
    op.drop_column("jobs", "reached")
    op.add_column("jobs", sa.Column("run_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_jobs_status", "jobs", ["status"])
    op.drop_column("runs", "lease_until")


def _move_questions() -> None:
    connection = op.get_bind()
    query = "SELECT id, workspace_id, created_at, arguments FROM jobs WHERE kind = 'evaluate' AND status <> 'succeeded'"
    files = sa.table("question_files", *map(sa.column, ("workspace_id", "content_hash", "content", "created_at")))
    arguments = sa.table("job_arguments", sa.column("job_id"), sa.column("arguments", sa.JSON()))
    seen: set[tuple[str, str]] = set()
    for row in connection.execute(
        sa.text(query).columns(arguments=sa.JSON(), created_at=sa.DateTime(timezone=True))
    ).all():
        content = "\n".join(json.dumps(each, ensure_ascii=False) for each in row.arguments["questions"])
        content_hash = hashlib.sha256(content.encode()).hexdigest()
        if (row.workspace_id, content_hash) not in seen:
            seen.add((row.workspace_id, content_hash))
            file = {"workspace_id": row.workspace_id, "content_hash": content_hash, "content": content}
            connection.execute(sa.insert(files).values(**file, created_at=row.created_at))
        given = {"questions": content_hash, "file": row.arguments.get("file", "")}
        connection.execute(sa.insert(arguments).values(job_id=row.id, arguments=given))


def downgrade() -> None:
    lease = sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False, server_default=_LONG_AGO)
    op.add_column("runs", lease)
    op.drop_index("ix_jobs_status", "jobs")
    op.drop_column("jobs", "run_at")
    op.add_column("jobs", sa.Column("reached", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("submitted", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("jobs", sa.Column("arguments", sa.JSON(), nullable=False, server_default="{}"))
    op.create_index("ix_jobs_status_submitted", "jobs", ["status", "submitted"])
    _move_questions_back()
    op.drop_table("question_files")
    op.drop_table("job_arguments")
    op.create_table(
        "workers",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("process_started", sa.Float(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
    )
    op.drop_table("processes")


def _move_questions_back() -> None:
    connection = op.get_bind()
    jobs = sa.table("jobs", sa.column("id"), sa.column("arguments", sa.JSON()))
    query = (
        "SELECT a.job_id, a.arguments, f.content FROM job_arguments a JOIN jobs j ON j.id = a.job_id "
        "LEFT JOIN question_files f ON f.workspace_id = j.workspace_id AND j.kind = 'evaluate' "
        "AND a.arguments LIKE '%' || f.content_hash || '%'"
    )
    if connection.dialect.name == "postgresql":
        query = query.replace("a.arguments LIKE", "CAST(a.arguments AS TEXT) LIKE")
    for row in connection.execute(sa.text(query).columns(arguments=sa.JSON())).all():
        given = row.arguments
        if row.content is not None:
            given = {**given, "questions": [json.loads(line) for line in row.content.splitlines() if line.strip()]}
        connection.execute(sa.update(jobs).where(jobs.c.id == row.job_id).values(arguments=given))
