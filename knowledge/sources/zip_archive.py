"""A zip someone uploaded. It is never unpacked as a whole: each member becomes a temporary file while it is read."""

from __future__ import annotations

import re
import stat
import struct
import tempfile
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePath, PurePosixPath
from typing import BinaryIO, cast

from knowledge.config import ArchiveLimits
from knowledge.errors import DamagedFile, SourceUnavailable, UnreadableFile, UnsafeArchive
from knowledge.parsing.formats import suffix_of
from knowledge.sources.items import SETTLED_NS, Reading, SourceItem
from knowledge.sources.options import SelectionOptions
from knowledge.sources.reader import ReadRequest, local_path
from knowledge.sources.selection import Selection
from knowledge.sources.zip_names import member_names

BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, OSError, ValueError)
_ENCRYPTED = 0x1
_DRIVE = re.compile(r"^[A-Za-z]:")
_BLOCK = 1024 * 1024
_LONGEST_PATH, _LONGEST_NAME = 1_000, 255
_END_RECORD, _END_SIZE = b"PK\x05\x06", 22
_LOCATOR, _END_RECORD_64 = b"PK\x06\x07", b"PK\x06\x06"


class ZipReader:
    """Reads the files of zips, in the order of the archive, its folders kept.

    Members that would leave the archive's folder, are links, encrypted, doubled or too large are items with the
    reason; archives inside are not opened.
    """

    kind = "zip"
    options = SelectionOptions
    is_local = True

    def __init__(self, limits: ArchiveLimits) -> None:
        self._limits = limits

    @contextmanager
    def open(self, request: ReadRequest) -> Iterator[Reading]:
        """Raises UnsafeArchive when the archive as a whole is a bomb, UnreadableFile when it is no zip, and
        SourceUnavailable when it holds nothing though there were documents."""
        path = request.file or local_path(request.location)
        name = PurePath(request.location).name
        mark = {"blob": request.file.name} if request.file is not None else _stamp(path)
        if mark and mark == request.cursor and not request.fresh:
            yield Reading(iter(()), cursor=mark, unchanged=True)
            return
        members = _members(path, name, self._limits)
        if request.known and not members:
            count = len(request.known)
            raise SourceUnavailable(f"{name} holds no files, and {count:,} documents were in it. They stay.")
        ignored: Counter[str] = Counter()
        selection = cast("SelectionOptions", request.options).selection()
        with closing(_Shared(path)) as shared:
            items = _items(shared, members, self._limits, selection, ignored)
            yield Reading(items, ignored=ignored, cursor=mark)


def checked_members(path: Path, limits: ArchiveLimits) -> list[zipfile.ZipInfo]:
    """The members of a zip that is to be read as a whole, so that one that may not be read is reason enough to refuse
    it. Raises UnsafeArchive, also for a bomb, and UnreadableFile when it is no zip."""
    members = _members(path, path.name, limits)
    seen: set[str] = set()
    for member in members:
        problem = _problem(member, member.filename, limits)
        if problem or member.filename in seen:
            problem = problem or "Another member has the same name."
            raise UnsafeArchive(f"{path.name} cannot be read because of {member.filename[:100]!r} in it. {problem}")
        seen.add(member.filename)
    return members


def _members(path: Path, name: str, limits: ArchiveLimits) -> list[zipfile.ZipInfo]:
    _check_directory(path, name, limits)
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.filename.endswith(("/", "\\"))]
    except BROKEN_ZIP as error:
        raise DamagedFile(f"{name} is damaged: it is not a readable zip.") from error
    _check_whole(members, path.stat().st_size, name, limits)
    return members


def _items(
    shared: _Shared, members: list[zipfile.ZipInfo], limits: ArchiveLimits, selection: Selection, ignored: Counter[str]
) -> Iterator[SourceItem]:
    seen: set[str] = set()
    for member, name in zip(members, member_names(members), strict=True):
        problem = _problem(member, name, limits)
        clean = _clean(name)
        verdict = selection.of(clean) if clean else "read"
        if verdict == "ignored":
            ignored[suffix_of(clean) or PurePosixPath(clean).name] += 1
        elif verdict == "read":
            problem = problem or ("Another member has the same name." if clean in seen else "")
            seen.add(clean)
            yield _item(shared, member, clean, problem, limits)


def _item(shared: _Shared, member: zipfile.ZipInfo, name: str, problem: str, limits: ArchiveLimits) -> SourceItem:
    if problem:
        return SourceItem(path=name or "unnamed", size=member.file_size, status="skipped", reason=problem)
    return SourceItem(
        path=name,
        size=member.file_size,
        modified=_modified(member),
        opener=lambda: _unpacked(shared, member, name, limits),
    )


