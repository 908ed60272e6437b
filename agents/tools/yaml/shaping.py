"""Makes of an answer what a question needs: the rows of a table, the lines of a log, the series of a chart."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from agents.tools.ports import ToolOutput
from agents.tools.yaml.definition import Result
from agents.tools.yaml.selecting import as_cell, select

_LEVEL = re.compile(r"\b(trace|debug|info|notice|warn(?:ing)?|err(?:or)?|crit(?:ical)?|fatal|panic)\b", re.IGNORECASE)
_LEVELS = {"warn": "warning", "err": "error", "crit": "critical", "notice": "info", "panic": "fatal"}
_MOST_POINTS = 11_000
_SHOWN_POINTS = 12


def shape(result: Result, value: Any, text: str) -> ToolOutput:
    """The output of an answer: `value` is its JSON, None when it is none, and `text` is what it is otherwise."""
    if value is None or result.raw:
        return _of_lines(result, text) if result.view == "log" else ToolOutput(text=text, view="text")
    found = select(value, result.select) if result.select else value
    if result.without:
        found = _without(found, frozenset(result.without))
    match result.view:
        case "table":
            return _table(result, found)
        case "log":
            return _log(result, found)
        case "chart":
            return _chart(result, found)
        case _:
            return ToolOutput(text=compact(found), view="text", data=found)


def _without(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        return {name: _without(each, names) for name, each in value.items() if name not in names}
    if isinstance(value, list):
        return [_without(each, names) for each in value]
    return value


def compact(value: Any) -> str:
    """JSON for reading: indented while that is short."""
    if value is None:
        return "(nothing)"
    if isinstance(value, str):
        return value
    dense = json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
    return dense if len(dense) < 120 else json.dumps(value, ensure_ascii=False, indent=1)


def _table(result: Result, found: Any) -> ToolOutput:
    rows = found if isinstance(found, list) else [] if found is None else [found]
    kept = rows[: result.limit]
    columns = result.columns or _columns_of(kept)
    cells = [[as_cell(select(row, path) if path else row) for path in columns.values()] for row in kept]
    more = f"\n({len(rows) - len(kept)} more rows left out: ask for less)" if len(rows) > len(kept) else ""
    lines = [" | ".join(columns), *(" | ".join(row) for row in cells)]
    text = "\n".join(lines) + more if cells else "(no rows)"
    data = {"columns": list(columns), "rows": cells, "total": len(rows)}
    return ToolOutput(text=text, summary=f"{len(rows)} rows", view="table", data=data)


def _columns_of(rows: Sequence[Any]) -> dict[str, str]:
    """The keys of the first rows that are objects; a list of plain values is one column."""
    names = dict.fromkeys(str(name) for row in rows[:20] if isinstance(row, Mapping) for name in row)
    return {name: f"['{name}']" for name in list(names)[:12] if "'" not in name} or {"value": ""}


def _log(result: Result, found: Any) -> ToolOutput:
    entries = found if isinstance(found, list) else [] if found is None else [found]
    lines = [_line(result, each) for each in entries]
    if result.newest_last and len(lines) > 1 and lines[0]["time"] > lines[-1]["time"]:
        lines.reverse()
    return _log_output(result, lines)


def _line(result: Result, entry: Any) -> dict[str, str]:
    text = select(entry, result.text) if result.text else entry
    words = text.rstrip("\n") if isinstance(text, str) else compact(text)
    return {"time": as_cell(select(entry, result.time)) if result.time else "", "level": _level(words), "text": words}


def _of_lines(result: Result, text: str) -> ToolOutput:
    return _log_output(result, [{"time": "", "level": _level(line), "text": line} for line in text.splitlines()])


def _log_output(result: Result, lines: list[dict[str, str]]) -> ToolOutput:
    kept = lines[-result.limit :]
    more = f"({len(lines) - len(kept)} earlier lines left out)\n" if len(lines) > len(kept) else ""
    text = more + "\n".join(f"{line['time']} {line['text']}".strip() for line in kept)
    bad = sum(line["level"] in ("error", "critical", "fatal") for line in kept)
    summary = f"{len(lines)} lines" + (f", {bad} of them errors" if bad else "")
    return ToolOutput(text=text or "(no lines)", summary=summary, view="log", data={"lines": kept, "total": len(lines)})


def _level(text: str) -> str:
    match = _LEVEL.search(text[:200])
    if match is None:
        return ""
    word = match[1].lower()
    return _LEVELS.get(word, word)


def _chart(result: Result, found: Any) -> ToolOutput:
    rows = found if isinstance(found, list) else []
    series = [_series(result, row) for row in rows[: result.limit]]
    text = "\n".join(_told(each) for each in series) or "(no series)"
    more = f"\n({len(rows) - len(series)} more series left out: ask for less)" if len(rows) > len(series) else ""
    names = _told_apart([select(row, result.label) if result.label else "" for row in rows[: result.limit]])
    drawn = [{**each, "name": name} for each, name in zip(series, names, strict=True)]
    data = {"x": "time", "series": drawn, "total": len(rows)}
    return ToolOutput(text=text + more, summary=f"{len(rows)} series", view="chart", data=data)


def _series(result: Result, row: Any) -> dict[str, Any]:
    label = select(row, result.label) if result.label else ""
    points = select(row, result.points) if result.points else row
    pairs = [pair for each in (points if isinstance(points, list) else ()) if (pair := _point(each)) is not None][
        :_MOST_POINTS
    ]
    return {"name": metric_name(label), "points": pairs}


def _told_apart(labels: Sequence[Any]) -> list[str]:
    """Names for a legend: without the labels that all series share, where that leaves something to tell them apart."""
    if len(labels) < 2 or not all(isinstance(each, Mapping) for each in labels):
        return [metric_name(each) for each in labels]
    shared = set.intersection(*({(name, str(value)) for name, value in each.items()} for each in labels))
    apart = [{name: value for name, value in each.items() if (name, str(value)) not in shared} for each in labels]
    return [metric_name(some or each) for some, each in zip(apart, labels, strict=True)]


def metric_name(label: Any) -> str:
    """The name of a series as Prometheus writes it: up{job="api"}."""
    if not isinstance(label, Mapping):
        return as_cell(label)
    inner = ", ".join(f'{name}="{value}"' for name, value in label.items() if name != "__name__")
    name = as_cell(label.get("__name__"))
    return f"{name}{{{inner}}}" if inner or not name else name


def _point(each: Any) -> list[float | None] | None:
    """A time in seconds and a value; a value that is no number is a gap."""
    try:
        moment, value = float(each[0]), float(each[1])
    except (TypeError, ValueError, IndexError, KeyError):
        return None
    return [moment, value if math.isfinite(value) else None]


def _told(series: Mapping[str, Any]) -> str:
    """A series in numbers: where it began and ended, its bounds, and some points between."""
    points = [(moment, value) for moment, value in series["points"] if value is not None]
    if not points:
        return f"{series['name']}: no values"
    values = [value for _, value in points]
    step = max(1, math.ceil(len(points) / _SHOWN_POINTS))
    some = [*points[::step], points[-1]] if len(points) > 1 else points
    shown = ", ".join(f"{moment:.0f}:{value:g}" for moment, value in dict(some).items())
    bounds = f"first {values[0]:g}, last {values[-1]:g}, min {min(values):g}, max {max(values):g}"
    return f"{series['name']}: {len(points)} points, {bounds}, mean {sum(values) / len(values):g}; {shown}"
