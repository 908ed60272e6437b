"""What a tool gave, shown by its view: a table, a log, a chart, a diff, code, a picture or text.

It comes from documents, platforms and code, so it is untrusted: it is drawn as text, numbers and pictures and never as
Markdown or HTML. Data that does not have the shape of its view is shown as the text that came with it.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import streamlit as st

from frontend.session import language, texts

MOST_CHARACTERS = 6_000
MOST_ROWS = 500
MOST_POINTS = 5_000
PICTURES = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"RIFF": "webp"}
"""What a browser is shown as a picture, by its first bytes; drawings that may hold scripts are not among them."""
QUIET = frozenset({"debug", "trace", "info", "notice"})
_LEVEL = re.compile(r"\b(trace|debug|info|notice|warn|warning|error|err|fatal|critical|panic)\b", re.IGNORECASE)


def draw_result(result: Mapping[str, Any]) -> None:
    """The output of a `tool_finished` event."""
    output = in_words(result) or str(result.get("output") or "")
    draw = _VIEWS.get(str(result.get("view") or "text"))
    if draw is None or not draw(result.get("data"), output):
        draw_text(output)


def in_words(result: Mapping[str, Any]) -> str:
    """Why a tool refused a call, in the language of the session; empty where it does not say so."""
    words = result.get("words")
    return str(words.get(language()) or "") if isinstance(words, Mapping) else ""


def draw_text(text: str, language: str | None = None) -> None:
    """Text as it is, cut where it is long."""
    say = texts()
    if not text:
        return
    st.code(text[:MOST_CHARACTERS], language=language, wrap_lines=True)
    if len(text) > MOST_CHARACTERS:
        st.caption(say("timeline.cut", shown=MOST_CHARACTERS, count=len(text)))


def as_json(value: Any) -> str:
    """A value as JSON for people."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def _draw_table(data: Any, output: str) -> bool:
    rows = table_rows(data)
    if not rows:
        return False
    st.dataframe(rows[:MOST_ROWS], hide_index=True)
    if len(rows) > MOST_ROWS:
        st.caption(texts()("timeline.rows_cut", shown=MOST_ROWS, count=len(rows)))
    return True


def table_rows(data: Any) -> list[dict[str, Any]]:
    """Rows by column name, from `{columns, rows}` or a list of objects; empty when it is neither."""
    columns: list[str] = []
    if isinstance(data, dict):
        columns = [str(each) for each in data.get("columns") or [] if isinstance(each, str | int)]
        data = data.get("rows")
    if not isinstance(data, list):
        return []
    rows: list[dict[str, Any]] = []
    for row in data:
        if isinstance(row, dict):
            rows.append({str(name): _cell(value) for name, value in row.items()})
        elif isinstance(row, list) and columns:
            rows.append({name: _cell(value) for name, value in zip(columns, row, strict=False)})
    # A column of texts and numbers cannot be sent to the browser; there it is one of texts.
    for name in {name for row in rows for name in row}:
        kinds = {type(row[name]) for row in rows if row.get(name) is not None}
        if len(kinds) > 1 and kinds != {int, float}:
            for row in rows:
                row[name] = None if row.get(name) is None else str(row[name])
    return rows


