"""Files and folders that are their owner's alone, from the first moment."""

from __future__ import annotations

import os
from pathlib import Path

_OTHERS = 0o077


def make_private(folder: Path) -> None:
    """Make the folder and everything in it private to its owner, and so whatever this process makes from now on.

    What an earlier version left open is closed once; a folder that is private is not looked through. Links are let be.
    Raises OSError when the folder is somebody else's.
    """
    if os.name == "nt":
        return
    os.umask(_OTHERS)
    if not folder.stat().st_mode & _OTHERS:
        return
    folder.chmod(0o700)  # first: from now on nobody else gets to what is below
    for place, folders, files in os.walk(folder):
        for name in folders:
            _close(Path(place, name), 0o700)
        for name in files:
            _close(Path(place, name), 0o600)


def _close(path: Path, mode: int) -> None:
    try:
        if not path.is_symlink() and path.stat().st_mode & _OTHERS:
            path.chmod(mode)
    except OSError:  # gone meanwhile, or somebody else's: the folder above keeps others out
        return
