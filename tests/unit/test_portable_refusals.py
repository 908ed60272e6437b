"""Exports that are torn, changed or meant to do harm are refused as a whole, in a sentence, and leave nothing."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from knowledge.config import ArchiveLimits
from knowledge.errors import KnowledgeError, UnreadableFile, UnsafeArchive
from knowledge.portable import open_import
from knowledge.storage.database import Database
from knowledge.storage.tables import metadata, sources
from tests.carrying import (
    LIMITS,
    bring,
    built,
    complete,
    delete,
    documents_of,
    export,
    manifest_of,
    names_of_bases,
    rewrite,
)
from tests.workshop import Workshop


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An export that is as it should be."""
    with _workshop(tmp_path_factory.mktemp("from")) as made:
        export(made, built(made), made.pages.parent / "docs.zip")
        return (made.pages.parent / "docs.zip").read_bytes()


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """Where it goes: nothing is there yet."""
    with _workshop(tmp_path_factory.mktemp("to")) as made:
        yield made


@pytest.fixture
def file(whole: bytes, tmp_path: Path) -> Path:
    written = tmp_path / "docs.zip"
    written.write_bytes(whole)
    return written


def _workshop(folder: Path) -> Workshop:
    database = Database(f"sqlite:///{folder}/chatbot.db")
    with database.write() as connection:
        metadata.create_all(connection)
    return Workshop(database, folder)


def refused(workshop: Workshop, file: Path, limits: ArchiveLimits = LIMITS) -> KnowledgeError:
    """Why it is refused; nothing of it is left but files that nothing refers to."""
    before = names_of_bases(workshop)
    with pytest.raises((UnreadableFile, UnsafeArchive)) as found:
        bring(workshop, file, limits=limits)
    assert names_of_bases(workshop) == before
    list(workshop.ingestor.collect_garbage())
    assert workshop.broken() == []
    return found.value


def test_a_truncated_export_is_refused_wherever_it_ends(workshop: Workshop, file: Path) -> None:
    content = file.read_bytes()
    for share in (0, 0.01, 0.3, 0.7, 0.99):
        file.write_bytes(content[: int(len(content) * share)])
        assert "again" in str(refused(workshop, file))
    file.write_bytes(content[:-1])
    refused(workshop, file)


def test_a_changed_byte_is_found(workshop: Workshop, file: Path) -> None:
    content = bytearray(file.read_bytes())
    with zipfile.ZipFile(file) as archive:
        members = {member.filename: member.header_offset + 60 + len(member.filename) for member in archive.infolist()}
    for name in ("documents.jsonl", next(name for name in members if name.startswith("files/")), "vectors/0-0"):
        changed = bytearray(content)
        changed[members[name]] ^= 0xFF
        file.write_bytes(changed)
        assert "damaged" in str(refused(workshop, file))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"manifest.json": None}, "kb build"),
        ({"manifest.json": b"[]"}, "damaged"),
        ({"manifest.json": b"\x00not json"}, "no JSON"),
        ({"manifest.json": b"[" * 100_000}, "no JSON"),
        ({"manifest.json": b'{"format":' * 100_000}, "no JSON"),
        ({"documents.jsonl": b""}, "0 of 10 documents"),
        ({"documents.jsonl": b"{}\n"}, "damaged"),
        ({"documents.jsonl": b"x" * (5 * 1024 * 1024)}, "too long"),
        ({"vectors/0-0": b"torn"}, "not whole"),
        ({"vectors/0-0": None}, "missing"),
        ({"../../evil.md": b"x"}, "leaves the archive"),
        ({"/etc/evil.md": b"x"}, "absolute"),
        ({"evil.md": b"x"}, "no export has"),
        ({f"files/{'a' * 64}": b"not of this hash"}, "not what it was"),
    ],
)
def test_what_is_not_as_it_should_be_is_refused(
    workshop: Workshop, file: Path, changes: dict[str, bytes | None], said: str
) -> None:
    assert said in str(refused(workshop, rewrite(file, changes)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"path": "../../etc/cron.d/x"}, "leaves its folder"),
        ({"path": "/etc/passwd"}, "leaves its folder"),
        ({"path": "a\\..\\..\\x"}, "leaves its folder"),
        ({"source": 7}, "source of"),
        ({"content_hash": "b" * 64}, "file of"),
        ({"content_hash": "", "status": "indexed"}, "has no file"),
        ({"content_hash": "../../../etc/passwd"}, "damaged"),
        ({"modified_ns": 2**70}, "damaged"),
    ],
)
def test_documents_that_cannot_be_are_refused(
    workshop: Workshop, file: Path, change: dict[str, Any], said: str
) -> None:
    first, *others = documents_of(file)
    lines = "".join(json.dumps(each) + "\n" for each in [{**first, **change}, *others])
    assert said in str(refused(workshop, rewrite(file, {"documents.jsonl": lines.encode()})))


def test_a_later_format_says_what_to_install(workshop: Workshop, file: Path) -> None:
    later = json.dumps({**manifest_of(file), "version": 2, "sources": "are something else by then"}).encode()
    assert "later version" in str(refused(workshop, rewrite(file, {"manifest.json": later})))


def test_bombs_are_refused_by_the_limits_of_zips(workshop: Workshop, file: Path) -> None:
    bomb = rewrite(file, {f"files/{'a' * 64}": b"\0" * (30 * 1024 * 1024)})
    assert "times its size" in str(refused(workshop, bomb))
    assert "at most 5 " in str(refused(workshop, file, ArchiveLimits(max_members=5)))
    assert "at most 1,000 " in str(refused(workshop, file, ArchiveLimits(max_unpacked_bytes=1000)))


def test_a_bomb_is_named_as_it_was_sent(workshop: Workshop, file: Path) -> None:
    bomb = rewrite(file, {f"files/{'a' * 64}": b"\0" * (30 * 1024 * 1024)})
    with pytest.raises(UnsafeArchive, match=r"\Aruns\.zip "), open_import(bomb, LIMITS, name="runs.zip"):
        pass


def test_an_archive_cannot_lay_hands_on_files_of_other_bases(workshop: Workshop, file: Path) -> None:
    """A source of it that names a file of the store, or a folder of this machine, leads to neither."""
    secret = workshop.data.parent / "private"
    secret.mkdir()
    (secret / "diary.md").write_text("# Diary\n\nNobody knows.\n")
    stored = documents_of(file)[0]["content_hash"]
    manifest = manifest_of(file)
    manifest["sources"] += [
        {"kind": "zip", "location": "x.zip", "options": {"blob": stored}},
        {"kind": "folder", "location": str(secret), "options": {}},
    ]
    copy = bring(workshop, rewrite(file, {"manifest.json": json.dumps(manifest).encode()}))
    workshop.build(copy)
    assert len(workshop.documents(copy)) == 10
    with workshop.database.write() as connection:
        connection.execute(update(sources).where(sources.c.knowledge_base_id == copy.id).values(options={}))
    assert workshop.found_by_words(copy, "diary") == []
    delete(workshop, copy)


def test_vectors_that_are_none_are_made_anew(workshop: Workshop, file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        vectors = bytearray(archive.read("vectors/0-0"))
    record = 16 + 32 * 4
    vectors[16:record] = b"\xff" * (record - 16)  # not a number, 32 times
    vectors[record + 16 : 2 * record] = b"\0" * (record - 16)
    changed = rewrite(file, {"vectors/0-0": bytes(vectors)})
    copy = bring(workshop, changed)
    assert complete(workshop, copy)[0].embedded == 2
    assert workshop.broken() == []
    delete(workshop, copy)
