"""Zip containers (office files, books) opened with care: bombs, encryption and XML with entities are refused."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from lxml import etree  # type: ignore[import-untyped]

from knowledge.config import MEGABYTE, ParsingLimits
from knowledge.errors import DamagedFile, EncryptedFile, FileTooLarge, UnreadableFile

_RATIO_APPLIES_ABOVE = 10 * MEGABYTE
_TEXT_RATIO = 6
_TEXT_ALWAYS = 100_000
_PROLOG = 64 * 1024
_DOCTYPE = re.compile(rb"<\0?!\0?D\0?O\0?C\0?T\0?Y\0?P\0?E|<\0?!\0?E\0?N\0?T\0?I\0?T\0?Y", re.IGNORECASE)
_XML = (".xml", ".rels", ".vml", ".opf", ".ncx")
BROKEN = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, OSError, ValueError)
"""What zipfile raises for damaged, encrypted or exotic archives."""


@contextmanager
def open_container(path: Path, name: str, limits: ParsingLimits) -> Iterator[zipfile.ZipFile]:
    """An office file or book as a zip, after a look at its directory. Raises UnreadableFile and FileTooLarge."""
    try:
        archive = zipfile.ZipFile(path)
    except BROKEN as error:
        raise DamagedFile(f"{name} is damaged: it is not a readable zip container.") from error
    with archive:
        _check(archive, name, limits)
        yield archive


def check_container(path: Path, name: str, limits: ParsingLimits) -> ParsingLimits:
    """The limits of what is made of it. Raises UnreadableFile or FileTooLarge unless every member is small enough, not
    encrypted and free of entities."""
    with open_container(path, name, limits) as archive:
        for member in archive.infolist():
            if member.filename.lower().endswith(_XML):
                with archive.open(member) as file:
                    if _DOCTYPE.search(file.read(_PROLOG)):
                        raise UnreadableFile(f"{name} holds XML with a document type, which office files never have.")
        return bounded(archive, limits)


def bounded(archive: zipfile.ZipFile, limits: ParsingLimits) -> ParsingLimits:
    """The limits with no more text than a few times what the container unpacks to: it may refer to one member over and
    over."""
    most = _TEXT_RATIO * sum(member.file_size for member in archive.infolist()) + _TEXT_ALWAYS
    return replace(limits, max_text_chars=min(limits.max_text_chars, most))


def read_member(archive: zipfile.ZipFile, member: str) -> bytes:
    """The bytes of a member; b"" when it is missing or damaged."""
    try:
        return archive.read(member)
    except (KeyError, *BROKEN):
        return b""


def count_members(path: Path, prefixes: Mapping[str, str]) -> list[str]:
    """Warnings of what is left out, by the beginnings of members' names: `{"xl/media/": "pictures"}`."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    counts = {what: sum(name.startswith(prefix) for name in names) for prefix, what in prefixes.items()}
    return [f"{count} {what} were not read" for what, count in counts.items() if count]


def parse_xml(data: bytes) -> etree._Element | None:
    """The root of an XML file, read without entities and network; None when it cannot be read."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True)
    try:
        return etree.fromstring(data, parser) if data.strip() else None
    except (etree.XMLSyntaxError, ValueError):
        return None


def _check(archive: zipfile.ZipFile, name: str, limits: ParsingLimits) -> None:
    members = archive.infolist()
    if len(members) > limits.max_members:
        raise FileTooLarge(f"{name} holds {len(members):,} files inside; at most {limits.max_members:,} are read.")
    unpacked = sum(member.file_size for member in members)
    if unpacked > limits.max_unpacked_bytes:
        raise FileTooLarge(f"{name} unpacks to {unpacked:,} bytes; at most {limits.max_unpacked_bytes:,} are read.")
    for member in members:
        if member.flag_bits & 0x1:
            raise EncryptedFile(f"{name} is encrypted; save it without a password.")
        if member.file_size > _RATIO_APPLIES_ABOVE and member.file_size > limits.max_ratio * max(
            1, member.compress_size
        ):
            raise FileTooLarge(f"{name} unpacks to more than {limits.max_ratio} times its size, as a zip bomb does.")
