"""The port of the raw files: kept once each, under the SHA-256 of their content.

What stands under a hash is whole. What no row refers to may be collected at any time, but for what somebody holds: from
before a file is put until the row that refers to it is committed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

BLOCK_BYTES = 1024 * 1024

Referenced = Callable[[Collection[str]], Collection[str]]
"""Given hashes, those of them that committed rows refer to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Blob:
    """A stored file: its SHA-256 in hex, and its size in bytes."""

    content_hash: str
    size: int


class BlobStore(Protocol):
    """Files by content. Any number of threads and processes may use it at once."""

    def hold(self, *, durable: bool = True) -> AbstractContextManager[Holding]:
        """Files put within this block are not collected until it ends: commit the rows that refer to them inside.

        With `durable` they survive a power cut, too; without, only the death of processes, as files that can be read
        again from where they came need no more.
        """
        ...

    def contains(self, content_hash: str) -> bool: ...

    def path(self, content_hash: str) -> Path:
        """A file on this machine with this content; not to be written to. Raises NotFound."""
        ...

    def collect_garbage(self, referenced: Referenced) -> Iterator[int]:
        """Delete every file that nothing refers to and nobody holds; yields how many were, portion by portion."""
        ...


class Holding(Protocol):
    """Puts files into a store and holds them."""

    def writer(self, *, max_bytes: int | None = None) -> BlobWriter:
        """A file to be written block by block; use it in a `with`, and `finish` it there."""
        ...

    def put(self, blocks: Iterable[bytes], *, max_bytes: int | None = None) -> Blob:
        """Store what the blocks make up. Raises FileTooLarge above `max_bytes`."""
        ...

    def claim(self, content_hash: str) -> bool:
        """Hold a file that is in the store already; False when it is not there."""
        ...


class BlobWriter(Protocol):
    """One file on its way into the store; dropped unless finished."""

    def write(self, block: bytes) -> None:
        """Append a block. Raises FileTooLarge."""
        ...

    def finish(self) -> Blob:
        """Put the file in its place."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


def blocks_of(path: Path) -> Iterator[bytes]:
    """The content of a file, a megabyte at a time."""
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block
