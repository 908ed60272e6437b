"""A folder on the machine's own disk, or on a share that is mounted there."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import cast

from knowledge.errors import InvalidInput, SourceUnavailable, UnreadableFile
from knowledge.parsing.formats import suffix_of
from knowledge.sources.items import Reading, SourceItem
from knowledge.sources.options import SelectionOptions
from knowledge.sources.reader import ReadRequest, local_path
from knowledge.sources.selection import Selection

Scan = Callable[[Path], AbstractContextManager[Iterator[os.DirEntry[str]]]]

_MOUNTS = "mounts"
"""In the cursor: the folders, by path, on which another file system was mounted."""


class FolderReader:
    """Reads folders: the files in them and in the folders below, in the order of their paths.

    A symbolic link is followed to a file inside the folder and never to a folder; one that leaves the folder, and a
    file that cannot be opened, is an item with the reason.
    """

    kind = "folder"
    options = SelectionOptions
    is_local = True

    def __init__(self, scan: Scan = os.scandir) -> None:
        """`scan` lists one folder; raises OSError."""
        self._scan = scan

    @contextmanager
    def open(self, request: ReadRequest) -> Iterator[Reading]:
        """Raises InvalidInput when the location is no folder, SourceUnavailable when it cannot be listed, or is empty
        though there were documents."""
        root = _folder_at(request.location)
        walk = _Walk(root, request, self._scan)
        walk.begin()
        yield Reading(walk.items(), ignored=walk.ignored, unlisted=walk.unlisted, cursor=walk.cursor)


class _Walk:
    """One reading of a folder."""

    def __init__(self, root: Path, request: ReadRequest, scan: Scan) -> None:
        self._root = root
        self._request = request
        self._scan = scan
        self._selection = cast("SelectionOptions", request.options).selection()
        self._mounted_before = frozenset(map(str, request.cursor.get(_MOUNTS, ())))
        self._mounts: list[str] = []
        self._entered: set[str] = set()
        self._first: Sequence[os.DirEntry[str]] = ()
        self.ignored: Counter[str] = Counter()
        self.unlisted: dict[str, str] = {}
        self.cursor = {_MOUNTS: self._mounts}

    def begin(self) -> None:
        try:
            self._first = self._children("")
        except OSError as error:
            raise SourceUnavailable(f"{self._root} cannot be listed: {_said(error)}. Its documents stay.") from error
        known = self._request.known
        if known and (not self._first or self._is_unmounted("", self._first)):
            raise SourceUnavailable(
                f"{self._root} is empty, and {len(known):,} documents were read there before: perhaps a share is not "
                "mounted. They stay; delete the source if they are to go."
            )

    def items(self) -> Iterator[SourceItem]:
        for path, entry in self._files():
            verdict = self._selection.of(path)
            if verdict == "read":
                yield _item(self._root, path, entry)
            elif verdict == "ignored":
                self.ignored[suffix_of(path) or path.rpartition("/")[2]] += 1
        for path in sorted(self._mounted_before - self._entered):
            if path and _enters(self._selection, path) and self._knows_below(path):
                self._note_unmounted(path)

    def _files(self) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """Files below the root with their relative paths, sorted; never recursive, so that depth does not matter."""
        stack = _stacked("", self._first)
        while stack:
            path, entry = stack.pop()
            try:
                if not entry.is_dir(follow_symlinks=False):
                    yield path, entry
                elif self._selection.enters(path):
                    stack += _stacked(path, self._below(path))
            except OSError as error:
                self._note_unlisted(path, f"cannot be listed: {_said(error)}")

    def _below(self, path: str) -> Sequence[os.DirEntry[str]]:
        children = self._children(path)
        if self._is_unmounted(path, children):
            self._note_unmounted(path)
        return children

    def _children(self, path: str) -> Sequence[os.DirEntry[str]]:
        folder = self._root / path
        self._entered.add(path)
        with self._scan(folder) as entries:
            found = list(entries)
        if os.path.ismount(folder):
            self._mounts.append(path)
        return sorted(found, key=lambda child: child.name)

    def _is_unmounted(self, path: str, children: Sequence[os.DirEntry[str]]) -> bool:
        """Whether nothing is mounted any more where something was, and nothing that is known below is there."""
        if path not in self._mounted_before or path in self._mounts:
            return False
        start = f"{path}/" if path else ""
        there = {child.name for child in children}
        below = [each[len(start) :] for each in self._request.known if each.startswith(start)]
        return bool(below) and all(each.partition("/")[0] not in there for each in below)

    def _knows_below(self, path: str) -> bool:
        return any(known.startswith(f"{path}/") for known in self._request.known)

    def _note_unmounted(self, path: str) -> None:
        self._mounts.append(path)
        self._note_unlisted(path, "is empty since nothing is mounted there any more")

    def _note_unlisted(self, path: str, what: str) -> None:
        shown = _shown(path)
        self.unlisted[shown] = f"The folder {shown} {what}. The documents below it stay as they were."


def _folder_at(location: str) -> Path:
    path = local_path(location)
    try:
        if path.is_dir():
            return path.resolve()
    except OSError as error:
        raise SourceUnavailable(f"{path} cannot be opened: {_said(error)}. Its documents stay.") from error
    raise InvalidInput(f"{path} is not a folder.")


def _stacked(path: str, children: Sequence[os.DirEntry[str]]) -> list[tuple[str, os.DirEntry[str]]]:
    return [(f"{path}/{child.name}".lstrip("/"), child) for child in reversed(children)]


def _enters(selection: Selection, path: str) -> bool:
    """Whether a folder and all that it is in are worth walking into."""
    steps = path.split("/")
    return all(selection.enters("/".join(steps[: number + 1])) for number in range(len(steps)))


def _item(root: Path, path: str, entry: os.DirEntry[str]) -> SourceItem:
    shown = _shown(path)
    try:
        real = _inside(root, Path(entry.path))
        status = real.stat()
    except UnreadableFile as error:
        return SourceItem(path=shown, status="skipped", reason=str(error))
    except (OSError, RuntimeError):
        return SourceItem(path=shown, status="failed", reason="It cannot be opened: it is gone, or not ours to read.")
    if not stat.S_ISREG(status.st_mode):
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
        raise UnreadableFile(f"{path.name} cannot be opened: {_said(error)}.") from error


def _shown(path: str) -> str:
    return path.encode("utf-8", errors="replace").decode("utf-8")


def _said(error: OSError) -> str:
    return error.strerror or type(error).__name__
