"""PDF: the text of each page, with headings taken from the outline and running heads left out."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pypdf import PdfReader
from pypdf.errors import DependencyError, PyPdfError

from knowledge.config import ParsingLimits
from knowledge.errors import UnreadableFile
from knowledge.parsing.decoding import clean
from knowledge.parsing.draft import Draft, MarkdownWriter, one_line

_NUMBER = re.compile(r"\d+")
_EDGE_LINES = 2
_SPACES = re.compile(r"\s+")
_HYPHEN = re.compile(r"(?<=[a-z])-\n(?=[a-z])")
_DEEPEST_OUTLINE = 4
_MOST_OUTLINE = 5_000
Outline = dict[int, list[tuple[int, str]]]


def read_pdf(path: Path, name: str, limits: ParsingLimits) -> Draft:
    """The pages of a PDF as Markdown. Raises UnreadableFile for one that is encrypted, broken or only scanned."""
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    with path.open("rb") as file:
        reader = _open(file, name)
        count = _page_count(reader, name)
        pages, broken = _texts(reader, min(count, limits.max_pages))
        outline = _outline(reader)
        metadata = _metadata(reader, count)
    warnings = _warnings(pages, broken, count, limits)
    if not any(page.strip() for page in pages):
        raise UnreadableFile(
            f"{name} has {count} page{'s' if count != 1 else ''} but no text: it looks scanned. Run OCR on it first."
            if not broken
            else f"{name} is damaged: none of its {count} pages could be read."
        )
    writer = MarkdownWriter(limits.max_text_chars)
    for number, text in enumerate(_without_running_heads(pages, outline), start=1):
        writer.page(str(number))
        writer.add(_with_headings(_HYPHEN.sub("", text), outline.get(number - 1, ())))
    return writer.draft(title=str(metadata.get("title", "")), metadata=metadata, warnings=warnings)


def _open(file: Any, name: str) -> PdfReader:
    try:
        reader = PdfReader(file)
        # Many files are encrypted with an empty password, only to forbid printing.
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableFile(f"{name} is encrypted; save it without a password.")
    except DependencyError as error:
        raise UnreadableFile(f"{name} is encrypted; save it without a password.") from error
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, OSError, IndexError) as error:
        raise UnreadableFile(f"{name} is damaged: it is not a readable PDF ({one_line(str(error), 120)}).") from error
    return reader


def _page_count(reader: PdfReader, name: str) -> int:
    try:
        count = len(reader.pages)
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise UnreadableFile(f"{name} is damaged: its pages cannot be found.") from error
    if count == 0:
        raise UnreadableFile(f"{name} has no pages.")
    return count


def _texts(reader: PdfReader, count: int) -> tuple[list[str], int]:
    texts, broken = [], 0
    for number in range(count):
        try:
            texts.append(clean(reader.pages[number].extract_text() or ""))
        except (MemoryError, RecursionError):
            raise
        except Exception:  # a page is the edge: fonts and streams fail in every way there is, the other pages count
            texts.append("")
            broken += 1
    return texts, broken


def _warnings(pages: list[str], broken: int, count: int, limits: ParsingLimits) -> list[str]:
    warnings = []
    if count > limits.max_pages:
        warnings.append(f"only the first {limits.max_pages:,} of {count:,} pages were read")
    if broken:
        warnings.append(f"{broken} pages could not be read")
    if (empty := sum(not page.strip() for page in pages) - broken) > 0:
        warnings.append(f"{empty} of {len(pages)} pages have no text")
    return warnings


def _without_running_heads(pages: list[str], outline: Outline) -> Iterable[str]:
    """Leave out the first and last lines that come back, numbers aside, on most pages, but for headings."""
    split = [[line for line in page.split("\n") if line.strip()] for page in pages]
    seen = Counter(line for lines in split for line in {_shape(edge) for edge in _edges(lines)})
    filled = sum(1 for lines in split if lines)
    running = {line for line, count in seen.items() if filled >= 4 and count > 0.6 * filled}
    for number, (page, lines) in enumerate(zip(pages, split, strict=True)):
        headings = {_letters(title) for _, title in outline.get(number, ())}
        edges = {line for line in _edges(lines) if _shape(line) in running and _letters(line) not in headings}
        yield "\n".join(line for line in page.split("\n") if line not in edges) if edges else page


def _edges(lines: list[str]) -> list[str]:
    # On a page of a few lines nothing can be told from its heads.
    return [] if len(lines) <= 2 * _EDGE_LINES + 1 else [*lines[:_EDGE_LINES], *lines[-_EDGE_LINES:]]


def _shape(line: str) -> str:
    return _NUMBER.sub("0", _SPACES.sub(" ", line).strip())


def _with_headings(text: str, entries: Iterable[tuple[int, str]]) -> str:
    """Make a heading of each line that reads as an entry of the outline for this page."""
    wanted = {_letters(title): (depth, title) for depth, title in entries}
    if not wanted:
        return text
    lines = []
    for line in text.split("\n"):
        depth, title = wanted.pop(_letters(line), (0, ""))
        lines.append(f"\n{'#' * (depth + 1)} {title}\n" if depth else line)
    return "\n".join(lines)


def _letters(text: str) -> str:
    return re.sub(r"[\W\d_]+", "", text).lower() or text.strip()


def _outline(reader: PdfReader) -> Outline:
    """Titles of the outline by page index, with their depth from 1; {} when it is missing or broken."""
    found: Outline = {}
    try:
        stack: list[tuple[int, Any]] = [(1, entry) for entry in reversed(reader.outline)]
        for _ in range(_MOST_OUTLINE):
            if not stack:
                break
            depth, entry = stack.pop()
            if isinstance(entry, list):
                stack.extend((depth + 1, each) for each in reversed(entry))
                continue
            page = reader.get_destination_page_number(entry)
            title = one_line(str(entry.title or ""))
            if page is not None and page >= 0 and title and depth <= _DEEPEST_OUTLINE:
                found.setdefault(page, []).append((depth, title))
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        return found
    return found


def _metadata(reader: PdfReader, count: int) -> dict[str, Any]:
    metadata: dict[str, Any] = {"page_count": count}
    try:
        information = reader.metadata
        for key in ("title", "author", "subject"):
            if value := one_line(str(getattr(information, key, "") or "")):
                metadata[key] = value
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError):
        pass
    if str(metadata.get("title", "")).lower().startswith(("microsoft word", "untitled", "microsoft powerpoint")):
        del metadata["title"]
    return metadata
