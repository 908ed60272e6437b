"""The kinds of sources there are: one line each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from knowledge.config import ArchiveLimits
from knowledge.errors import InvalidInput
from knowledge.sources.fetcher import Fetcher
from knowledge.sources.folder import FolderReader
from knowledge.sources.page import PageReader
from knowledge.sources.reader import SourceReader
from knowledge.sources.zip_archive import ZipReader


def source_readers(
    fetcher: Fetcher, archives: ArchiveLimits, others: Iterable[SourceReader] = ()
) -> Mapping[str, SourceReader]:
    """The readers by kind, in the order in which they are offered."""
    readers: tuple[SourceReader, ...] = (
        FolderReader(),
        ZipReader(archives),
        PageReader(fetcher),
        *others,
    )
    return {reader.kind: reader for reader in readers}


def reader_of(readers: Mapping[str, SourceReader], kind: str) -> SourceReader:
    """The reader of a kind. Raises InvalidInput for a kind that there is none of."""
    reader = readers.get(kind)
    if reader is None:
        raise InvalidInput(f"Sources of kind {kind[:100]!r} cannot be read; there is {', '.join(readers)}.")
    return reader
