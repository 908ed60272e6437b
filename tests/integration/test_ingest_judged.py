"""Paths of the machine are judged when they are read, and sizes before anything is copied."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.knowledge_bases.judged import judged_readers
from backend.knowledge_bases.paths import PathPolicy
from knowledge.config import MEGABYTE, ArchiveLimits, FetchConfig, ParsingLimits
from knowledge.events import BuildEvent, DocumentFailed
from knowledge.sources import Fetcher, source_readers
from knowledge.storage.bases import SourceStore
from knowledge.storage.database import Database
from knowledge.types import KnowledgeBase
from tests.workshop import Workshop


def workshop(database: Database, folder: Path, policy: PathPolicy) -> Workshop:
    readers = judged_readers(source_readers(Fetcher(FetchConfig()), ArchiveLimits()), policy)
    return Workshop(database, folder, readers=readers.values(), parsing=ParsingLimits(max_file_bytes=MEGABYTE))


@pytest.fixture
def policy(tmp_path: Path) -> PathPolicy:
    return PathPolicy(data_dir=tmp_path / "data", roots=(tmp_path / "shared",), open_to_others=True)


@pytest.fixture
def shop(database: Database, tmp_path: Path, policy: PathPolicy) -> Iterator[Workshop]:
    (tmp_path / "shared" / "docs").mkdir(parents=True)
    (tmp_path / "shared" / "docs" / "zebra.md").write_text("# Zebra\n\nThe zebra lives here.\n")
    with workshop(database, tmp_path, policy) as made:
        yield made


def base_of(shop: Workshop, location: Path, kind: str = "folder") -> KnowledgeBase:
    base = shop.make_base(folder=False)
    with shop.database.write() as connection:
        SourceStore(connection, base).add(kind, str(location))
    return base


def failures(events: list[BuildEvent]) -> dict[str, str]:
    return {event.path: event.code for event in events if isinstance(event, DocumentFailed)}


def test_a_link_changed_after_adding_is_not_followed_out_of_the_roots(shop: Workshop, tmp_path: Path) -> None:
    link = tmp_path / "shared" / "current"
    link.symlink_to(tmp_path / "shared" / "docs")
    base = base_of(shop, link)
    shop.build(base)
    assert set(shop.documents(base)) == {"zebra.md"}
    outside = tmp_path / "private"
    outside.mkdir()
    (outside / "secret.md").write_text("# Secret\n\nThe walrus knows.\n")
    link.unlink()
    link.symlink_to(outside)
    assert failures(shop.events(base)) == {str(link): "path_refused"}
    assert set(shop.documents(base)) == {"zebra.md"}, "what was read before stays"
    assert shop.found_by_words(base, "walrus") == []


def test_a_source_stored_before_the_roots_were_set_is_judged_by_them(shop: Workshop, tmp_path: Path) -> None:
    shop.write("otter.md", "# Otter\n")
    base = base_of(shop, shop.pages)
    assert failures(shop.events(base)) == {str(shop.pages): "path_refused"}
    assert shop.documents(base) == {} or set(shop.documents(base)) == {str(shop.pages)}


@pytest.mark.parametrize("inside", [".", "files", "artifacts", "indexes", "chatbot.db", "jobs.db-wal", "secret.key"])
def test_the_data_folder_is_never_read_not_even_for_the_local_user(
    database: Database, tmp_path: Path, policy: PathPolicy, inside: str
) -> None:
    place = tmp_path / "data" / inside
    place.mkdir(parents=True, exist_ok=True)
    (tmp_path / "data" / "files").mkdir(exist_ok=True)
    (place / "page.md").write_text("# Page\n")
    link = tmp_path / "link"
    link.symlink_to(place)
    with workshop(database, tmp_path, policy.for_local_user()) as shop:
        base = base_of(shop, link)
        assert failures(shop.events(base)) == {str(link): "path_refused"}


def test_the_local_user_reads_outside_the_roots(database: Database, tmp_path: Path, policy: PathPolicy) -> None:
    with workshop(database, tmp_path, policy.for_local_user()) as shop:
        shop.write("otter.md", "# Otter\n\nThe otter swims.\n")
        base = base_of(shop, shop.pages)
        assert failures(shop.events(base)) == {}
        assert set(shop.documents(base)) == {"otter.md"}


def test_a_zip_that_became_a_pipe_is_refused_without_waiting_for_a_writer(shop: Workshop, tmp_path: Path) -> None:
    pipe = tmp_path / "shared" / "docs.zip"
    os.mkfifo(pipe)
    base = base_of(shop, pipe, "zip")
    assert failures(shop.events(base)) == {str(pipe): "source_unavailable"}


def test_a_file_that_is_too_large_is_not_copied(shop: Workshop, tmp_path: Path) -> None:
    with (tmp_path / "shared" / "docs" / "huge.md").open("wb") as file:
        file.truncate(MEGABYTE + 1)
    base = base_of(shop, tmp_path / "shared" / "docs")
    assert failures(shop.events(base)) == {"huge.md": "file_too_large"}
    stored = [path.stat().st_size for path in (tmp_path / "data" / "files").rglob("*") if path.is_file()]
    assert all(size < MEGABYTE for size in stored)
    assert shop.documents(base)["zebra.md"].status == "indexed"
