"""What cannot be listed for a moment is reported and stays; only what is seen to be gone is removed."""

from __future__ import annotations

import errno
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from knowledge.events import BuildEvent, DocumentFailed
from knowledge.sources.folder import FolderReader
from knowledge.storage.bases import SourceStore
from knowledge.storage.database import Database
from knowledge.types import KnowledgeBase
from tests.workshop import Workshop


class Disk:
    """Lists folders as the system does, but for those that are out of reach."""

    def __init__(self) -> None:
        self.unreachable: set[str] = set()
        self.breaking_off: set[str] = set()

    def __call__(self, folder: Path) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
        if folder.name in self.unreachable:
            raise OSError(errno.EIO, "Input/output error")
        return self._first_alone(folder) if folder.name in self.breaking_off else os.scandir(folder)

    @contextmanager
    def _first_alone(self, folder: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
        def listed() -> Iterator[os.DirEntry[str]]:
            with os.scandir(folder) as entries:
                yield next(entries)
            raise OSError(errno.EIO, "Input/output error")

        yield listed()


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def shop(database: Database, tmp_path: Path, disk: Disk) -> Iterator[Workshop]:
    with Workshop(database, tmp_path, readers=[FolderReader(disk)]) as made:
        yield made


def built(shop: Workshop, *paths: str) -> KnowledgeBase:
    for path in paths:
        shop.write(path, f"# Animals\n\nThe {Path(path).stem} lives here.\n")
    base = shop.make_base()
    shop.build(base)
    return base


def failures(events: list[BuildEvent]) -> dict[str, str]:
    return {event.path: event.code for event in events if isinstance(event, DocumentFailed)}


def test_what_is_below_a_folder_that_cannot_be_listed_stays_and_says_so(shop: Workshop, disk: Disk) -> None:
    base = built(shop, "zebra.md", "far/walrus.md", "far/deep/seal.md", "farther/otter.md")
    disk.unreachable = {"far"}
    (shop.pages / "zebra.md").unlink()
    events = shop.events(base)
    assert failures(events) == {"far": "source_unavailable"}
    assert shop.found_by_words(base, "lives") == ["far/deep/seal.md", "far/walrus.md", "farther/otter.md"]
    found = shop.documents(base)
    assert "Input/output error" in found["far/walrus.md"].error
    assert (found["far/walrus.md"].status, found["far"].status) == ("indexed", "failed")
    assert found["farther/otter.md"].error == ""
    assert shop.statistics(base).failed_count == 1
    assert shop.broken() == []


@pytest.mark.parametrize("where", ["far", "pages"])
def test_a_listing_that_breaks_off_is_none(shop: Workshop, disk: Disk, where: str) -> None:
    base = built(shop, "far/otter.md", "far/seal.md", "far/walrus.md")
    disk.breaking_off = {where}
    assert list(failures(shop.events(base)).values()) == ["source_unavailable"]
    assert shop.found_by_words(base, "lives") == ["far/otter.md", "far/seal.md", "far/walrus.md"]


def test_once_it_can_be_listed_again_nothing_is_left_of_it(shop: Workshop, disk: Disk) -> None:
    base = built(shop, "zebra.md", "far/walrus.md", "far/seal.md")
    for _ in range(2):
        disk.unreachable = {"far"}
        shop.build(base)
    disk.unreachable = set()
    (shop.pages / "far" / "seal.md").unlink()
    done = shop.build(base)
    assert (done.failed, done.received) == (0, 0)
    found = shop.documents(base)
    assert {path: document.error for path, document in found.items()} == {"zebra.md": "", "far/walrus.md": ""}
    assert shop.found_by_words(base, "lives") == ["far/walrus.md", "zebra.md"]


def test_a_folder_never_seen_that_cannot_be_listed_is_a_document_that_says_so(shop: Workshop, disk: Disk) -> None:
    disk.unreachable = {"far"}
    base = built(shop, "zebra.md", "far/walrus.md")
    assert shop.documents(base)["far"].status == "failed"
    disk.unreachable = set()
    shop.build(base)
    assert set(shop.documents(base)) == {"zebra.md", "far/walrus.md"}


@pytest.mark.parametrize("happens", ["unreachable", "empty", "gone"])
def test_a_root_that_cannot_be_listed_or_is_suddenly_empty_keeps_its_documents(
    shop: Workshop, disk: Disk, happens: str
) -> None:
    base = built(shop, "zebra.md", "far/walrus.md")
    if happens == "unreachable":
        disk.unreachable = {shop.pages.name}
    else:
        for path in sorted(shop.pages.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    if happens == "gone":
        shop.pages.rmdir()
    code = "invalid_input" if happens == "gone" else "source_unavailable"
    assert failures(shop.events(base)) == {str(shop.pages): code}
    assert shop.found_by_words(base, "lives") == ["far/walrus.md", "zebra.md"]
    assert all(document.error for document in shop.documents(base).values())
    disk.unreachable = set()
    shop.write("far/walrus.md", "# Animals\n\nThe walrus lives here.\n")
    shop.build(base)
    assert not any(document.error for document in shop.documents(base).values())


def empty(share: Path) -> None:
    for path in share.iterdir():
        path.unlink()


def remove(share: Path) -> None:
    empty(share)
    share.rmdir()


@pytest.mark.parametrize("unmount", [empty, remove])
def test_a_share_below_that_is_not_mounted_any_more_keeps_its_documents(
    shop: Workshop, unmount: Callable[[Path], None]
) -> None:
    base = built(shop, "zebra.md", "share/walrus.md", "plain/seal.md")
    with shop.database.write() as connection:
        store = SourceStore(connection, base)
        [source] = store.all()
        assert source.cursor == {"mounts": []}
        store.note_synced(source.id, {"mounts": ["share"]})
    unmount(shop.pages / "share")
    (shop.pages / "plain" / "seal.md").unlink()
    for _ in range(2):
        assert failures(shop.events(base)) == {"share": "source_unavailable"}
        assert shop.found_by_words(base, "lives") == ["share/walrus.md", "zebra.md"]
    shop.write("share/walrus.md", "# Animals\n\nThe walrus lives here.\n")
    shop.build(base)
    assert failures(shop.events(base)) == {}


def test_a_file_that_cannot_be_opened_for_a_moment_keeps_what_it_said(shop: Workshop) -> None:
    base = built(shop, "zebra.md", "walrus.md")
    page = shop.pages / "walrus.md"
    page.rename(shop.pages / "kept.txt")
    page.symlink_to(shop.pages / "away.md")
    assert failures(shop.events(base)) == {"walrus.md": "unreadable_file"}
    document = shop.documents(base)["walrus.md"]
    assert document.status == "indexed"
    assert document.error
    page.unlink()
    (shop.pages / "kept.txt").rename(page)
    shop.build(base)
    assert shop.documents(base)["walrus.md"].error == ""


def test_members_of_a_zip_that_is_damaged_or_empty_stay(shop: Workshop, tmp_path: Path) -> None:
    archive = tmp_path / "pages.zip"

    def write(*members: str, times: int = 20) -> None:
        with zipfile.ZipFile(archive, "w") as file:
            for name in members:
                file.writestr(name, f"# Animals\n\nThe {name} lives here.\n" * times)

    write("zebra.md", "walrus.md")
    base = shop.make_base(folder=False)
    with shop.database.write() as connection:
        SourceStore(connection, base).add("zip", str(archive))
    shop.build(base)
    write("zebra.md", "walrus.md", times=21)  # members of the same size and date are not read again
    whole = archive.read_bytes()
    damaged = bytearray(whole)
    damaged[60] ^= 0xFF
    for content, failed in ((damaged, "zebra.md"), (whole[:50], str(archive)), (b"", str(archive))):
        archive.write_bytes(content)
        assert list(failures(shop.events(base))) == [failed]
        assert shop.found_by_words(base, "lives") == ["walrus.md", "zebra.md"]
    write()
    assert failures(shop.events(base)) == {str(archive): "source_unavailable"}
    archive.unlink()
    assert list(failures(shop.events(base))) == [str(archive)]
    assert shop.found_by_words(base, "lives") == ["walrus.md", "zebra.md"]
    write("walrus.md")
    shop.build(base)
    assert {path: document.error for path, document in shop.documents(base).items()} == {"walrus.md": ""}


def test_what_an_uploaded_zip_is_cannot_be_set_as_an_option(shop: Workshop) -> None:
    base = shop.make_base(folder=False)
    with shop.database.write() as connection:
        store = SourceStore(connection, base)
        source = store.add("zip", "pages.zip", blob="0" * 64)
        changed = store.update(source.id, {"include": ["*.md"], "blob": ["/etc/passwd"]})
        assert (changed.blob, changed.options) == ("0" * 64, {"include": ["*.md"]})
    assert failures(shop.events(base)) == {"pages.zip": "source_unavailable"}
    list(shop.ingestor.collect_garbage())
