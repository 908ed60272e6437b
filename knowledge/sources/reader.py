"""What reads sources of one kind, and what it is told. A new kind is one reader and one line in the registry."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from knowledge.errors import InvalidInput
from knowledge.sources.items import Reading
from knowledge.sources.options import SourceOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadRequest:
    """What is to be read.

    `options` is of the reader's own model. `cursor` is what the last reading to its end left, `known` the paths of the
    documents that came of it. With `fresh` everything is handed out, changed or not. `file` is the source itself when
    somebody uploaded it; then the location is only its name.
    """

    location: str
    options: SourceOptions = field(default_factory=SourceOptions)
    cursor: Mapping[str, Any] = field(default_factory=dict)
    known: Collection[str] = ()
    fresh: bool = False
    file: Path | None = None


class SourceReader(Protocol):
    """Reads the sources of one kind. Safe for several threads.

    A part that cannot be listed is in the reading's `unlisted`; a file that cannot be had is an item that says so. An
    empty listing where there were documents, as an unmounted share shows one, is SourceUnavailable.
    """

    @property
    def kind(self) -> str:
        """What a source of it is stored as; never changes."""
        ...

    @property
    def options(self) -> type[SourceOptions]: ...

    @property
    def is_local(self) -> bool:
        """Whether locations are paths of this machine: taken only from its own users, and nowhere else the same."""
        ...

    def open(self, request: ReadRequest) -> AbstractContextManager[Reading]:
        """The items of a source; they may be opened while the context lasts. Entering it may take long.

        Raises InvalidInput, UnreadableFile, UnsafeArchive, FetchRefused, SourceUnavailable: the source as a whole
        cannot be read, and what was read of it before stays.
        """
        ...


def local_path(location: str) -> Path:
    """The path that a location on this machine names. Raises InvalidInput."""
    if "\x00" in location:
        raise InvalidInput("A path cannot hold a null character.")
    try:
        return Path(location).expanduser()
    except RuntimeError as error:
        raise InvalidInput(f"{location[:200]} cannot be read: there is no such user.") from error
