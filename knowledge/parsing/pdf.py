"""PDF: pages in reading order, with tables, headings by their size or from the outline, running heads left out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium  # type: ignore[import-untyped]

from knowledge.config import ParsingLimits
from knowledge.errors import DamagedFile, EncryptedFile, ScannedFile, UnreadableFile, WithoutText
from knowledge.parsing.decoding import clean
from knowledge.parsing.draft import Draft, MarkdownWriter, one_line
from knowledge.parsing.markdown import first_heading
from knowledge.parsing.pdf_layout import Piece, pieces_of
from knowledge.parsing.pdf_lines import Joiner, as_markdown, is_garbled, is_soup
from knowledge.parsing.pdf_page import Line, Page, errors, read_page
from knowledge.parsing.tables import Cell, Row, write_spanning_table
from knowledge.parsing.titles import stated_title

_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_SPACES = re.compile(r"\s+")
_EDGE_LINES = 2
_LONGEST_EDGE = 300
_SAMPLED = 60
"""Pages, spread over the document, that are compared to find running heads."""

_FEWEST_PAGES = 3
_RUNNING_SHARE = 0.6
_SAME_HEIGHT = 4.0
_MOST_HEIGHTS = 4
"""Heights at which one running head may stand: on left and right pages, upright and turned ones."""

_SAME_EDGE = 6.0
_LONGEST_HEADER = 1_000
_DEEPEST_OUTLINE = 4
_MOST_OUTLINE = 5_000
_LARGER = 1.15
_LONGEST_HEADING = 200
_LEVELS = 4
_SENTENCE_END = re.compile(r"[.!?][\"')\]”’]*(?=\s|$)|[。！？；][”’」』）]*")
_FINISHED = re.compile(r"[.!?:;。！？：；…][\"')\]”’」』）]*$")
_LONGEST_TAIL = 1_000
_NO_FONT = "their fonts do not say which characters they show"
Outline = dict[int, list[tuple[int, str]]]
Running = dict[str, list[float]]


@dataclass(slots=True)
class _Pages:
    """The pages of a document as pieces, and what could not be read of them."""

    pieces: list[list[Piece]] = field(default_factory=list)
    broken: int = 0
    empty: int = 0
    soup: int = 0
    garbled: int = 0
    cut: int = 0

    def warnings(self, count: int, limits: ParsingLimits) -> list[str]:
        total = len(self.pieces)
        found = {
            f"only the first {limits.max_pages:,} of {count:,} pages were read": count > limits.max_pages,
            f"{self.broken} pages could not be read": self.broken,
            f"{self.empty} of {total} pages have no text": self.empty,
            f"the text of {self.soup} of {total} pages is not readable and was left out: {_NO_FONT}": self.soup,
            f"the text of {self.garbled} of {total} pages may not be readable: {_NO_FONT}": self.garbled,
            f"{self.cut} pages hold too many characters and were cut": self.cut,
        }
        return [warning for warning, holds in found.items() if holds]


def read_pdf(path: Path, name: str, limits: ParsingLimits) -> Draft:
    """The pages of a PDF as Markdown. Raises UnreadableFile for one that is encrypted, broken or only scanned."""
    document = open_pdf(path, name)
    try:
        count = len(document)
        if count == 0:
            raise WithoutText(f"{name} has no pages.")
        outline = _outline(document)
        metadata = _metadata(document, count)
        pages = _read_pages(document, min(count, limits.max_pages), outline)
    finally:
        document.close()
    if not any(pages.pieces):
        raise _nothing(name, count, pages)
    writer = MarkdownWriter(limits.max_text_chars)
    warnings = pages.warnings(count, limits)
    warnings += _Text(pages.pieces, outline).write(writer, limits)
    title = str(metadata.get("title", "")) or first_heading(writer.text())
    return writer.draft(title=title, metadata=metadata, warnings=dict.fromkeys(warnings))


def _nothing(name: str, count: int, pages: _Pages) -> UnreadableFile:
    if pages.soup:
        return UnreadableFile(f"{name} cannot be read: {_NO_FONT}. Export it again with its fonts, or run OCR on it.")
    if pages.broken:
        return DamagedFile(f"{name} is damaged: none of its {count} pages could be read.")
    held = f"{count} page{'s' if count != 1 else ''}"
    return ScannedFile(f"{name} has {held} but no text: it looks scanned. Run OCR on it first.")


def open_pdf(path: Path, name: str) -> Any:
    """The document, to be closed. Raises UnreadableFile for one that is encrypted or damaged."""
    try:
        # Many files are encrypted with an empty password, only to forbid printing.
        return pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower() or "security" in str(error).lower():
            raise EncryptedFile(f"{name} is encrypted; save it without a password.") from error
        raise DamagedFile(f"{name} is damaged: it is not a readable PDF ({one_line(str(error), 120)}).") from error


def _read_pages(document: Any, count: int, outline: Outline) -> _Pages:
    running = _running_heads(document, count)
    pages = _Pages()
    for number in range(count):
        try:
            page = read_page(document, number)
        except errors():  # fonts and streams fail in every way there is, the other pages count
            pages.broken += 1
            pages.pieces.append([])
            continue
        pages.pieces.append(_readable(pages, page, running, outline.get(number, ())))
    return pages


def _readable(pages: _Pages, page: Page, running: Running, entries: Iterable[tuple[int, str]]) -> list[Piece]:
    headings = {_letters(title) for _, title in entries}
    text = "\n".join(line.text for line in page.lines)
    pages.cut += page.cut
    if not text:
        pages.empty += 1
        return []
    if is_soup(text):
        pages.soup += 1
        return []
    pages.garbled += is_garbled(text)
    page.lines = [
        line for line in page.lines if not _is_running(line, running) or _letters(clean(line.text)) in headings
    ]
    return pieces_of(page)


def _running_heads(document: Any, count: int) -> Running:
    """Shapes of the first and last lines that come back at the same height on most pages, with the same numbers or
    with numbers that count the pages."""
    step = max(1, count // _SAMPLED)
    seen: dict[str, list[tuple[int, Line]]] = {}
    filled = 0
    for number in range(0, count, step):
        try:
            lines = read_page(document, number).lines
        except errors():
            continue
        filled += bool(lines)
        edges = {_shape(line): line for line in [*lines[:_EDGE_LINES], *lines[-_EDGE_LINES:]]}
        for shape, line in edges.items():
            seen.setdefault(shape, []).append((number, line))
    if filled < _FEWEST_PAGES:
        return {}
    fewest = _RUNNING_SHARE * filled
    return {
        shape: [height for height, _ in Counter(round(line.y) for _, line in found).most_common(_MOST_HEIGHTS)]
        for shape, found in seen.items()
        if len(found) > fewest and _counts_pages(found, fewest)
    }


def _counts_pages(found: Sequence[tuple[int, Line]], fewest: float) -> bool:
    """Whether each number in a line is nearly always the same, or as far from the number of its page: rows of a table
    that goes on from page to page look alike, too, and differ otherwise."""
    numbers = [(page, list(map(int, _NUMBER.findall(line.text[:_LONGEST_EDGE])))) for page, line in found]
    for place in range(len(numbers[0][1])):
        same = Counter(each[place] for _, each in numbers).most_common(1)[0][1]
        counting = Counter(each[place] - page for page, each in numbers).most_common(1)[0][1]
        if max(same, counting) <= fewest:
            return False
    return True


def _is_running(line: Line, running: Running) -> bool:
    heights = running.get(_shape(line), ())
    return any(abs(line.y - height) <= _SAME_HEIGHT for height in heights)


def _shape(line: Line) -> str:
    return _NUMBER.sub("0", _SPACES.sub(" ", line.text[:_LONGEST_EDGE]).strip())


class _Text:
    """Writes the pages of one document; sizes and words are those of all of them."""

    def __init__(self, pages: list[list[Piece]], outline: Outline) -> None:
        self._pages = pages
        self._outline = outline
        self._joiner = Joiner(line for page in pages for piece in page for line in piece.lines)
        self._levels = _heading_levels(pages)

    def write(self, writer: MarkdownWriter, limits: ParsingLimits) -> list[str]:
        warnings: list[str] = []
        for page in self._pages:
            for piece in page:
                piece.lines = self._joiner.join([clean(line) for line in piece.lines])
        for before, page in pairwise(self._pages):
            _repeat_header(before, page)
        for number, page in enumerate(self._pages):
            if number + 1 < len(self._pages):
                self._finish_sentence(page, self._pages[number + 1])
            writer.page(str(number + 1))
            warnings += self._write_page(writer, page, self._outline.get(number, ()), limits)
            if writer.full:
                break
        return warnings

    def _write_page(
        self, writer: MarkdownWriter, page: list[Piece], entries: Iterable[tuple[int, str]], limits: ParsingLimits
    ) -> list[str]:
        wanted = {_letters(title): (depth, title) for depth, title in entries}
        warnings: list[str] = []
        for piece in page:
            if not piece.is_text:
                warnings += write_spanning_table(writer, self._joined(piece.rows), limits)
            elif (level := self._level(piece)) and not any(_letters(line) in wanted for line in piece.lines):
                writer.add(f"{'#' * level} {one_line(' '.join(piece.lines))}")
            else:
                for block in _with_headings(piece.lines, wanted):
                    writer.add(block)
        return warnings

    def _joined(self, rows: Sequence[Row]) -> Iterator[Row]:
        for row in rows:
            cells = [
                Cell(text=" ".join(self._joiner.join(each.text.split("\n"))), columns=each.columns, rows=each.rows)
                for each in row.cells
            ]
            yield Row(cells=cells, is_header=row.is_header)

    def _level(self, piece: Piece) -> int:
        text = " ".join(piece.lines)
        is_title = len(text) <= _LONGEST_HEADING and any(map(str.isalpha, text))
        return self._levels.get(_rounded(piece.size), 0) if is_title else 0

    def _finish_sentence(self, page: list[Piece], following: list[Piece]) -> None:
        """Move the end of a sentence that goes on over the page's end to where it began."""
        if not (page and following and page[-1].lines and following[0].lines):
            return
        last, first = page[-1], following[0]
        if self._level(last) or self._level(first) or _FINISHED.search(last.lines[-1]):
            return
        text = "\n".join(first.lines)
        if not (text[0].islower() or text[0] > "\u2e7f" or last.lines[-1].endswith("-")):
            return
        end = _SENTENCE_END.search(text[:_LONGEST_TAIL])
        if end is None:
            return
        last.lines = self._joiner.join([*last.lines, *text[: end.end()].split("\n")])
        first.lines = [line for line in text[end.end() :].strip().split("\n") if line]
        if not first.lines:
            del following[0]


