"""A zip: read member by member, and harmless whatever it holds."""

from __future__ import annotations

import random
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knowledge.config import MEGABYTE, ArchiveLimits
from knowledge.errors import UnreadableFile, UnsafeArchive
from knowledge.sources import Reading, ReadRequest, SourceItem
from knowledge.sources.options import SelectionOptions
from knowledge.sources.zip_archive import ZipReader

LIMITS = ArchiveLimits()


def write(path: Path, members: list[tuple[str | zipfile.ZipInfo, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def read_zip(path: Path, limits: ArchiveLimits, options: SelectionOptions | None = None) -> Reading:
    """The items of a zip; they may be opened as long as its file is there."""
    request = ReadRequest(location=str(path), options=options or SelectionOptions())
    with ZipReader(limits).open(request) as reading:
        return reading


def read(path: Path, limits: ArchiveLimits = LIMITS, options: SelectionOptions | None = None) -> dict[str, SourceItem]:
    return {item.path: item for item in read_zip(path, limits, options)}


def content(item: SourceItem) -> bytes:
    with item.open() as path:
        return path.read_bytes()


def test_members_are_files_while_they_are_open_and_the_top_folder_is_kept(tmp_path: Path) -> None:
    archive = write(tmp_path / "a.zip", [("top/a.md", b"one"), ("top/b/c.pdf", b"%PDF"), ("top/x.png", b"\x89PNG")])
    reading = read_zip(archive, LIMITS)
    for item, (path, expected) in zip(reading, [("top/a.md", b"one"), ("top/b/c.pdf", b"%PDF")], strict=True):
        assert item.path == path
        with item.open() as file:
            assert file.read_bytes() == expected
            assert file.suffix == Path(path).suffix
        assert not file.exists()
    assert reading.ignored == {".png": 1}


def test_members_can_be_opened_after_the_reading_has_ended(tmp_path: Path) -> None:
    items = read(write(tmp_path / "a.zip", [("a.md", b"one"), ("b.md", b"two")]))
    assert [content(item) for item in items.values()] == [b"one", b"two"]


def test_selection_counts_inside_archives_too(tmp_path: Path) -> None:
    archive = write(tmp_path / "a.zip", [("a.md", b""), ("b.txt", b""), (".git/x", b""), ("inner.zip", b"PK")])
    assert list(read(archive, options=SelectionOptions(exclude=("*.txt",)))) == ["a.md"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../evil.md", "leaves the archive"),
        ("a/../../evil.md", "leaves the archive"),
        ("..\\evil.md", "leaves the archive"),
        ("/etc/evil.md", "absolute"),
        ("\\\\server\\share\\evil.md", "absolute"),
        ("C:\\evil.md", "absolute"),
        ("c:evil.md", "absolute"),
        ("a" * 300 + ".md", "too long"),
        ("d/" * 600 + "evil.md", "too long"),
    ],
)
def test_members_that_would_leave_are_skipped_by_name_and_the_others_read(
    tmp_path: Path, name: str, reason: str
) -> None:
    items = list(read_zip(write(tmp_path / "a.zip", [(name, b"evil"), ("good.md", b"good")]), LIMITS))
    bad, good = items
    assert bad.status == "skipped"
    assert reason in bad.reason
    assert not bad.path.startswith("/")
    assert ".." not in bad.path
    assert content(good) == b"good"
    with pytest.raises(UnreadableFile), bad.open():
        pass


def test_links_doubles_and_encrypted_members_are_skipped(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.md")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.warns(UserWarning, match="Duplicate"):
        archive = write(
            tmp_path / "a.zip", [("a.md", b"first"), ("a.md", b"second"), (link, b"/etc/passwd"), ("secret.md", b"x")]
        )
    data = bytearray(archive.read_bytes())
    data[data.rindex(b"secret.md") - 46 + 8] |= 1  # the encryption flag in the directory
    archive.write_bytes(data)
    first, second, linked, secret = read_zip(archive, LIMITS)
    assert content(first) == b"first"
    assert "same name" in second.reason
    assert "link" in linked.reason
    assert "encrypted" in secret.reason


def test_names_in_gbk_are_read(tmp_path: Path) -> None:
    archive = write(tmp_path / "a.zip", [("XXXX/YYYYYYYY.md", b"1"), ("plain.md", b"2")])
    data = archive.read_bytes().replace(b"XXXX", "文档".encode("gbk")).replace(b"YYYYYYYY", "部署手册".encode("gbk"))
    archive.write_bytes(data)
    assert list(read(archive)) == ["文档/部署手册.md", "plain.md"]
    archive.write_bytes(
        data.replace("文档".encode("gbk"), b"abcd").replace("部署手册".encode("gbk"), "部署.m".encode())
    )
    assert list(read(archive)) == ["abcd/部署.m.md", "plain.md"]


def test_bombs_are_refused_as_a_whole(tmp_path: Path) -> None:
    bomb = write(tmp_path / "bomb.zip", [("a.txt", bytes(20 * MEGABYTE))])
    with pytest.raises(UnsafeArchive, match="zip bomb"):
        read_zip(bomb, LIMITS)
    with pytest.raises(UnsafeArchive, match="unpacks to"):
        read_zip(bomb, ArchiveLimits(max_unpacked_bytes=MEGABYTE))
    many = write(tmp_path / "many.zip", [(f"{number}.md", b"") for number in range(50)])
    with pytest.raises(UnsafeArchive, match="at most 10"):
        read_zip(many, ArchiveLimits(max_members=10))


def test_an_end_record_that_lies_about_its_members_is_not_believed(tmp_path: Path) -> None:
    many = write(tmp_path / "many.zip", [(f"{number}.md", b"") for number in range(50)])
    data = bytearray(many.read_bytes())
    struct.pack_into("<HH", data, len(data) - 14, 1, 1)
    many.write_bytes(data)
    with pytest.raises(UnsafeArchive):
        read_zip(many, ArchiveLimits(max_members=10))


def test_members_that_overlap_are_refused(tmp_path: Path) -> None:
    archive = write(tmp_path / "a.zip", [("a.md", bytes(range(256)) * 8), ("b.md", b"2"), ("c.md", b"3")])
    data = bytearray(archive.read_bytes())
    first = data.index(b"PK\x01\x02")
    size = data[first + 20 : first + 24]
    position = first
    for _ in range(2):
        position = data.index(b"PK\x01\x02", position + 4)
        data[position + 20 : position + 24] = size
    archive.write_bytes(data)
    with pytest.raises(UnsafeArchive, match="overlap"):
        read_zip(archive, LIMITS)


def test_one_suspicious_member_is_skipped_by_name(tmp_path: Path) -> None:
    noise = random.Random(0).randbytes(300_000)
    archive = write(tmp_path / "a.zip", [("zeros.txt", bytes(20 * MEGABYTE)), ("noise.txt", noise)])
    items = read(archive)
    assert "times its size" in items["zeros.txt"].reason
    assert content(items["noise.txt"]) == noise
    assert "larger than" in read(archive, ArchiveLimits(max_member_bytes=1000))["noise.txt"].reason


def test_a_damaged_member_is_unreadable_and_the_next_one_is_read(tmp_path: Path) -> None:
    archive = write(tmp_path / "a.zip", [("a.md", b"some words to damage " * 20), ("b.md", b"fine")])
    data = bytearray(archive.read_bytes())
    data[40:60] = bytes(20)
    archive.write_bytes(data)
    items = read(archive)
    with pytest.raises(UnreadableFile, match=r"a\.md cannot be unpacked"):
        content(items["a.md"])
    assert content(items["b.md"]) == b"fine"


@pytest.mark.parametrize("data", [b"", b"no zip", b"PK\x05\x06" + bytes(10), b"PK\x03\x04" + bytes(50)])
def test_what_is_no_zip_is_unreadable(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    with pytest.raises(UnreadableFile, match=r"a\.zip is damaged"):
        read_zip(path, LIMITS)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.floats(0, 1), patch=st.binary(min_size=1, max_size=12))
def test_damage_anywhere_ends_in_items_or_named_errors(tmp_path: Path, position: float, patch: bytes) -> None:
    archive = write(tmp_path / "a.zip", [("a/b.md", b"words " * 30), ("文档.md", b"x"), ("c.txt", b"")])
    data = archive.read_bytes()
    start = int(position * len(data))
    archive.write_bytes(data[:start] + patch + data[start + len(patch) :])
    try:
        for item in read_zip(archive, LIMITS):
            assert item.path.encode()
            if item.status == "ready":
                content(item)
    except (UnreadableFile, UnsafeArchive):
        pass


def test_messages_call_an_archive_as_its_owner_does(tmp_path: Path) -> None:
    bomb = write(tmp_path / "0123abcd", [("zeros.txt", bytes(20 * MEGABYTE))])
    request = ReadRequest(location="handbook.zip", options=SelectionOptions(), file=bomb)
    with (
        pytest.raises(UnsafeArchive, match=r"^handbook\.zip unpacks to more than"),
        ZipReader(LIMITS).open(request),
    ):
        pass


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("gb18030", ["运维手册/重启网关的步骤.md", "说明.txt"]),
        ("big5", ["維運手冊/重新啟動閘道.md", "說明文件.txt"]),
        ("shift_jis", ["運用マニュアル/サーバーの再起動.md", "メモ.txt"]),
        ("cp866", ["Отчёты/Перезапуск сервера.md", "Заметки.txt"]),
        ("cp437", ["Übersicht/Größe der Knoten.md", "café.txt"]),
        ("utf-8", ["Übersicht/重启.md"]),
        ("euc_kr", ["운영안내서/서버다시시작하기.md", "설명.txt"]),
    ],
)
def test_names_in_a_zip_are_read_as_its_maker_wrote_them(tmp_path: Path, encoding: str, names: list[str]) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            placeholder = zipfile.ZipInfo("x" * len(name.encode(encoding)))
            archive.writestr(placeholder, "text")
    data = path.read_bytes()
    for name in names:
        raw = name.encode(encoding)
        data = data.replace(b"x" * len(raw), raw, 2) if data.count(b"x" * len(raw)) >= 2 else data
    path.write_bytes(data)
    assert [item.path for item in read_zip(path, LIMITS)] == names
