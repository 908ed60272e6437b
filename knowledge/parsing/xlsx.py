"""Workbooks: each sheet a section with its rows as a table, read row by row, and its charts as tables below it."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

import openpyxl

from knowledge.config import ParsingLimits
from knowledge.parsing.containers import check_container, count_members
from knowledge.parsing.draft import Draft, MarkdownWriter, one_line
from knowledge.parsing.tables import Cell, Row, write_numbered_table, write_spanning_table, write_table
from knowledge.parsing.titles import stated_title
from knowledge.parsing.xlsx_charts import Charts
from knowledge.parsing.xlsx_sheet import Merges, Traits, number_text

_MOST_BLANK_ROWS = 10_000
_NOT_READ = {"xl/media/": "pictures", "xl/comments": "sheets' comments"}


def read_xlsx(path: Path, name: str, limits: ParsingLimits) -> Draft:
    """A workbook as Markdown: values, and formulas where the file keeps no value. Raises UnreadableFile for a damaged
    or encrypted one."""
    limits = check_container(path, name, limits)
    # Opened here: of a path openpyxl would judge the file by its ending.
    with (
        path.open("rb") as file,
        path.open("rb") as again,
        closing(_opened(file, values=True)) as workbook,
        zipfile.ZipFile(path) as archive,
    ):
        charts = Charts(archive, workbook.epoch)
        reader = _Workbook(limits=limits, values=workbook, again=again, charts=charts)
        return reader.read(count_members(path, _NOT_READ))


def _opened(file: Any, *, values: bool) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl warns of every style and extension it drops
        return openpyxl.load_workbook(file, read_only=True, data_only=values, keep_links=False)


@dataclass(kw_only=True, slots=True)
class _Workbook:
    """Reads one workbook; `again` is the same file, opened as formulas when some of them have no value."""

    limits: ParsingLimits
    values: Any
    again: Any
    charts: Charts
    formulas: Any = None
    unknown: int = 0
    """Formulas met that have no value."""

    def read(self, lost: list[str]) -> Draft:
        writer = MarkdownWriter(self.limits.max_text_chars)
        notes: list[str] = []
        shown: set[str] = set()
        for sheet in self.values.worksheets[: self.limits.max_pages]:
            if sheet.sheet_state != "visible":
                notes.append(f"hidden sheet {one_line(sheet.title, 60)!r} was left out")
                continue
            part = getattr(sheet, "_worksheet_path", sheet.title)
            if part in shown:  # a workbook may name one sheet over and over
                continue
            shown.add(part)
            notes += self._sheet(writer, sheet)
            if writer.full:
                break
        if len(self.values.worksheets) > self.limits.max_pages:
            notes.append(f"only the first {self.limits.max_pages:,} sheets were read")
        if self.unknown:
            notes.append(
                f"{self.unknown} formulas have no stored value and are shown as formulas; a spreadsheet program stores "
                "values when it saves the file"
            )
        properties = self.values.properties
        title = stated_title(one_line(properties.title or "")) if properties is not None else ""
        return writer.draft(title=title, warnings=dict.fromkeys([*notes, *self.charts.lost(), *lost]))

    def _sheet(self, writer: MarkdownWriter, sheet: Any) -> list[str]:
        # The size a sheet claims is often wrong, and may be made to claim a million empty rows.
        sheet.reset_dimensions()
        traits = Traits.of(sheet)
        rows = self._rows(sheet, traits)
        charts = self.charts.of(getattr(sheet, "_worksheet_path", "").lstrip("/"))
        first, drawn = next(rows, None), next(charts, None)
        if first is None and drawn is None:
            return []
        writer.page(sheet.title)
        writer.add(f"## {one_line(sheet.title)}")
        notes = self._table(writer, chain([first], rows), traits) if first is not None else []
        for number, chart in enumerate(chain([drawn] if drawn else [], charts), start=1):
            writer.add(f"### {chart.title or f'Chart {number}'}")
            notes += [note for table in chart.tables for note in write_table(writer, table, self.limits)]
            if writer.full:
                break
        return notes

    def _table(self, writer: MarkdownWriter, found: Iterator[tuple[int, list[str]]], traits: Traits) -> list[str]:
        if not traits.merges:
            return write_numbered_table(writer, found, self.limits)
        merges = Merges(traits.merges)
        return write_spanning_table(writer, (_row(merges, number, values) for number, values in found), self.limits)

    def _rows(self, sheet: Any, traits: Traits) -> Iterator[tuple[int, list[str]]]:
        """The rows that hold anything, or that a merged cell reaches into, with their numbers from 1."""
        blank = 0
        shown: Iterator[Any] = repeat(())
        if traits.has_unknown_formulas:
            shown = self._formulas(sheet.title)
        for number, (cells, formulas) in enumerate(zip(sheet.iter_rows(), shown, strict=False), start=1):
            values = [_text(each) for each in islice(cells, self.limits.max_table_columns + 1)]
            for place, formula in enumerate(formulas[: len(values)]):
                if not values[place] and (text := _formula(formula)):
                    values[place] = text
                    self.unknown += 1
            if any(values) or (traits.merges and blank == 0):
                blank = 0 if any(values) else blank + 1
                yield number, values
            elif (blank := blank + 1) > _MOST_BLANK_ROWS:
                return

    def _formulas(self, title: str) -> Iterator[Any]:
        if self.formulas is None:
            self.formulas = _opened(self.again, values=False)
        sheet = self.formulas[title]
        sheet.reset_dimensions()
        return chain(sheet.iter_rows(values_only=True), repeat(()))


def _row(merges: Merges, number: int, values: list[str]) -> Row:
    cells: list[Cell] = []
    for column, value in enumerate(values, start=1):
        if not merges.covers(number, column):
            columns, rows = merges.span(number, column)
            cells.append(Cell(text=value, columns=columns, rows=rows))
    while cells and not cells[-1].text and cells[-1].columns == 1:
        cells.pop()
    return Row(cells=cells, number=number)


def _formula(value: Any) -> str:
    text = getattr(value, "text", value)
    return text if isinstance(text, str) and text.startswith("=") else ""


def _text(each: Any) -> str:
    value = each.value
    if value is None:
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number_text(value, each.number_format or "")
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, (date, time)):
        return value.isoformat()
    return str(value)
