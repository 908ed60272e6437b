"""Paths of this machine are judged when they are read, too: since they were added the settings, the links on the way to
them or the options of their source may have become others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from backend.errors import Invalid, PathRefused
from backend.knowledge_bases.paths import PathPolicy
from knowledge.errors import SourceUnavailable
from knowledge.sources import Reading, ReadRequest, SourceReader
from knowledge.sources.options import SelectionOptions, SourceOptions


class SourceRefused(SourceUnavailable):
    """A path that may not be read any more; what was read of it before stays."""

    code = PathRefused.code


class JudgedReader:
    """A reader of local sources that reads no path which the policy refuses. Uploaded files are no paths."""

    is_local = True

    def __init__(self, reader: SourceReader, paths: PathPolicy) -> None:
        self._reader = reader
        self._paths = paths

    @property
    def kind(self) -> str:
        return self._reader.kind

    @property
    def options(self) -> type[SourceOptions]:
        return self._reader.options

    @contextmanager
    def open(self, request: ReadRequest) -> Iterator[Reading]:
        """As the reader does, and of the very path that was judged. Raises SourceRefused."""
        if request.file is None:
            request = replace(request, location=str(self._judged(request)))
        with self._reader.open(request) as reading:
            yield reading

    def _judged(self, request: ReadRequest) -> str:
        hidden = isinstance(request.options, SelectionOptions) and request.options.hidden
        try:
            return str(self._paths.check(self.kind, request.location, hidden=hidden))
        except PathRefused as error:
            raise SourceRefused(str(error)) from error
        except Invalid as error:
            raise SourceUnavailable(f"{error} Its documents stay.") from error


def judged_readers(readers: Mapping[str, SourceReader], paths: PathPolicy) -> Mapping[str, SourceReader]:
    """The readers, those of paths of this machine behind the policy."""
    return {kind: JudgedReader(each, paths) if each.is_local else each for kind, each in readers.items()}
