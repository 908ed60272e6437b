"""What the charts of a workbook draw: titles, series and categories, from the values that the file keeps with them."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice
from typing import Any

from openpyxl.styles.numbers import is_date_format
from openpyxl.utils.datetime import from_excel

from knowledge.config import MEGABYTE
from knowledge.parsing.containers import parse_xml, read_member
from knowledge.parsing.draft import one_line
from knowledge.parsing.xlsx_sheet import number_text

_PREFIX = "xl/charts/chart"
_LARGEST_PART = 16 * MEGABYTE
_MOST_SERIES = 250
_MOST_LEVELS = 4
_LONGEST_NUMBER = 9
_RELATION = "{*}Relationship"
_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_ID = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """A chart as the tables of its series: those over the same categories share one. Rows are made as they are read."""

    title: str
    tables: tuple[Iterable[list[str]], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Series:
    """The values of a series and what it draws them over, by the number of the point."""

    name: str
    corner: str
    labels: dict[int, str]
    values: dict[int, str]


class Charts:
    """The charts of one workbook, each read once, however often the file names it."""

    def __init__(self, archive: zipfile.ZipFile, epoch: datetime) -> None:
        """`epoch` is the day that dates of the workbook count from."""
        self._archive = archive
        self._epoch = epoch
        self._seen: set[str] = set()
        self._read = 0

    def of(self, sheet: str) -> Iterator[Chart]:
        """The charts of a sheet, by the name of its member, in their order; those that cannot be read are left out."""
        for drawing, _ in self._related(sheet, "/drawing"):
            if (root := self._root(drawing)) is None:
                continue
            parts = {name: part for part, name in self._related(drawing, "/chart")}
            for frame in root.iter("{*}chart"):
                part = parts.get(frame.get(_ID) or frame.get(_STRICT_ID) or "")
                if part and (space := self._root(part)) is not None and (chart := self._chart(space)) is not None:
                    self._read += 1
                    yield chart

    def lost(self) -> list[str]:
        """A warning of the charts that were not read."""
        count = sum(name.startswith(_PREFIX) for name in self._archive.namelist()) - self._read
        return [f"{count} charts were not read"] if count > 0 else []

    def _root(self, part: str) -> Any:
        """The root of a member that has not been read yet; None where there is none to read."""
        if part in self._seen:
            return None
        self._seen.add(part)
        return self._xml(part)

    def _xml(self, part: str) -> Any:
        try:
            size = self._archive.getinfo(part).file_size
        except KeyError:
            return None
        return parse_xml(read_member(self._archive, part)) if size <= _LARGEST_PART else None

    def _related(self, part: str, kind: str) -> Iterator[tuple[str, str]]:
        """The members that a member refers to, of one kind, each with its id there."""
        folder, name = posixpath.split(part)
        root = self._xml(f"{folder}/_rels/{name}.rels")
        for each in root.iter(_RELATION) if root is not None else ():
            if each.get("Type", "").endswith(kind) and each.get("TargetMode") != "External":
                target = posixpath.normpath(posixpath.join(f"/{folder}", each.get("Target", "")))
                yield target.lstrip("/"), each.get("Id", "")

    def _chart(self, space: Any) -> Chart | None:
        chart = space.find("{*}chart")
        drawn = [] if chart is None else [self._series(each) for each in islice(chart.iter("{*}ser"), _MOST_SERIES)]
        drawn = [each for each in drawn if each.values]
        if not drawn:
            return None
        return Chart(title=_title(chart), tables=tuple(_table(list(each)) for _, each in groupby(drawn, _axis)))

    def _series(self, series: Any) -> _Series:
        values, over = series.find("{*}val"), series.find("{*}cat")
        corner = "category"
        if values is None:
            values, over, corner = series.find("{*}yVal"), series.find("{*}xVal"), "x"
        return _Series(
            name=_said(series.find("{*}tx"), "{*}v"),
            corner=corner,
            labels=self._labels(over),
            values=self._points(values),
        )

    def _labels(self, source: Any) -> dict[int, str]:
        """Categories by point; where they have levels, the outer ones, which are said once, before the inner."""
        if source is None:
            return {}
        levels = [self._points(each) for each in islice(source.iter("{*}lvl"), _MOST_LEVELS)]
        if not levels:
            return self._points(source)
        labels: dict[int, str] = {}
        said = [""] * len(levels)
        for point in sorted(set().union(*levels)):
            said = [level.get(point, before) for level, before in zip(levels, said, strict=True)]
            if point in levels[0]:
                labels[point] = " / ".join(filter(None, reversed(said)))
        return labels

    def _points(self, source: Any) -> dict[int, str]:
        """The kept values by point."""
        if source is None:
            return {}
        found: dict[int, str] = {}
        for kept in source.iter("{*}numCache", "{*}numLit", "{*}strCache", "{*}strLit", "{*}lvl"):
            format = kept.findtext("{*}formatCode") or ""
            are_numbers = "}num" in kept.tag
            for point in kept.iter("{*}pt"):
                number, text = point.get("idx", ""), one_line(point.findtext("{*}v") or "")
                if text and number.isdecimal() and len(number) <= _LONGEST_NUMBER:
                    shown = self._number(text, point.get("formatCode") or format) if are_numbers else text
                    found[int(number)] = shown
        return found

    def _number(self, text: str, format: str) -> str:
        """A number as the sheet would show it."""
        try:
            value = float(text)
            if format and is_date_format(format):
                moment = from_excel(value, self._epoch)
                return moment.isoformat().removesuffix("T00:00:00") if moment is not None else text
        except (ValueError, OverflowError, TypeError):
            return text
        return number_text(float(f"{value:.15g}"), format)


def _title(chart: Any) -> str:
    title = chart.find("{*}title")
    if title is None:
        return ""
    lines = ("".join(paragraph.itertext("{*}t", with_tail=False)) for paragraph in title.iter("{*}p"))
    return one_line(" ".join(filter(None, lines))) or _said(title, "{*}v")


def _said(element: Any, tag: str) -> str:
    """The texts of these elements inside one, in a line."""
    return one_line(" ".join(element.itertext(tag, with_tail=False))) if element is not None else ""


def _axis(series: _Series) -> tuple[str, dict[int, str]]:
    return series.corner, series.labels


def _table(drawn: list[_Series]) -> Iterator[list[str]]:
    """A row for each point, a column for each series; nothing is made of points that no series has."""
    filled: dict[int, list[tuple[int, str]]] = {point: [] for point in drawn[0].labels}
    for column, series in enumerate(drawn, start=1):
        for point, text in series.values.items():
            filled.setdefault(point, []).append((column, text))
    yield [drawn[0].corner, *(each.name or f"series {number}" for number, each in enumerate(drawn, start=1))]
    for point in sorted(filled):
        row = [drawn[0].labels.get(point) or str(point + 1)]
        for column, text in filled[point]:
            row += [""] * (column - len(row))
            row.append(text)
        yield row
