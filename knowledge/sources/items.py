"""What every source hands out: items, how many files it left aside, and what it could not list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from knowledge.errors import UnreadableFile

Opener = Callable[[], AbstractContextManager[Path]]

SETTLED_NS = 2_000_000_000
"""A file touched so shortly before it was read may have been changed again without a newer date: it is read again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceItem:
    """One file of a source.

    `path` is POSIX, relative and unique within the source. `size` counts bytes as the source claims them. `status` is
    `ready`, or says that the file was left out by choice (`skipped`) or could not be had (`failed`), with a `reason`
    to show and, for a failure, the `code` of its error. `modified` is seconds since 1970, 0 when unknown.
    """

    path: str
    size: int = 0
    url: str = ""
    media_type: str | None = None
    modified: float = 0.0
    status: Literal["ready", "skipped", "failed"] = "ready"
    reason: str = ""
    code: str = UnreadableFile.code
    opener: Opener | None = field(default=None, repr=False, compare=False)

    def open(self) -> AbstractContextManager[Path]:
        """A real file with the content, there until the context ends. Raises UnreadableFile, on entering too."""
        if self.opener is None:
            raise UnreadableFile(f"{self.path} cannot be opened: {self.reason or 'it has no content'}.")
        return self.opener()


class Reading(Iterator[SourceItem]):
    """The items of a source, once. What stands in it beside them is complete when the iteration is.

    `ignored` counts, by file ending, what is never read (pictures, programs, …) and was passed over in silence.
    `unlisted` says, by path, of every part that could not be listed why: what is below may be there or not, so nobody
    may conclude that it is gone. `cursor` is what to hand to the next reading; without one, the source has not been
    read to its end. With `unchanged` there are no items, for everything is as it was when the cursor was made.
    """

    def __init__(
        self,
        items: Iterator[SourceItem],
        *,
        ignored: Counter[str] | None = None,
        unlisted: Mapping[str, str] | None = None,
        cursor: Mapping[str, Any] | None = None,
        unchanged: bool = False,
    ) -> None:
        self._items = items
        self.ignored = Counter[str]() if ignored is None else ignored
        self.unlisted: Mapping[str, str] = {} if unlisted is None else unlisted
        self.cursor = cursor
        self.unchanged = unchanged

    def __next__(self) -> SourceItem:
        return next(self._items)

    def unlisted_above(self, path: str) -> str | None:
        """The part that could not be listed to which a path belongs; None when there is none."""
        while path:
            if path in self.unlisted:
                return path
            path = path.rpartition("/")[0]
        return None
