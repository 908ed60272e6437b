"""Presentations: each slide with its title, text, tables and notes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from pptx import Presentation
from pptx.slide import Slide

from knowledge.config import ParsingLimits
from knowledge.parsing.containers import check_container, count_members
from knowledge.parsing.draft import Draft, MarkdownWriter, one_line
from knowledge.parsing.tables import Cell, Row, write_spanning_table, write_table

_MOST_SHAPES = 10_000
_NOT_READ = {
    "ppt/media/": "pictures and recordings",
    "ppt/diagrams/data": "diagrams",
    "ppt/comments/": "sets of comments",
}


def read_pptx(path: Path, name: str, limits: ParsingLimits) -> Draft:
    """A presentation as Markdown, one section a slide. Raises UnreadableFile for one that is damaged or encrypted."""
    limits = check_container(path, name, limits)
    presentation = Presentation(str(path))
    writer = MarkdownWriter(limits.max_text_chars)
    warnings: list[str] = []
    slides = presentation.slides
    first_title = ""
    shown: set[str] = set()
    for number, slide in enumerate(islice(slides, limits.max_pages), start=1):
        if slide.part.partname in shown:
            continue
        shown.add(slide.part.partname)
        title = _title(slide)
        first_title = first_title or title
        writer.page(str(number))
        writer.add(f"## {title or f'Slide {number}'}")
        warnings += _write_slide(writer, slide, limits)
        if writer.full:
            break
    if len(slides) > limits.max_pages:
        warnings.append(f"only the first {limits.max_pages:,} of {len(slides):,} slides were read")
    warnings += count_members(path, _NOT_READ)
    title = one_line(presentation.core_properties.title or "")
    if not title or title.lower() == "powerpoint presentation":
        title = first_title
    return writer.draft(title=title, metadata={"page_count": len(slides)}, warnings=dict.fromkeys(warnings))


def _write_slide(writer: MarkdownWriter, slide: Slide, limits: ParsingLimits) -> list[str]:
    warnings: list[str] = []
    title_shape = slide.shapes.title
    for shape in _shapes(slide):
        if writer.full:
            break
        if title_shape is not None and shape.shape_id == title_shape.shape_id:
            continue
        if getattr(shape, "has_table", False):
            warnings += write_spanning_table(writer, _rows(shape.table), limits)
        elif getattr(shape, "has_chart", False):
            warnings += _write_chart(writer, shape.chart, limits)
        elif shape.has_text_frame:
            writer.add("\n".join(_lines(shape.text_frame)))
    if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None and notes.text.strip():
        writer.add("Notes: " + notes.text.strip())
    return warnings


def _rows(table: Any) -> Iterator[Row]:
    for row in table.rows:
        cells = [
            Cell(text=each.text.replace("\v", " "), columns=each.span_width, rows=each.span_height)
            if each.is_merge_origin
            else Cell(text=each.text.replace("\v", " "))
            for each in row.cells
            if not each.is_spanned
        ]
        yield Row(cells=cells)


def _write_chart(writer: MarkdownWriter, chart: Any, limits: ParsingLimits) -> list[str]:
    """Write what a chart draws as a table: a row for each category, a column for each series."""
    try:
        title = chart.chart_title.text_frame.text if chart.has_title and chart.chart_title.has_text_frame else ""
        drawn = [_drawn(plot, limits) for plot in chart.plots]
    except (ValueError, KeyError, AttributeError, TypeError, NotImplementedError, IndexError):
        return ["a chart could not be read"]
    writer.add(one_line(title))
    return [warning for rows in drawn for warning in write_table(writer, rows, limits)]


def _drawn(plot: Any, limits: ParsingLimits) -> list[list[str]]:
    series = list(islice(plot.series, limits.max_table_columns))
    names = [one_line(str(each.name or f"series {number}")) for number, each in enumerate(series, start=1)]
    columns = [["" if value is None else f"{value:.15g}" for value in each.values] for each in series]
    labels = [str(label) for label in plot.categories]
    longest = max(map(len, columns), default=0)
    labels += [str(number) for number in range(len(labels) + 1, longest + 1)]
    rows = (
        [label, *(column[row] if row < len(column) else "" for column in columns)] for row, label in enumerate(labels)
    )
    return [["category", *names], *rows]


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
