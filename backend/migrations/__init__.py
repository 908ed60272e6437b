"""The one history of the database's shape, for SQLite and PostgreSQL: every table of every floor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import inspect, text
from sqlalchemy.exc import OperationalError

from backend.errors import BackendError
from knowledge.storage.database import Database

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

log = structlog.get_logger(__name__)

_LOCK = 0x6465766F7073  # "devops": a number of our own among PostgreSQL's advisory locks


class DatabaseNewer(BackendError):
    """The database was made by a later version of this program."""

    code = "database_newer"


def upgrade_database(database: Database) -> bool:
    """Brings the database to the newest shape; True when anything was to be done.

    Safe in any number of processes at once: one works, the others wait and then find it done. Either all of it happens
    or none. Raises DatabaseNewer.
    """
    while current_revision(database) != head_revision():
        try:
            with database.write() as connection:  # on SQLite this is the write lock already
                if database.dialect == "postgresql":
                    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
                return _upgrade(connection)
        except OperationalError as error:
            if "database is locked" not in str(error.orig):
                raise
            # On SQLite nobody waits for longer than half a minute, and the history of a large database takes longer.
            log.info("waiting for another process that brings the database up to date")
    return False


def current_revision(database: Database) -> str | None:
    """The revision the database has now; None for an empty one."""
    with database.read() as connection:
        return _stored_revision(connection)


def head_revision() -> str:
    """The revision this program needs: the history is one line, numbered, so it is the highest number."""
    return max(path.name[:4] for path in (Path(__file__).parent / "versions").glob("[0-9]*.py"))


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's configuration, made here instead of in a file; `connection` is the one it shall work on."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> bool:
    from alembic import command
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = configuration(connection)
    before = _stored_revision(connection)
    if before is not None:
        try:
            ScriptDirectory.from_config(config).get_revision(before)
        except CommandError:
            raise DatabaseNewer(
                f"The database has revision {before}, which this version of the program does not know; it was made by "
                "a later one. Install that version, or use another CHATBOT_DATABASE_URL."
            ) from None
    command.upgrade(config, "head")
    return before != _stored_revision(connection)


def _stored_revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found
