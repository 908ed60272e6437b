"""The database, and what only it knows: jobs, workers, stored keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from backend.operations.doctor.findings import Finding
from backend.settings import Settings

if TYPE_CHECKING:
    from knowledge.storage.database import Database

_STUCK = (
    "A worker takes up what another left within a minute; one whose job hangs ends itself after two and a half "
    "minutes, and must be started again (devops-chatbot up does). See its log if a job stays stuck."
)


def database(settings: Settings) -> Iterator[Finding]:
    """The database, and where it is as it should be, what it knows of jobs, files and keys."""
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    from backend.migrations import current_revision, head_revision
    from knowledge.errors import InvalidInput
    from knowledge.storage.database import Database

    try:
        database = Database(settings.effective_database_url)
    except InvalidInput as error:
        yield Finding(name="Database", status="failed", detail=str(error), advice="Correct CHATBOT_DATABASE_URL.")
        return
    try:
        shown = database.engine.url.render_as_string(hide_password=True)
        found, needed = current_revision(database), head_revision()
        if found == needed:
            yield Finding(name="Database", status="ok", detail=f"{shown}, revision {found}")
            yield from _jobs(database)
            yield from _given_up(database)
            yield _secrets(settings, database)
        elif found is None or found < needed:
            detail = f"{shown} is {'empty' if found is None else f'at revision {found}'}; {needed} is needed"
            advice = "devops-chatbot migrate (devops-chatbot up does it too)"
            yield Finding(name="Database", status="warning", detail=detail, advice=advice)
        else:
            detail = f"{shown} is at revision {found}, later than this version's {needed}"
            yield Finding(name="Database", status="failed", detail=detail, advice="Install the newer version again.")
    except SQLAlchemyError as error:
        reason = str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines()[0]
        advice = "Start the database server, or correct CHATBOT_DATABASE_URL."
        yield Finding(name="Database", status="failed", detail=f"cannot be reached: {reason}", advice=advice)
    finally:
        database.close()


def _jobs(database: Database) -> Iterator[Finding]:
    from sqlalchemy import func, select

    from backend.jobs.queue import JobQueue
    from backend.jobs.tables import jobs
    from backend.processes.identity import this_process
    from backend.processes.registry import ProcessRegistry

    processes = ProcessRegistry(this_process("api"))
    with database.read() as connection:
        workers = len(processes.living(connection, "worker"))
        counted = select(jobs.c.status, func.count()).group_by(jobs.c.status)
        count = {row[0]: row[1] for row in connection.execute(counted)}
        stuck = len(JobQueue((), processes).silent(connection))
    queued = count.get("queued", 0)
    if workers:
        yield Finding(name="Worker", status="ok", detail=f"{workers} running")
    else:
        waiting = f"; {queued} jobs wait for one" if queued else ""
        advice = "devops-chatbot up (or: devops-chatbot worker)"
        yield Finding(name="Worker", status="missing", detail=f"none is running{waiting}", advice=advice)
    running, failed = count.get("running", 0), count.get("failed", 0)
    detail = f"{queued} waiting, {running} running, {stuck} stuck, {failed} failed"
    if stuck:
        advice = _STUCK if workers else "They go on once a worker runs."
        yield Finding(name="Jobs", status="warning", detail=detail, advice=advice)
    else:
        yield Finding(name="Jobs", status="ok", detail=detail)


def _given_up(database: Database) -> Iterator[Finding]:
    """Files whose parser was ended, or ended by itself; nothing where there are none."""
    from sqlalchemy import func, select

    from knowledge.errors import FileTooSlow, ParserCrashed
    from knowledge.storage.tables import documents

    codes = (ParserCrashed.code, FileTooSlow.code)
    with database.read() as connection:
        mine = documents.c.error_code.in_(codes)
        count = connection.scalar(select(func.count()).select_from(documents).where(mine)) or 0
        latest = select(documents.c.error).where(mine).order_by(documents.c.updated_at.desc()).limit(1)
        reason = connection.scalar(latest)
    if count:
        advice = "They are left out of their knowledge bases; save them anew or remove them, then sync the source."
        detail = f"{count} given up while they were read. The last: {reason}"
        yield Finding(name="Files", status="warning", detail=detail, advice=advice)


def _secrets(settings: Settings, database: Database) -> Finding:
    from backend.accounts.sealing import Sealer
    from backend.connections.secrets import stored_secrets
    from backend.errors import SecretUnreadable

    name, sealer = "Stored keys", Sealer.of(settings)
    with database.read() as connection:
        keys = stored_secrets(connection).values()
    unreadable, reason = [], ""
    for label, key in keys:
        try:
            sealer.open(key)
        except SecretUnreadable as error:
            unreadable.append(label)
            reason = str(error)
    if unreadable:
        advice = "Enter them again on the page Models, or bring back the secret key they were sealed with."
        detail = f"that of {', '.join(unreadable[:5])} cannot be read. {reason}"
        return Finding(name=name, status="warning", detail=detail, advice=advice)
    if sealer.is_exposed():
        detail = f"others on this machine can read {sealer.key_file}"
        return Finding(name=name, status="warning", detail=detail, advice=f"chmod 600 {sealer.key_file}")
    where = "CHATBOT_SECRET_KEY" if settings.secret_keys else str(sealer.key_file)
    return Finding(name=name, status="ok", detail=f"{len(keys)} sealed by {where}" if keys else "none")
