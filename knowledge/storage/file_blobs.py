"""The store of raw files in a folder.

A file is written aside and renamed, so that what stands under a hash is whole. Who puts a file leaves a mark, so that
garbage collection, also of another process, sees that it is held.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from knowledge.errors import FileTooLarge, NotFound
from knowledge.ids import new_id
from knowledge.storage.blobs import Blob, Referenced

_STALE_S = 24 * 3600
"""What a process that died has left behind counts for nothing after this long."""

_COLLECTED_AT_ONCE = 500
_HELD, _ASIDE, _DOOMED = "held", "aside", "doomed"


class FileBlobStore:
    """A BlobStore in a folder."""

    def __init__(self, root: Path) -> None:
        """`root` is made when first written to."""
        self._root = root

    @contextmanager
    def hold(self, *, durable: bool = True) -> Iterator[FileHolding]:
        """Files put within this block are not collected until it ends; with `durable` they survive a power cut, too."""
        marks = self._root / _HELD / new_id()
        marks.mkdir(parents=True)
        try:
            yield FileHolding(self, marks, durable)
        finally:
            shutil.rmtree(marks, ignore_errors=True)

    def path(self, content_hash: str) -> Path:
        """The file with this content; not to be written to. Raises NotFound."""
        path = self.place(content_hash)
        if path.is_file():
            return path
        # Garbage collection lifts a file for a moment before it looks who still wants it.
        time.sleep(0.05)
        if path.is_file():
            return path
        raise NotFound(f"The file {content_hash[:12]} is not in the store.")

    def contains(self, content_hash: str) -> bool:
        """Whether the file with this content is there."""
        return self.place(content_hash).is_file()

    def place(self, content_hash: str) -> Path:
        """Where the file with this content stands, if it does."""
        if len(content_hash) != 64 or not set(content_hash) <= set("0123456789abcdef"):
            raise NotFound("That is not the hash of a file.")
        return self._root / content_hash[:2] / content_hash

    def folder(self, name: str) -> Path:
        """A folder of the store's own, made if need be."""
        folder = self._root / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def collect_garbage(self, referenced: Referenced) -> Iterator[int]:
        """Delete every file that nothing refers to and nobody holds; yields how many were, portion by portion."""
        self._clear_leftovers()
        for folder in sorted(self._root.glob("[0-9a-f][0-9a-f]")):
            names = sorted(entry.name for entry in os.scandir(folder))
            for start in range(0, len(names), _COLLECTED_AT_ONCE):
                portion = names[start : start + _COLLECTED_AT_ONCE]
                wanted = set(referenced(portion))
                yield sum(self._delete(name, referenced) for name in portion if name not in wanted)

    def _delete(self, name: str, referenced: Referenced) -> int:
        # Lifted first: who puts the same content from now on finds nothing and writes it anew. Who came before has
        # left a mark, or has committed; marks are removed after the commit, so they are looked for first.
        doomed = self.folder(_DOOMED) / name
        place = self.place(name)
        try:
            place.replace(doomed)
        except FileNotFoundError:
            return 0
        if any((self._root / _HELD).glob(f"*/{name}")) or referenced([name]):
            with suppress(FileNotFoundError):  # another collection may have put it back
                doomed.replace(place)
            return 0
        doomed.unlink(missing_ok=True)
        return 1

    def _clear_leftovers(self) -> None:
        """What processes that were killed have left: files lifted go back, old marks and unfinished files go away."""
        if not self._root.is_dir():
            return
        for doomed in self.folder(_DOOMED).iterdir():
            with suppress(FileNotFoundError):
                doomed.replace(self.place(doomed.name))
        for marks in filter(_is_stale, self.folder(_HELD).iterdir()):
            shutil.rmtree(marks, ignore_errors=True)
        for unfinished in filter(_is_stale, self.folder(_ASIDE).iterdir()):
            unfinished.unlink(missing_ok=True)


class FileHolding:
    """Puts files into a store and holds them."""

    def __init__(self, store: FileBlobStore, marks: Path, durable: bool) -> None:
        self._store = store
        self._marks = marks
        self._durable = durable

    def writer(self, *, max_bytes: int | None = None) -> FileBlobWriter:
        """A file to be written block by block; use it in a `with`, and `finish` it there."""
        return FileBlobWriter(self, self._store.folder(_ASIDE) / new_id(), max_bytes)

    def put(self, blocks: Iterable[bytes], *, max_bytes: int | None = None) -> Blob:
        """Store what the blocks make up. Raises FileTooLarge above `max_bytes`."""
        with self.writer(max_bytes=max_bytes) as writer:
            for block in blocks:
                writer.write(block)
            return writer.finish()

    def claim(self, content_hash: str) -> bool:
        """Hold a file that is in the store already; False when it is not there."""
        (self._marks / content_hash).touch()
        return self._store.place(content_hash).is_file()

    def keep(self, finished: Path, content_hash: str) -> None:
        """Move a finished file to its place, unless its content is there already."""
        (self._marks / content_hash).touch()
        place = self._store.place(content_hash)
        if place.is_file():
            finished.unlink()
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        finished.replace(place)
        if self._durable:
            _sync_folder(place.parent)

    @property
    def durable(self) -> bool:
        """Whether files must survive a power cut."""
        return self._durable


class FileBlobWriter:
    """One file on its way into the store; dropped unless finished."""

    def __init__(self, holding: FileHolding, path: Path, max_bytes: int | None) -> None:
        self._holding = holding
        self._path = path
        self._max_bytes = max_bytes
        self._digest = hashlib.sha256()
        self._size = 0
        self._file = path.open("wb")

    def write(self, block: bytes) -> None:
        """Append a block. Raises FileTooLarge."""
        self._size += len(block)
        if self._max_bytes is not None and self._size > self._max_bytes:
            raise FileTooLarge(f"The file is larger than {self._max_bytes / 1024 / 1024:g} MB.")
        self._digest.update(block)
        self._file.write(block)

    def finish(self) -> Blob:
        """Put the file in its place."""
        self._file.flush()
        if self._holding.durable:
            os.fsync(self._file.fileno())
        self._file.close()
        blob = Blob(content_hash=self._digest.hexdigest(), size=self._size)
        self._holding.keep(self._path, blob.content_hash)
        return blob

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


def _is_stale(path: Path) -> bool:
    try:
        return path.stat().st_mtime < time.time() - _STALE_S
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # folders cannot be opened there, and need not be
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