def _repeat_header(before: list[Piece], page: list[Piece]) -> None:
    """Give a table that goes on from the page before the header it has there."""
    if not (before and page and before[-1].rows and page[0].rows):
        return
    last, first = before[-1], page[0]
    alike = len(last.edges) == len(first.edges) and all(
        abs(one - other) <= _SAME_EDGE for one, other in zip(last.edges, first.edges, strict=True)
    )
    is_short = sum(len(each.text) for each in last.rows[0].cells) <= _LONGEST_HEADER
    if alike and is_short and last.rows[0] != first.rows[0]:
        first.rows = (last.rows[0], *first.rows)


def _with_headings(lines: list[str], wanted: dict[str, tuple[int, str]]) -> Iterator[str]:
    """A paragraph, each line of it that reads as an entry of the outline made a heading."""
    held: list[str] = []
    for line in lines:
        depth, title = wanted.pop(_letters(line), (0, ""))
        if depth:
            yield as_markdown(held)
            held = []
            yield f"{'#' * depth} {title}"
        else:
            held.append(line)
    yield as_markdown(held)


def _heading_levels(pages: list[list[Piece]]) -> dict[float, int]:
    """By size of type: the level of headings set in it. Running text is what most characters are set in."""
    sizes: Counter[float] = Counter()
    for page in pages:
        for piece in page:
            sizes[_rounded(piece.size)] += sum(map(len, piece.lines))
    if not sizes:
        return {}
    body = sizes.most_common(1)[0][0]
    larger = sorted((size for size in sizes if size >= _LARGER * body), reverse=True)
    return {size: min(level, _LEVELS) for level, size in enumerate(larger, start=1)}


def _rounded(size: float) -> float:
    return round(size * 2) / 2


def _letters(text: str) -> str:
    return re.sub(r"[\W\d_]+", "", text).lower() or text.strip()


def _outline(document: Any) -> Outline:
    """Titles of the outline by page index, with their depth from 1; {} when it is missing or broken."""
    found: Outline = {}
    try:
        for number, entry in enumerate(document.get_toc(max_depth=_DEEPEST_OUTLINE)):
            if number >= _MOST_OUTLINE:
                break
            target = entry.get_dest()
            page = target.get_index() if target is not None else None
            title = one_line(entry.get_title() or "")
            if page is not None and page >= 0 and title:
                found.setdefault(page, []).append((entry.level + 1, title))
    except errors():
        return found
    return found


def _metadata(document: Any, count: int) -> dict[str, Any]:
    metadata: dict[str, Any] = {"page_count": count}
    for key in ("Title", "Author", "Subject"):
        try:
            value = one_line(document.get_metadata_value(key) or "")
        except errors():
            continue
        if value:
            metadata[key.lower()] = value
    if "title" in metadata and not stated_title(metadata["title"]):
        del metadata["title"]
    return metadata
