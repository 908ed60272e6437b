"""Multipart bodies are counted whole, fields and files, and are never kept in memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import anyio
import pytest
from starlette.requests import Request
from starlette.types import Message

from backend.api.uploads import PARTS_BESIDES_FILES, Upload, read_upload
from backend.errors import BodyTooLarge, Malformed
from knowledge.storage.file_blobs import FileBlobStore

MEGABYTE = 1024 * 1024
HEAD = b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n'


def field(name: str, size: int) -> Iterator[bytes]:
    yield HEAD % (name.encode(), b"")
    for start in range(0, size, 65_536):
        yield b"v" * min(65_536, size - start)
    yield b"\r\n"


def file(name: str, content: bytes) -> Iterator[bytes]:
    yield HEAD % (b"files", f'; filename="{name}"'.encode())
    yield content + b"\r\n"


def body(*parts: Iterator[bytes]) -> Iterator[bytes]:
    for part in parts:
        yield from part
    yield b"--x--\r\n"


def read(folder: Path, blocks: Iterator[bytes], *, max_files: int = 10, max_body_bytes: int = 1 << 40) -> Upload:
    async def receive() -> Message:
        block = next(blocks, None)
        return {"type": "http.request", "body": block or b"", "more_body": block is not None}

    async def run() -> Upload:
        scope = {"type": "http", "headers": [(b"content-type", b"multipart/form-data; boundary=x")], "method": "POST"}
        with FileBlobStore(folder).hold(durable=False) as holding:
            return await read_upload(
                Request(scope, receive), holding.writer, max_files=max_files, max_body_bytes=max_body_bytes
            )

    return anyio.run(run)


def test_fields_take_no_memory(tmp_path: Path) -> None:
    fields = (field(f"f{number}", MEGABYTE) for number in range(100))
    tracemalloc.start()
    try:
        upload = read(tmp_path, body(*fields, file("a.md", b"text")))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [each.path for each in upload.files] == ["a.md"]
    assert peak < 20 * MEGABYTE


def padded(size: int, where: str) -> Iterator[bytes]:
    """A body of one file, with so many bytes where neither a field nor a file is."""
    if where == "before":
        yield from (b"p" * 65_536 for _ in range(size // 65_536))
        yield b"\r\n"
    if where == "header":
        yield b'--x\r\nContent-Disposition: form-data; name="f"\r\nX-Long: '
        yield from (b"h" * 65_536 for _ in range(size // 65_536))
        yield b"\r\n\r\nv\r\n"
    if where == "name":
        yield b'--x\r\nContent-Disposition: form-data; name="'
        yield from (b"n" * 65_536 for _ in range(size // 65_536))
        yield b'"\r\n\r\nv\r\n'
    if where == "headers":
        yield b'--x\r\nContent-Disposition: form-data; name="f"\r\n'
        yield from (b"X-%d: h\r\n" % number for number in range(size // 12))
        yield b"\r\nv\r\n"
    yield from file("a.md", b"text")
    yield b"--x--\r\n"
    if where == "after":
        yield from (b"e" * 65_536 for _ in range(size // 65_536))


@pytest.mark.parametrize("where", ["before", "header", "name", "headers", "after"])
def test_no_other_part_of_a_body_takes_memory(tmp_path: Path, where: str) -> None:
    tracemalloc.start()
    try:
        with suppress(Malformed):
            assert [each.path for each in read(tmp_path, padded(60 * MEGABYTE, where)).files] == ["a.md"]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * MEGABYTE
    with pytest.raises((BodyTooLarge, Malformed)):
        read(tmp_path, padded(3 * MEGABYTE, where), max_body_bytes=2 * MEGABYTE)


@pytest.mark.parametrize("part", [field("f", 3 * MEGABYTE), file("a.md", b"x" * 3 * MEGABYTE)])
def test_fields_and_files_count_alike(tmp_path: Path, part: Iterator[bytes]) -> None:
    with pytest.raises(BodyTooLarge):
        read(tmp_path, body(part), max_body_bytes=2 * MEGABYTE)


@pytest.mark.parametrize("kind", ["field", "file"])
def test_parts_without_end_are_refused(tmp_path: Path, kind: str) -> None:
    def parts() -> Iterator[bytes]:
        for number in range(PARTS_BESIDES_FILES + 20):
            yield from field("f", 1) if kind == "field" else file(f"{number}.md", b"x")

    with pytest.raises(BodyTooLarge):
        read(tmp_path, body(parts()))


def test_files_beyond_the_number_are_named(tmp_path: Path) -> None:
    upload = read(tmp_path, body(*(file(f"{number}.md", b"x") for number in range(12))))
    assert len(upload.files) == 10
    assert [each.path for each in upload.refused] == ["10.md", "11.md"]


def test_a_name_that_comes_twice_is_taken_once(tmp_path: Path) -> None:
    upload = read(tmp_path, body(file("a.md", b"x"), file("a.md", b"y")))
    assert (len(upload.files), len(upload.refused)) == (1, 1)


def test_what_breaks_off_is_malformed(tmp_path: Path) -> None:
    with pytest.raises(Malformed):
        read(tmp_path, file("a.md", b"x"))
