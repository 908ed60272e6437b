"""How processes of the product came to their end: what the supervisor has written down."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from backend.operations.doctor.findings import Finding
from backend.processes.endings import endings_in
from backend.settings import Settings

RECENT = timedelta(days=1)


def endings(settings: Settings) -> Iterator[Finding]:
    """The last end of each process that nobody had asked for; none when there was none."""
    now = datetime.now(UTC)
    known = endings_in(settings.data_dir.expanduser())
    for name in sorted({ending.name for ending in known}):
        mine = [ending for ending in known if ending.name == name]
        last, recent = mine[-1], sum(now - ending.at < RECENT for ending in mine)
        detail = f"{name} ended at {last.at:%Y-%m-%d %H:%M} UTC: {last.reason}"
        if not recent:
            yield Finding(name="Process", status="ok", detail=detail)
            continue
        if recent > 1:
            detail += f"; {recent} times in a day"
        yield Finding(name="Process", status="warning", detail=detail, advice=last.advice)
