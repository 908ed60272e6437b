"""Files by content: whole or not at all, once each, and swept away only when nobody wants them."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Collection
from pathlib import Path

import pytest

from knowledge.errors import FileTooLarge, NotFound
from knowledge.storage.file_blobs import FileBlobStore


@pytest.fixture
def store(tmp_path: Path) -> FileBlobStore:
    return FileBlobStore(tmp_path / "files")


def files(store: FileBlobStore) -> list[str]:
    return sorted(file.name for file in store.folder(".").rglob("*") if file.is_file())


def nothing(_: Collection[str]) -> Collection[str]:
    return ()


def test_what_was_put_is_read(store: FileBlobStore) -> None:
    with store.hold() as holding:
        blob = holding.put([b"one ", b"two"])
    assert blob.size == 7
    assert blob.content_hash == hashlib.sha256(b"one two").hexdigest()
    assert store.path(blob.content_hash).read_bytes() == b"one two"


def test_equal_content_is_kept_once(store: FileBlobStore) -> None:
    with store.hold() as holding:
        assert holding.put([b"same"]) == holding.put([b"sa", b"me"])
    assert len(files(store)) == 1


def test_an_unfinished_file_leaves_nothing(store: FileBlobStore) -> None:
    with store.hold() as holding:
        with holding.writer() as writer:
            writer.write(b"half of ")
        with pytest.raises(FileTooLarge):
            holding.put([b"x" * 60, b"y" * 60], max_bytes=100)
    assert files(store) == []


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "0" * 63, "G" * 64])
def test_only_hashes_name_files(store: FileBlobStore, name: str) -> None:
    with pytest.raises(NotFound):
        store.path(name)
    with pytest.raises(NotFound):
        store.path("0" * 64)


def test_a_sweep_takes_what_nobody_wants(store: FileBlobStore) -> None:
    with store.hold() as holding:
        kept, dropped = holding.put([b"kept"]), holding.put([b"dropped"])
    assert sum(store.collect_garbage(lambda hashes: {kept.content_hash} & set(hashes))) == 1
    assert files(store) == [kept.content_hash]
    with pytest.raises(NotFound):
        store.path(dropped.content_hash)


def test_a_sweep_leaves_what_is_held(store: FileBlobStore) -> None:
    with store.hold() as holding:
        blob = holding.put([b"about to be referred to"])
        assert sum(store.collect_garbage(nothing)) == 0
        assert store.path(blob.content_hash)
    assert sum(store.collect_garbage(nothing)) == 1


def test_content_held_by_one_and_put_before_by_another_stays(store: FileBlobStore) -> None:
    with store.hold() as first:
        first.put([b"shared"])
    with store.hold() as second:
        blob = second.put([b"shared"])
        assert sum(store.collect_garbage(nothing)) == 0
    assert store.path(blob.content_hash)


def test_what_the_dead_left_behind_counts_for_nothing_after_a_day(store: FileBlobStore) -> None:
    with store.hold() as holding:
        blob = holding.put([b"orphan"])
        [marks] = store.folder("held").iterdir()
        unfinished = store.folder("aside") / "half"
        unfinished.write_bytes(b"half")
        old = time.time() - 2 * 24 * 3600
        for path in (marks, unfinished):
            os.utime(path, (old, old))
        assert sum(store.collect_garbage(nothing)) == 1
    assert files(store) == []
    with pytest.raises(NotFound):
        store.path(blob.content_hash)


def test_a_sweep_that_was_killed_is_undone_by_the_next(store: FileBlobStore) -> None:
    with store.hold() as holding:
        blob = holding.put([b"lifted"])
    store.path(blob.content_hash).rename(store.folder("doomed") / blob.content_hash)
    assert sum(store.collect_garbage(lambda hashes: hashes)) == 0
    assert store.path(blob.content_hash).read_bytes() == b"lifted"


def test_sweeps_and_uploads_at_once_lose_nothing(store: FileBlobStore) -> None:
    """Rows are committed while the file is held; whatever has a row must still be there in the end."""
    committed: set[str] = set()
    done = threading.Event()

    def sweep() -> None:
        while not done.is_set():
            list(store.collect_garbage(lambda hashes: committed & set(hashes)))

    def upload(number: int) -> None:
        for round_ in range(40):
            with store.hold(durable=False) as holding:
                blob = holding.put([b"content %d" % (round_ % 7 + number % 2)])
                committed.add(blob.content_hash)
            committed.discard(blob.content_hash) if round_ < 33 and number else None

    sweeper = threading.Thread(target=sweep)
    uploaders = [threading.Thread(target=upload, args=(number,)) for number in range(3)]
    for thread in (sweeper, *uploaders):
        thread.start()
    for thread in uploaders:
        thread.join()
    done.set()
    sweeper.join()
    assert all(store.path(content_hash).is_file() for content_hash in committed)
