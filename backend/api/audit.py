"""The record of calls: who called what, from where, with what, and what came of it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator

from backend.api.context import Caller, Cursor, Here, Limit
from backend.api.openapi import problems
from backend.bootstrap import Container
from backend.errors import Missing
from backend.schemas import AuditView, Page
from backend.tools.audit import AuditEntry, AuditFilter, AuditTrail
from knowledge.storage.columns import in_utc
from knowledge.types import Scope

router = APIRouter(prefix="/audit", tags=["tools"])

Status = Literal["", "succeeded", "failed", "denied", "cancelled", "running", "interrupted"]
Word = Annotated[str, Query(max_length=300)]
Moment = Annotated[
    Annotated[datetime, AfterValidator(in_utc)] | None,
    Query(description="ISO 8601; UTC where no time zone is given."),
]

_EXPORT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One JSON object a line, or CSV with a header.",
        "content": {"application/x-ndjson": {}, "text/csv": {}},
    }
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets take the beginning of a cell for."""


@router.get("")
def list_calls(
    container: Here,
    scope: Caller,
    tool: Word = "",
    user: Word = "",
    run: Word = "",
    status: Status = "",
    since: Moment = None,
    until: Moment = None,
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Page[AuditView]:
    """Calls, newest first."""
    wanted = AuditFilter(tool=tool, user=user, run=run, status=status, since=since, until=until)
    with container.database.read() as connection:
        found, following = AuditTrail(connection, scope).page(wanted, limit, cursor)
    return Page(items=[AuditView.model_validate(entry) for entry in found], next_cursor=following)


@router.get("/export", response_class=StreamingResponse, responses=_EXPORT)
def export_calls(
    container: Here,
    scope: Caller,
    format: Literal["jsonl", "csv"] = "jsonl",
    tool: Word = "",
    user: Word = "",
    run: Word = "",
    status: Status = "",
    since: Moment = None,
    until: Moment = None,
) -> StreamingResponse:
    """All calls that meet the filter, newest first, as a download."""
    wanted = AuditFilter(tool=tool, user=user, run=run, status=status, since=since, until=until)
    lines = _json_lines if format == "jsonl" else _csv_lines
    media_type = "application/x-ndjson" if format == "jsonl" else "text/csv; charset=utf-8"
    headers = {"Content-Disposition": f'attachment; filename="audit.{format}"', "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(lines(_entries(container, scope, wanted)), media_type=media_type, headers=headers)


@router.get("/{id}", responses=problems(404))
def get_call(id: str, container: Here, scope: Caller) -> AuditView:
    """One call."""
    with container.database.read() as connection:
        found = AuditTrail(connection, scope).get(id)
    if found is None:
        raise Missing("There is no such call in the record.")
    return _view(found)


def _entries(container: Container, scope: Scope, wanted: AuditFilter) -> Iterator[AuditView]:
    """Page by page, each in a transaction of its own: whoever reads slowly keeps none open."""
    cursor: str | None = ""
    while cursor is not None:
        with container.database.read() as connection:
            found, cursor = AuditTrail(connection, scope).page(wanted, 500, cursor)
        yield from (_view(entry) for entry in found)


def _view(entry: AuditEntry) -> AuditView:
    return AuditView.model_validate(entry)


def _json_lines(entries: Iterator[AuditView]) -> Iterator[str]:
    yield from (entry.model_dump_json() + "\n" for entry in entries)


def _csv_lines(entries: Iterator[AuditView]) -> Iterator[str]:
    names = list(AuditView.model_fields)
    yield _csv_line(names)
    for entry in entries:
        row = entry.model_dump(mode="json")
        yield _csv_line([_cell(row[name]) for name in names])


def _cell(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else "" if value is None else str(value)
    return "'" + text if text.startswith(_FORMULA) else text


def _csv_line(cells: list[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()
