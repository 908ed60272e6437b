"""Every reader of sources, and the fake, hands out whole files once, and reads as empty nothing that is not there."""

from __future__ import annotations

import os
import threading
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import pytest

from backend.knowledge_bases.judged import JudgedReader
from backend.knowledge_bases.paths import PathPolicy
from knowledge.config import ArchiveLimits, FetchConfig
from knowledge.errors import FetchRefused, InvalidInput, SourceUnavailable, UnreadableFile, UnsafeArchive
from knowledge.sources import Fetcher, Reading, ReadRequest, SourceItem, SourceReader
from knowledge.sources.folder import FolderReader
from knowledge.sources.options import SourceOptions
from knowledge.sources.page import PageReader
from knowledge.sources.zip_archive import ZipReader

REFUSALS = (InvalidInput, UnreadableFile, UnsafeArchive, FetchRefused, SourceUnavailable)


class Stand(Protocol):
    """A source of one file that a test fills, changes and takes away."""

    reader: SourceReader
    location: str

    def fill(self, text: str) -> None: ...

    def remove(self) -> None: ...


class FolderStand:
    def __init__(self, folder: Path) -> None:
        self.reader: SourceReader = FolderReader()
        self._file = folder / "docs" / "guide" / "a.md"
        self._written = 0
        self.location = str(folder / "docs")

    def fill(self, text: str) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(text)
        self._written += 1
        os.utime(self._file, (1_000_000 + self._written,) * 2)

    def remove(self) -> None:
        self._file.unlink()
        self._file.parent.rmdir()
        self._file.parent.parent.rmdir()


class ZipStand:
    def __init__(self, folder: Path) -> None:
        self.reader: SourceReader = ZipReader(ArchiveLimits())
        self._file = folder / "docs.zip"
        self._written = 0
        self.location = str(self._file)

    def fill(self, text: str) -> None:
        with zipfile.ZipFile(self._file, "w") as archive:
            archive.writestr("guide/a.md", text)
        self._written += 1
        os.utime(self._file, (1_000_000 + self._written,) * 2)

    def remove(self) -> None:
        self._file.unlink()


class PageStand(ThreadingHTTPServer):
    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Page)
        self.reader: SourceReader = PageReader(Fetcher(FetchConfig(allowed_networks=("127.0.0.0/8",))))
        self.location = f"http://127.0.0.1:{self.server_port}/guide/a.md"
        self.text: str | None = None

    def fill(self, text: str) -> None:
        self.text = text

    def remove(self) -> None:
        self.text = None


class _Page(BaseHTTPRequestHandler):
    server: PageStand

    def do_GET(self) -> None:
        tag = f'"{hash(self.server.text)}"'
        is_known = self.headers.get("If-None-Match") == tag
        status = 404 if self.server.text is None else 304 if is_known else 200
        body = (self.server.text or "").encode() if status == 200 else b""
        self.send_response(status)
        self.send_header("Content-Type", "text/markdown")
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


class MemoryReader:
    """The fake: a dictionary of pages, of which a file is made when somebody wants to read it."""

    kind = "memory"
    options = SourceOptions
    is_local = False

    def __init__(self, folder: Path) -> None:
        self.pages: dict[str, str] = {}
        self._folder = folder

    @contextmanager
    def open(self, request: ReadRequest) -> Iterator[Reading]:
        if not self.pages:
            raise SourceUnavailable("There is nothing here.")
        cursor = {"pages": dict(self.pages)}
        if request.cursor == cursor and not request.fresh:
            yield Reading(iter(()), cursor=cursor, unchanged=True)
            return
        yield Reading((self._item(path, text) for path, text in cursor["pages"].items()), cursor=cursor)

    def _item(self, path: str, text: str) -> SourceItem:
        file = self._folder / f"{threading.get_ident()}.md"

        @contextmanager
        def opener() -> Iterator[Path]:
            file.write_text(text)
            yield file

        return SourceItem(path=path, size=len(text), opener=opener)


class MemoryStand:
    def __init__(self, folder: Path) -> None:
        self._pages = MemoryReader(folder)
        self.reader: SourceReader = self._pages
        self.location = "memory"

    def fill(self, text: str) -> None:
        self._pages.pages["guide/a.md"] = text

    def remove(self) -> None:
        self._pages.pages.clear()