class _Shared:
    """One open archive for all members; reading its directory anew for each would be slow."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._archive: zipfile.ZipFile | None = None

    def opened(self) -> zipfile.ZipFile:
        if self._archive is None:
            self._archive = zipfile.ZipFile(self._path)
        return self._archive

    def close(self) -> None:
        if self._archive is not None:
            self._archive.close()
            self._archive = None


def _stamp(path: Path) -> dict[str, int]:
    """What tells that a file is still the same; nothing while it is too fresh to tell."""
    try:
        status = path.stat()
    except OSError:
        return {}
    if time.time_ns() - status.st_mtime_ns < SETTLED_NS:
        return {}
    return {"size": status.st_size, "modified_ns": status.st_mtime_ns}


@contextmanager
def _unpacked(shared: _Shared, member: zipfile.ZipInfo, name: str, limits: ArchiveLimits) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile(suffix=suffix_of(name)[:16]) as target:
        try:
            with shared.opened().open(member) as content:
                written = 0
                while block := content.read(_BLOCK):
                    written += len(block)
                    if written > limits.max_member_bytes:
                        raise UnreadableFile(f"{name} is larger than the archive says.")
                    target.write(block)
            target.flush()
        except BROKEN_ZIP as error:
            raise DamagedFile(f"{name} cannot be unpacked: it is damaged.") from error
        yield Path(target.name)


def _check_directory(path: Path, name: str, limits: ArchiveLimits) -> None:
    """Look at the end record before zipfile loads the whole directory into memory."""
    try:
        if not path.is_file():
            raise UnreadableFile(f"There is no file {name}.")
        with path.open("rb") as file:
            count = _claimed_count(file)
    except OSError as error:
        raise UnreadableFile(f"{name} cannot be opened: {error.strerror or type(error).__name__}.") from error
    if count > limits.max_members:
        raise UnsafeArchive(f"{name} holds at least {count:,} files; at most {limits.max_members:,} are read.")


def _claimed_count(file: BinaryIO) -> int:
    """Members as the end record counts them, or as the size of the directory makes inevitable, whichever is more."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END_SIZE - 65_536))
    tail = file.read()
    start = tail.rfind(_END_RECORD)
    if start < 0 or len(tail) < start + _END_SIZE:
        return 0
    count: int
    directory: int
    count, directory = struct.unpack_from("<HI", tail, start + 10)
    if (locator := tail.rfind(_LOCATOR, 0, start)) >= 0 and len(tail) >= locator + 16:
        file.seek(min(struct.unpack_from("<Q", tail, locator + 8)[0], size))
        record = file.read(56)
        if record.startswith(_END_RECORD_64) and len(record) == 56:
            count, directory = struct.unpack_from("<QQ", record, 32)
    # An entry takes 46 bytes, its name and extras; nobody's take five hundred on average.
    return max(count, min(directory, size) // 512)


def _check_whole(members: list[zipfile.ZipInfo], packed: int, name: str, limits: ArchiveLimits) -> None:
    if len(members) > limits.max_members:
        raise UnsafeArchive(f"{name} holds {len(members):,} files; at most {limits.max_members:,} are read.")
    unpacked = sum(member.file_size for member in members)
    if unpacked > limits.max_unpacked_bytes:
        raise UnsafeArchive(f"{name} unpacks to {unpacked:,} bytes; at most {limits.max_unpacked_bytes:,} are allowed.")
    if unpacked > limits.ratio_applies_above and unpacked > limits.max_ratio * packed:
        raise UnsafeArchive(f"{name} unpacks to more than {limits.max_ratio} times its size, as a zip bomb does.")
    if sum(member.compress_size for member in members) > packed:
        raise UnsafeArchive(f"{name} has members that overlap, as a zip bomb does.")


def _problem(member: zipfile.ZipInfo, name: str, limits: ArchiveLimits) -> str:
    """Why a member is not read, as a sentence; "" when it is."""
    parts = name.replace("\\", "/").split("/")
    kind = stat.S_IFMT(member.external_attr >> 16)
    ratio = member.file_size / max(1, member.compress_size)
    problems = (
        (name.startswith(("/", "\\")) or _DRIVE.match(name), "Its path is absolute."),
        (".." in parts, "Its path leaves the archive."),
        (not _clean(name) or "\x00" in name, "It has no usable name."),
        (len(name) > _LONGEST_PATH or any(len(part) > _LONGEST_NAME for part in parts), "Its path is too long."),
        (kind not in (0, stat.S_IFREG), "It is a link or a device."),
        (member.flag_bits & _ENCRYPTED, "It is encrypted."),
        (member.file_size > limits.max_member_bytes, f"It is larger than {limits.max_member_bytes:,} bytes."),
        (
            member.file_size > limits.ratio_applies_above and ratio > limits.max_ratio,
            f"It unpacks to more than {limits.max_ratio} times its size.",
        ),
    )
    return next((reason for found, reason in problems if found), "")


def _clean(name: str) -> str:
    """A member's path as a relative POSIX path without steps, fit to show and to store."""
    parts = [part for part in _DRIVE.sub("", name).replace("\\", "/").split("/") if part not in ("", ".", "..")]
    text = "/".join(parts).encode("utf-8", errors="replace").decode("utf-8")
    return re.sub(r"[\x00-\x1f\x7f]", "", text)[:_LONGEST_PATH]


def _modified(member: zipfile.ZipInfo) -> float:
    try:
        return datetime(*member.date_time, tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0
