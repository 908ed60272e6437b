"""Opens the installation for one command: its settings, its database at the right shape, everything wired."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from backend.bootstrap import Container
    from backend.settings import Settings


@contextmanager
def opened() -> Iterator[Container]:
    """The container of this installation, closed at the end of the block. Raises SettingsInvalid, NotReady."""
    from backend.bootstrap import build
    from backend.settings import load_settings

    settings = load_settings()
    make_ready(settings)
    container = build(settings)
    try:
        yield container
    finally:
        container.close()


def made_data_dir(settings: Settings) -> Path:
    """The data folder, private to its owner with all that is in it or will be. Raises NotReady."""
    from backend.errors import NotReady
    from backend.processes.private_files import make_private

    folder = settings.data_dir.expanduser()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_private(folder)
    except OSError as error:
        reason = f"The data folder {settings.data_dir} cannot be made ready ({error.strerror})"
        raise NotReady(f"{reason}; set CHATBOT_DATA_DIR to one that can.") from None
    return folder


def make_ready(settings: Settings) -> bool:
    """Makes the data folder, for its owner alone, and brings the database to the shape this version needs; True when
    that took doing. Keys that stand in it in plain text or under an older key are sealed.

    Raises NotReady, DatabaseNewer.
    """
    from backend.accounts.sealing import Sealer
    from backend.connections.secrets import seal_again
    from backend.migrations import upgrade_database
    from knowledge.storage.database import Database

    made_data_dir(settings)
    database = Database(settings.effective_database_url)
    try:
        changed = upgrade_database(database)
        seal_again(database, Sealer.of(settings))
        return changed
    finally:
        database.close()
