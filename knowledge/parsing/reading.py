"""The one way in: picks the reader for a file and turns whatever it does into a document or a named error."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from knowledge.config import MEGABYTE, ParsingLimits
from knowledge.errors import DamagedFile, EmptyFile, FileTooLarge, NotText, UnreadableFile, WithoutText
from knowledge.parsing import formats
from knowledge.parsing.decoding import Decoded, clean, decode
from knowledge.parsing.draft import Draft, json_safe, one_line
from knowledge.parsing.formats import Format
from knowledge.parsing.markdown import links_of
from knowledge.text.analysis import language_of
from knowledge.types import Language, ParsedDocument

_HEAD = 8_192
_SAMPLE = 30_000


def supported(name: str) -> bool:
    """Whether a file of this name is read; a file of another name may still be, when its content is text."""
    return formats.by_name(name) is not None


def parse(path: Path, *, name: str, limits: ParsingLimits, media_type: str | None = None) -> ParsedDocument:
    """The document in the file at `path`, which users know as `name`.

    Raises UnreadableFile (or FileTooLarge) with a sentence that names the file and the reason, and nothing else,
    whatever the file holds. `media_type` decides only where the name says nothing.
    """
    shown = one_line(PurePosixPath(name.replace("\\", "/")).name or name, 200)
    try:
        found, decoded = _open(path, shown, name, limits, media_type)
        draft = _read(path, shown, found, decoded, limits)
        if not draft.text.strip():
            raise WithoutText(f"{shown} holds no text.")
        if len(draft.text) > limits.max_text_chars:
            raise FileTooLarge(
                f"{shown} holds {len(draft.text):,} characters of text; at most {limits.max_text_chars:,} of one file "
                "are indexed. Split it into smaller files."
            )
        return _document(draft, found, shown, decoded)
    except UnreadableFile:
        raise
    except MemoryError as error:
        raise FileTooLarge(f"{shown} needs more memory than a file may take to be read.") from error
    except RecursionError as error:
        raise UnreadableFile(f"{shown} is nested too deeply to be read.") from error
    except OSError as error:
        raise UnreadableFile(f"{shown} cannot be opened: {error.strerror or type(error).__name__}.") from error
    except Exception as error:  # the edge to other people's parsers: on a broken file they raise anything
        reason = one_line(f"{type(error).__name__}: {error}", 160)
        raise DamagedFile(f"{shown} is damaged or not what its name says ({reason}).") from error


def _format(path: Path, name: str, head: bytes, media_type: str | None) -> Format | None:
    named = formats.by_name(name)
    seen = formats.by_content(path, head)
    if named is None:
        return formats.by_media_type(media_type) or seen
    # A binary format under a wrong name: what it is counts. Text may look like HTML and be a template.
    return seen if seen is not None and seen.kind != "html" and named.kind != seen.kind else named


def _open(
    path: Path, shown: str, name: str, limits: ParsingLimits, media_type: str | None
) -> tuple[Format, Decoded | None]:
    size = path.stat().st_size
    if size == 0:
        raise EmptyFile(f"{shown} is empty.")
    if size > limits.max_file_bytes:
        largest = limits.max_file_bytes / MEGABYTE
        raise FileTooLarge(f"{shown} has {size / MEGABYTE:,.1f} MB; at most {largest:,.1f} MB are read.")
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if better := formats.replacement_for(name):
        raise NotText(f"{shown} is in a format that is not read; save it as {better}.")
    found = _format(path, name, head, media_type)
    if found is not None and found.reader.takes_file:
        return found, None
    if found is None and (kind := formats.other_kind(name)):
        raise NotText(f"{shown} is {kind}, not text.")
    return found or formats.TEXT, _decoded(path, shown, head, found)


def _decoded(path: Path, shown: str, head: bytes, found: Format | None) -> Decoded:
    if formats.is_binary(head):
        raise NotText(f"{shown} is a binary file, not text.")
    data = path.read_bytes()
    if found is not None and found.kind == "html":
        return _decoded_html(data, shown)
    decoded = decode(data)
    if decoded is None:
        raise NotText(f"{shown} is a binary file, not text.")
    return decoded


def _decoded_html(data: bytes, shown: str) -> Decoded:
    """A page's own word for its encoding is tried where the bytes are not UTF-8, and dropped when it does not fit."""
    from knowledge.parsing.html import declared_charset

    decoded = decode(data)
    if decoded is None:
        raise NotText(f"{shown} is a binary file, not text.")
    if decoded.encoding.startswith("utf") or not (charset := declared_charset(data)):
        return decoded
    try:
        charset = "gb18030" if charset.lower() in ("gb2312", "gbk") else charset
        return Decoded(text=clean(data.decode(charset)), encoding=charset)
    except (LookupError, ValueError):
        return decoded


def _read(path: Path, shown: str, found: Format, decoded: Decoded | None, limits: ParsingLimits) -> Draft:
    text = "" if decoded is None else decoded.text
    return found.reader.read({"path": path, "text": text, "name": shown, "kind": found.kind, "limits": limits})


def _document(draft: Draft, found: Format, shown: str, decoded: Decoded | None) -> ParsedDocument:
    has_links = draft.markup in ("markdown", "rst", "plain")
    warnings = [*(decoded.warnings if decoded is not None else ()), *draft.warnings]
    return ParsedDocument(
        text=draft.text,
        title=one_line(draft.title) or _title_of(shown),
        media_type=found.media_type,
        markup=draft.markup,
        language=_language(draft.text),
        metadata=json_safe(draft.metadata),
        links=links_of(draft.text) if has_links else (),
        pages=tuple(draft.pages),
        rows=tuple(draft.rows),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _title_of(shown: str) -> str:
    return PurePosixPath(shown).stem if shown.lower().endswith((".md", ".markdown")) else shown


def _language(text: str) -> Language:
    if len(text) > _SAMPLE:
        # Licence headers and code samples stand anywhere: look at the start, the middle and the end.
        third, middle = _SAMPLE // 3, len(text) // 2
        text = " ".join((text[:third], text[middle : middle + third], text[-third:]))
    return language_of(text)
