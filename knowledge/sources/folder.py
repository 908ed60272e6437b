"""A folder on the machine's own disk."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from knowledge.errors import InvalidInput, UnreadableFile
from knowledge.parsing.formats import suffix_of
from knowledge.sources.items import Reading, SourceItem
from knowledge.sources.selection import Selection


def read_folder(path: Path, selection: Selection | None = None) -> Reading:
    """The files of a folder, and of the folders below it, in the order of their paths.

    A symbolic link is followed to a file inside the folder and never to a folder; one that leaves the folder, and a
    file that cannot be opened, is an item with the reason. Raises InvalidInput when `path` is no folder.
    """
    if not path.is_dir():
        raise InvalidInput(f"{path} is not a folder.")
    ignored: Counter[str] = Counter()
    return Reading(_items(path.resolve(), selection or Selection(), ignored), ignored)


def _items(root: Path, selection: Selection, ignored: Counter[str]) -> Iterator[SourceItem]:
    for path, entry in _files(root, selection):
        verdict = selection.of(path)
        if verdict == "read":
            yield _item(root, path, entry)
        elif verdict == "ignored":
            ignored[suffix_of(path) or path.rpartition("/")[2]] += 1


def _files(root: Path, selection: Selection) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Files below root with their relative paths, sorted; never recursive, so that depth does not matter."""
    stack: list[tuple[str, os.DirEntry[str] | None]] = [("", None)]
    while stack:
        path, entry = stack.pop()
        if entry is not None and not _is_folder(entry):
            yield path, entry
            continue
        if entry is not None and not selection.enters(path):
            continue
        children = sorted(_children(root / path), key=lambda child: child.name, reverse=True)
        stack += [(f"{path}/{child.name}".lstrip("/"), child) for child in children]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _children(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _item(root: Path, path: str, entry: os.DirEntry[str]) -> SourceItem:
    shown = path.encode("utf-8", errors="replace").decode("utf-8")
    try:
        real = _inside(root, Path(entry.path))
        status = real.stat()
    except UnreadableFile as error:
        return SourceItem(path=shown, status="skipped", reason=str(error))
    except (OSError, RuntimeError):
        return SourceItem(path=shown, status="failed", reason="It cannot be opened: it is gone, or not ours to read.")
    if not real.is_file():
        return SourceItem(path=shown, status="skipped", reason="It is neither a file nor a folder.")
    return SourceItem(path=shown, size=status.st_size, modified=status.st_mtime, opener=lambda: _opened(root, real))


def _inside(root: Path, path: Path) -> Path:
    real = path.resolve(strict=True)
    if not real.is_relative_to(root):
        raise UnreadableFile("It is a link that leaves the folder.")
    if path.is_symlink() and real.is_dir():
        raise UnreadableFile("It is a link to a folder; the folder itself is read where it stands.")
    return real


@contextmanager
def _opened(root: Path, path: Path) -> Iterator[Path]:
    try:
        # A file may have become a link since it was listed.
        yield _inside(root, path)
    except OSError as error:
        raise UnreadableFile(f"{path.name} cannot be opened: {error.strerror or type(error).__name__}.") from error