def _cell(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**53:
        return str(value)
    return value if value is None or isinstance(value, str | int | float | bool) else json.dumps(value, default=str)


def _draw_log(data: Any, output: str) -> bool:
    lines = log_lines(data, output)
    if not lines:
        return False
    say = texts()
    for quiet, group in groupby(lines[:MOST_ROWS], key=lambda line: line[0] in QUIET):
        shown = "\n".join(text for _, text in group)[:MOST_CHARACTERS]
        count = shown.count("\n") + 1
        if quiet and count > 3:
            with st.expander(say("timeline.quiet_lines", count=count), type="compact"):
                st.code(shown, language="log", wrap_lines=True)
        else:
            st.code(shown, language="log", wrap_lines=True)
    if len(lines) > MOST_ROWS:
        st.caption(say("timeline.rows_cut", shown=MOST_ROWS, count=len(lines)))
    return True


def log_lines(data: Any, output: str) -> list[tuple[str, str]]:
    """Level and text of each line; the level is that of the data, else the first word of the line that names one."""
    given = data.get("lines") if isinstance(data, dict) else data
    lines: list[tuple[str, str]] = []
    for each in given if isinstance(given, list) else output.splitlines():
        if isinstance(each, dict):
            said = str(each.get("text") or each.get("message") or each.get("line") or "")
            when = str(each.get("time") or each.get("timestamp") or "")
            level = str(each.get("level") or "")
            lines.append((level.lower() or level_of(said), " ".join(filter(None, (when, level.upper(), said)))))
        else:
            lines.append((level_of(str(each)), str(each)))
    return lines


def level_of(line: str) -> str:
    """The level that a line of a log names; empty when it names none."""
    found = _LEVEL.search(line[:200])
    return found.group(1).lower() if found else ""


def _draw_chart(data: Any, output: str) -> bool:
    points = chart_points(data)
    if not points:
        return False
    st.line_chart(points[:MOST_POINTS], x="x", y="y", x_label="", y_label="", color="series", height=260)
    return True


def chart_points(data: Any) -> list[dict[str, Any]]:
    """Points of `{series: [{name, points: [[x, y], …]}]}`; those whose y is no number are left out. With `x: "time"` in
    it x is seconds since 1970."""
    is_time = isinstance(data, dict) and data.get("x") == "time"
    series = data.get("series") if isinstance(data, dict) else data
    found: list[dict[str, Any]] = []
    for each in series if isinstance(series, list) else []:
        points = each.get("points") or each.get("values") if isinstance(each, dict) else None
        for point in points if isinstance(points, list) else []:
            if not (isinstance(point, list) and len(point) == 2):
                continue
            y = _number(point[1])
            if y is not None:
                x = _number(point[0])
                shown = point[0] if x is None else _moment(x) if is_time else x
                found.append({"x": shown, "y": y, "series": str(each.get("name") or "")})
    if len({type(point["x"]) for point in found}) > 1:
        found = [{**point, "x": str(point["x"])} for point in found]
    return found


def _moment(seconds: float) -> Any:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return seconds


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if abs(number) < float("inf") else None


def _draw_diff(data: Any, output: str) -> bool:
    draw_text(_said(data, output, "diff"), "diff")
    return True


def _draw_code(data: Any, output: str) -> bool:
    language = data.get("language") if isinstance(data, dict) else None
    draw_text(_said(data, output, "code"), language if isinstance(language, str) else None)
    return True


def _said(data: Any, output: str, name: str) -> str:
    if isinstance(data, str):
        return data
    given = (data.get(name) or data.get("text")) if isinstance(data, dict) else None
    return given if isinstance(given, str) else output


def _draw_image(data: Any, output: str) -> bool:
    pictures = data.get("images", [data]) if isinstance(data, dict) else data
    drawn = False
    for each in pictures if isinstance(pictures, list) else []:
        content = picture_bytes(each)
        if content:
            st.image(content, alt=texts()("timeline.picture"))
            drawn = True
    if drawn:
        draw_text(output)
    return drawn


def picture_bytes(value: Any) -> bytes:
    """The bytes of a picture given in base64, if a browser may be shown them."""
    given = (value.get("base64") or value.get("data")) if isinstance(value, dict) else value
    if not isinstance(given, str):
        return b""
    try:
        content = base64.b64decode(given.rpartition(",")[2], validate=True)
    except (binascii.Error, ValueError):
        return b""
    return content if content.startswith(tuple(PICTURES)) else b""


_VIEWS: dict[str, Callable[[Any, str], bool]] = {
    "table": _draw_table,
    "log": _draw_log,
    "chart": _draw_chart,
    "diff": _draw_diff,
    "code": _draw_code,
    "image": _draw_image,
}
"""The registry of views: a new one is a function that draws data of its shape, and a line here."""
