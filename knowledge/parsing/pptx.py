"""Presentations: each slide with its title, text, tables and notes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from pptx import Presentation
from pptx.slide import Slide

from knowledge.config import ParsingLimits
from knowledge.parsing.containers import check_container
from knowledge.parsing.draft import Draft, MarkdownWriter, one_line
from knowledge.parsing.plain import write_table

_MOST_SHAPES = 10_000


def read_pptx(path: Path, name: str, limits: ParsingLimits) -> Draft:
    """A presentation as Markdown, one section a slide. Raises UnreadableFile for one that is damaged or encrypted."""
    check_container(path, name, limits)
    presentation = Presentation(str(path))
    writer = MarkdownWriter(limits.max_text_chars)
    warnings: list[str] = []
    slides = presentation.slides
    first_title = ""
    for number, slide in enumerate(islice(slides, limits.max_pages), start=1):
        title = _title(slide)
        first_title = first_title or title
        writer.page(str(number))
        writer.add(f"## {title or f'Slide {number}'}")
        warnings += _write_slide(writer, slide, limits)
        if writer.full:
            break
    if len(slides) > limits.max_pages:
        warnings.append(f"only the first {limits.max_pages:,} of {len(slides):,} slides were read")
    title = one_line(presentation.core_properties.title or "")
    if not title or title.lower() == "powerpoint presentation":
        title = first_title
    return writer.draft(title=title, metadata={"page_count": len(slides)}, warnings=dict.fromkeys(warnings))


def _write_slide(writer: MarkdownWriter, slide: Slide, limits: ParsingLimits) -> list[str]:
    warnings: list[str] = []
    title_shape = slide.shapes.title
    for shape in _shapes(slide):
        if title_shape is not None and shape.shape_id == title_shape.shape_id:
            continue
        if getattr(shape, "has_table", False):
            rows = ([cell.text for cell in row.cells] for row in shape.table.rows)
            warnings += write_table(writer, rows, limits)
        elif shape.has_text_frame:
            writer.add("\n".join(_lines(shape.text_frame)))
    if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None and notes.text.strip():
        writer.add("Notes: " + notes.text.strip())
    return warnings


def _shapes(slide: Slide) -> Iterator[Any]:
    """The shapes of a slide with those inside groups, in reading order as far as the file keeps it."""
    stack: list[Any] = list(slide.shapes)[::-1]
    for _ in range(_MOST_SHAPES):
        if not stack:
            return
        shape = stack.pop()
        if hasattr(shape, "shapes"):
            stack.extend(list(shape.shapes)[::-1])
        else:
            yield shape


def _lines(frame: Any) -> Iterator[str]:
    paragraphs = [(paragraph.level, paragraph.text.replace("\v", " ").strip()) for paragraph in frame.paragraphs]
    filled = [(level, text) for level, text in paragraphs if text]
    for level, text in filled:
        yield f"{'  ' * min(level, 8)}- {text}" if len(filled) > 1 else text


def _title(slide: Slide) -> str:
    shape = slide.shapes.title
    return one_line(shape.text_frame.text) if shape is not None and shape.has_text_frame else ""
