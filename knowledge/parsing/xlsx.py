"""Workbooks: each sheet a section with its rows as a table, read row by row."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import date, datetime, time
from itertools import chain, islice
from pathlib import Path
from typing import Any

import openpyxl

from knowledge.config import ParsingLimits
from knowledge.parsing.containers import check_container
from knowledge.parsing.draft import Draft, MarkdownWriter, one_line
from knowledge.parsing.plain import write_table

_MOST_BLANK_ROWS = 10_000


def read_xlsx(path: Path, name: str, limits: ParsingLimits) -> Draft:
    """A workbook as Markdown, values rather than formulas. Raises UnreadableFile for a damaged or encrypted one."""
    check_container(path, name, limits)
    # Opened here: of a path openpyxl would judge the file by its ending.
    with path.open("rb") as file:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl warns of every style and extension it drops
            workbook = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        try:
            return _read(workbook, limits)
        finally:
            workbook.close()


def _read(workbook: Any, limits: ParsingLimits) -> Draft:
    writer = MarkdownWriter(limits.max_text_chars)
    notes: list[str] = []
    for sheet in workbook.worksheets[: limits.max_pages]:
        if sheet.sheet_state != "visible":
            notes.append(f"hidden sheet {one_line(sheet.title, 60)!r} was left out")
            continue
        # The size a sheet claims is often wrong, and may be made to claim a million empty rows.
        sheet.reset_dimensions()
        rows = _rows(sheet, limits)
        first = next(rows, None)
        if first is None:
            continue
        writer.page(sheet.title)
        writer.add(f"## {one_line(sheet.title)}")
        notes += write_table(writer, chain([first], rows), limits)
        if writer.full:
            break
    title = one_line(workbook.properties.title or "") if workbook.properties is not None else ""
    return writer.draft(title=title, warnings=dict.fromkeys(notes))


def _rows(sheet: Any, limits: ParsingLimits) -> Iterator[list[str]]:
    blank = 0
    for row in sheet.iter_rows(values_only=True):
        values = [_text(value) for value in islice(row, limits.max_table_columns + 1)]
        if any(values):
            blank = 0
            yield values
        elif (blank := blank + 1) > _MOST_BLANK_ROWS:
            return


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, (date, time)):
        return value.isoformat()
    return str(value)
