"""What every source hands out: items, and how many files it left aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from knowledge.errors import UnreadableFile

Opener = Callable[[], AbstractContextManager[Path]]


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceItem:
    """One file of a source.

    `path` is POSIX, relative and unique within the source. `size` counts bytes as the source claims them. `status` is
    `ready`, or says that the file was left out by choice (`skipped`) or could not be had (`failed`), with a `reason`
    to show. `modified` is seconds since 1970, 0 when unknown.
    """

    path: str
    size: int = 0
    url: str = ""
    media_type: str | None = None
    modified: float = 0.0
    status: Literal["ready", "skipped", "failed"] = "ready"
    reason: str = ""
    opener: Opener | None = field(default=None, repr=False, compare=False)

    def open(self) -> AbstractContextManager[Path]:
        """A real file with the content, there until the context ends. Raises UnreadableFile, on entering too."""
        if self.opener is None:
            raise UnreadableFile(f"{self.path} cannot be opened: {self.reason or 'it has no content'}.")
        return self.opener()


class Reading(Iterator[SourceItem]):
    """The items of a source, once. `ignored` counts, by file ending, what is never read (pictures, programs, …) and was
    passed over in silence; it is complete when the iteration is."""

    def __init__(self, items: Iterator[SourceItem], ignored: Counter[str]) -> None:
        self._items = items
        self.ignored = ignored

    def __next__(self) -> SourceItem:
        return next(self._items)