@contextmanager
def judged(folder: Path) -> Iterator[Stand]:
    """A folder behind the policy of the paths that may be read."""
    stand = FolderStand(folder)
    stand.reader = JudgedReader(
        stand.reader, PathPolicy(data_dir=folder / "data", roots=(folder,), open_to_others=True)
    )
    yield stand


@contextmanager
def page(folder: Path) -> Iterator[Stand]:
    with PageStand(folder) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


STANDS: Mapping[str, Any] = {
    "folder": lambda folder: nullcontext(FolderStand(folder)),
    "zip": lambda folder: nullcontext(ZipStand(folder)),
    "web": page,
    "judged": judged,
    "fake": lambda folder: nullcontext(MemoryStand(folder)),
}


@pytest.fixture(params=STANDS)
def stand(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stand]:
    with STANDS[request.param](tmp_path) as made:
        made.fill("The zebra lives here.")
        yield made


def read(stand: Stand, request: ReadRequest | None = None) -> tuple[Reading, dict[str, str]]:
    """A reading to its end, and the text of each file by its path."""
    asked = request or ReadRequest(location=stand.location, options=stand.reader.options())
    found: dict[str, str] = {}
    with stand.reader.open(asked) as reading:
        for item in reading:
            assert item.status == "ready", item.reason
            assert item.path not in found
            with item.open() as path:
                found[item.path] = path.read_text()
    return reading, found


def again(stand: Stand, reading: Reading, found: Mapping[str, str]) -> ReadRequest:
    """The request of whoever has read it before."""
    cursor = reading.cursor or {}
    return ReadRequest(location=stand.location, options=stand.reader.options(), cursor=cursor, known=set(found))


def test_it_says_what_it_reads(stand: Stand) -> None:
    assert stand.reader.kind.isidentifier()
    assert issubclass(stand.reader.options, SourceOptions)
    assert isinstance(stand.reader.is_local, bool)


def test_files_are_handed_out_whole_under_relative_paths(stand: Stand) -> None:
    reading, found = read(stand)
    [(path, text)] = found.items()
    assert text == "The zebra lives here."
    assert not PurePosixPath(path).is_absolute()
    assert ".." not in PurePosixPath(path).parts
    assert reading.cursor is not None, "it was read to its end"
    assert not reading.unchanged
    assert reading.unlisted == {}


def test_a_file_may_be_opened_twice_while_the_reading_lasts(stand: Stand) -> None:
    with stand.reader.open(ReadRequest(location=stand.location, options=stand.reader.options())) as reading:
        [item] = list(reading)
        for _ in range(2):
            with item.open() as path:
                assert path.read_text() == "The zebra lives here."


def test_what_is_unchanged_has_no_items_or_the_same(stand: Stand) -> None:
    reading, found = read(stand)
    second, same = read(stand, again(stand, reading, found))
    assert same in ({}, found)
    assert second.unchanged or same == found
    assert second.cursor == reading.cursor


def test_fresh_hands_out_everything(stand: Stand) -> None:
    reading, found = read(stand)
    second, same = read(stand, replace(again(stand, reading, found), fresh=True))
    assert (same, second.unchanged) == (found, False)


def test_what_changed_is_handed_out_under_the_path_that_it_had(stand: Stand) -> None:
    reading, found = read(stand)
    stand.fill("The walrus has come.")
    second, changed = read(stand, again(stand, reading, found))
    assert changed == dict.fromkeys(found, "The walrus has come.")
    assert not second.unchanged


def test_a_source_that_is_not_there_is_refused_and_not_read_as_empty(stand: Stand) -> None:
    reading, found = read(stand)
    stand.remove()
    with pytest.raises(REFUSALS):
        read(stand, again(stand, reading, found))
    stand.fill("The zebra lives here.")
    assert read(stand, again(stand, reading, found))[1] in ({}, found)


def test_several_threads_read_at_once(stand: Stand) -> None:
    with ThreadPoolExecutor(4) as executor:
        readings = list(executor.map(lambda _: read(stand)[1], range(8)))
    assert readings == [readings[0]] * 8
