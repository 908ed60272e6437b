"""Books: the chapters of an EPUB in reading order."""

from __future__ import annotations

import posixpath
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from knowledge.config import ParsingLimits
from knowledge.errors import DamagedFile, EncryptedFile, UnreadableFile
from knowledge.parsing.containers import bounded, open_container, parse_xml, read_member
from knowledge.parsing.decoding import decode
from knowledge.parsing.draft import Draft, MarkdownWriter, one_line
from knowledge.parsing.html import read_html
from knowledge.parsing.markdown import first_heading


def read_epub(path: Path, name: str, limits: ParsingLimits) -> Draft:
    """The chapters of a book as Markdown. Raises UnreadableFile when it is damaged or protected."""
    with open_container(path, name, limits) as archive:
        limits = bounded(archive, limits)
        package_path = _package_path(archive)
        package = parse_xml(read_member(archive, package_path))
        if package is None:
            raise DamagedFile(f"{name} is damaged: it has no package file, so its chapters cannot be found.")
        chapters = _spine(package, posixpath.dirname(package_path))
        if not chapters:
            raise UnreadableFile(f"{name} lists no chapters.")
        if "META-INF/encryption.xml" in archive.namelist() and _is_protected(archive, chapters):
            raise EncryptedFile(f"{name} is protected (DRM); it cannot be read.")
        writer = MarkdownWriter(limits.max_text_chars)
        missing = 0
        noted: dict[str, None] = {}
        for number, member in enumerate(chapters[: limits.max_pages], start=1):
            data = read_member(archive, member)
            missing += not data
            decoded = decode(data) if data else None
            if decoded is None:
                continue
            chapter = read_html(decoded.text, limits)
            noted.update(dict.fromkeys(chapter.warnings))
            if chapter.text.strip():
                writer.page(first_heading(chapter.text) or f"chapter {number}")
                writer.add(chapter.text)
            if writer.full:
                break
    warnings = [*noted, *([f"{missing} chapters are missing or damaged"] if missing else [])]
    if len(chapters) > limits.max_pages:
        warnings.append(f"only the first {limits.max_pages:,} of {len(chapters):,} chapters were read")
    metadata = _metadata(package)
    return writer.draft(title=metadata.pop("title", ""), metadata=metadata, warnings=warnings)


def _package_path(archive: zipfile.ZipFile) -> str:
    container = parse_xml(read_member(archive, "META-INF/container.xml"))
    if container is not None:
        for element in container.iter("{*}rootfile"):
            if path := element.get("full-path"):
                return unquote(path)
    return next((member for member in archive.namelist() if member.lower().endswith(".opf")), "")


def _spine(package: Any, folder: str) -> list[str]:
    items = {item.get("id"): item.get("href") or "" for item in package.iter("{*}item")}
    hrefs = [items.get(reference.get("idref"), "") for reference in package.iter("{*}itemref")]
    members = (posixpath.normpath(posixpath.join(folder, unquote(href.partition("#")[0]))) for href in hrefs if href)
    return list(dict.fromkeys(members))  # a book may come back to a chapter, but need not be read twice


def _is_protected(archive: zipfile.ZipFile, chapters: list[str]) -> bool:
    encryption = parse_xml(read_member(archive, "META-INF/encryption.xml"))
    references = () if encryption is None else encryption.iter("{*}CipherReference")
    return not {unquote(each.get("URI") or "") for each in references}.isdisjoint(chapters)


def _metadata(package: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    for key, tag in (("title", "title"), ("author", "creator"), ("published", "date"), ("publisher", "publisher")):
        element = next(package.iter(f"{{http://purl.org/dc/elements/1.1/}}{tag}"), None)
        if element is not None and (value := one_line("".join(element.itertext()))):
            metadata[key] = value
    return metadata
