"""Every store of raw files keeps each content once, whole, and as long as anybody refers to it or holds it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from knowledge.errors import FileTooLarge, NotFound
from knowledge.storage.blobs import Blob, BlobStore, Referenced, blocks_of
from knowledge.storage.file_blobs import FileBlobStore


class MemoryBlobStore:
    """The fake: a dictionary, for the threads of one process; a file is made of what somebody wants to read."""

    def __init__(self, folder: Path) -> None:
        self.contents: dict[str, bytes] = {}
        self.held: Counter[str] = Counter()
        self._folder = folder

    @contextmanager
    def hold(self, *, durable: bool = True) -> Iterator[MemoryHolding]:
        holding = MemoryHolding(self)
        try:
            yield holding
        finally:
            self.held.subtract(holding.mine)

    def contains(self, content_hash: str) -> bool:
        return content_hash in self.contents

    def path(self, content_hash: str) -> Path:
        if content_hash not in self.contents:
            raise NotFound("The file is not in the store.")
        path = self._folder / content_hash
        path.write_bytes(self.contents[content_hash])
        return path

    def collect_garbage(self, referenced: Referenced) -> Iterator[int]:
        wanted = set(referenced(list(self.contents)))
        doomed = [each for each in self.contents if each not in wanted and not self.held[each]]
        for content_hash in doomed:
            del self.contents[content_hash]
        yield len(doomed)


class MemoryHolding:
    def __init__(self, store: MemoryBlobStore) -> None:
        self._store = store
        self.mine: list[str] = []

    def writer(self, *, max_bytes: int | None = None) -> MemoryWriter:
        return MemoryWriter(self, max_bytes)

    def put(self, blocks: Iterable[bytes], *, max_bytes: int | None = None) -> Blob:
        with self.writer(max_bytes=max_bytes) as writer:
            for block in blocks:
                writer.write(block)
            return writer.finish()

    def claim(self, content_hash: str) -> bool:
        self.mine.append(content_hash)
        self._store.held[content_hash] += 1
        return self._store.contains(content_hash)

    def keep(self, content: bytes) -> Blob:
        content_hash = hashlib.sha256(content).hexdigest()
        self.claim(content_hash)
        self._store.contents[content_hash] = content
        return Blob(content_hash=content_hash, size=len(content))


class MemoryWriter:
    def __init__(self, holding: MemoryHolding, max_bytes: int | None) -> None:
        self._holding = holding
        self._max_bytes = max_bytes
        self._content = bytearray()

    def write(self, block: bytes) -> None:
        self._content += block
        if self._max_bytes is not None and len(self._content) > self._max_bytes:
            raise FileTooLarge("The file is too large.")

    def finish(self) -> Blob:
        return self._holding.keep(bytes(self._content))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._content.clear()


STORES: dict[str, Callable[[Path], BlobStore]] = {
    "folder": lambda folder: FileBlobStore(folder / "files"),
    "memory": MemoryBlobStore,
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    return STORES[request.param](tmp_path)


def nothing(_: Collection[str]) -> Collection[str]:
    return ()


def test_what_was_put_is_read(store: BlobStore) -> None:
    with store.hold() as holding:
        blob = holding.put([b"one ", b"two"])
    assert blob == Blob(content_hash=hashlib.sha256(b"one two").hexdigest(), size=7)
    assert store.contains(blob.content_hash)
    assert b"".join(blocks_of(store.path(blob.content_hash))) == b"one two"


def test_equal_content_is_one_file(store: BlobStore) -> None:
    with store.hold() as holding:
        assert holding.put([b"same"]) == holding.put([b"sa", b"me"])
    assert sum(store.collect_garbage(nothing)) == 1


def test_what_is_not_finished_is_not_there(store: BlobStore) -> None:
    with store.hold() as holding:
        with holding.writer() as writer:
            writer.write(b"half of ")
        with pytest.raises(FileTooLarge):
            holding.put([b"x" * 60, b"y" * 60], max_bytes=100)
    assert not store.contains(hashlib.sha256(b"half of ").hexdigest())
    assert sum(store.collect_garbage(nothing)) == 0


def test_what_is_not_there_is_not_found(store: BlobStore) -> None:
    assert not store.contains("0" * 64)
    with pytest.raises(NotFound):
        store.path("0" * 64)
    with store.hold() as holding:
        assert not holding.claim("0" * 64)


def test_only_what_nobody_refers_to_is_collected(store: BlobStore) -> None:
    with store.hold() as holding:
        kept, dropped = holding.put([b"kept"]), holding.put([b"dropped"])
    assert sum(store.collect_garbage(lambda hashes: {kept.content_hash} & set(hashes))) == 1
    assert store.contains(kept.content_hash)
    assert not store.contains(dropped.content_hash)


def test_what_is_held_is_not_collected(store: BlobStore) -> None:
    with store.hold() as first:
        blob = first.put([b"about to be referred to"])
        with store.hold() as second:
            assert second.claim(blob.content_hash)
        assert sum(store.collect_garbage(nothing)) == 0
    assert sum(store.collect_garbage(nothing)) == 1
