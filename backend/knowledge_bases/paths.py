"""Which paths of this machine may be sources: those that the local user could open, or that the settings name."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from backend.errors import Invalid, PathRefused
from backend.settings import Settings

_OURS = ("files", "indexes", "artifacts", "exports", "secret.key", "chatbot.db", "jobs.db", "up.lock", "up.json")
"""What the product keeps in its data folder; beside it, a user may have put folders of documents there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PathPolicy:
    """Judges the location of a folder or zip. `roots` are folders below which others than the local user may name
    paths; `open_to_others`: such others can reach the product, so that roots are asked for."""

    data_dir: Path
    roots: tuple[Path, ...]
    open_to_others: bool

    @classmethod
    def of(cls, settings: Settings) -> PathPolicy:
        """The policy that the settings ask for. Where a token is set, others can come: it counts as a sign of them."""
        return cls(
            data_dir=settings.data_dir.expanduser().absolute(),
            roots=tuple(root.expanduser().absolute() for root in settings.sources.roots),
            open_to_others=bool(settings.strangers or settings.token.get_secret_value()),
        )

    def for_local_user(self) -> PathPolicy:
        """The policy for who may open every file of this machine anyway: no roots, and still not the data folder."""
        return replace(self, open_to_others=False)

    def check(self, kind: str, location: str, *, hidden: bool = False, now: bool = False) -> Path:
        """The path with its links followed. Raises PathRefused for one that may not be read, Invalid for what is no
        folder, or no file.

        `hidden`: folders whose names begin with a dot are read, too. `now`: what is not there yet is refused as well.
        """
        path = _resolved(location)
        if self.open_to_others and not any(path.is_relative_to(_resolved(str(root))) for root in self.roots):
            raise PathRefused(
                "Others can reach this server, so paths of it are read only below the folders that "
                "CHATBOT_SOURCES__ROOTS names. Upload the files, or name their folder there."
            )
        self._check_data_folder(path, hidden)
        if now and not path.exists():
            raise Invalid(f"There is no {'file' if kind == 'zip' else 'folder'} {path} on the machine of the server.")
        _check_kind(kind, path)
        return path

    def _check_data_folder(self, path: Path, hidden: bool) -> None:
        data = _resolved(str(self.data_dir))
        inside = path == data or (path.is_relative_to(data) and path.relative_to(data).parts[0].startswith(_OURS))
        above = data.is_relative_to(path) and path != data
        entered = hidden or not any(part.startswith(".") for part in data.relative_to(path).parts) if above else False
        if inside or entered:
            raise PathRefused(f"The data folder of the product is never a source: name folders beside {data}.")


def _resolved(location: str) -> Path:
    try:
        return Path(location).expanduser().resolve()
    except RuntimeError:
        raise Invalid(
            f"{location[:200]} names no folder: there is no such user, or its links lead in a circle."
        ) from None
    except (OSError, ValueError) as error:
        raise Invalid(f"{location[:200]} cannot be a path: {getattr(error, 'strerror', None) or error}.") from None


def _check_kind(kind: str, path: Path) -> None:
    """What is there must be what it is said to be; what is not there yet, the job will say."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return
    if kind == "folder" and not stat.S_ISDIR(mode):
        raise Invalid(f"{path} is not a folder.")
    if kind == "zip" and not stat.S_ISREG(mode):
        raise Invalid(f"{path} is not a file.")
