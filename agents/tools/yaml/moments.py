"""Points in time as people and models write them, in the forms that platforms take."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

from agents.errors import ToolFailed

Clock = Callable[[], float]
_AGO = re.compile(r"(?:now\s*)?-?\s*(\d{1,9})\s*(ms|s|m|h|d|w)(?:\s+ago)?", re.IGNORECASE)
_AHEAD = re.compile(r"(?:in\s+|(?:now\s*)?\+\s*)(\d{1,9})\s*(ms|s|m|h|d|w)", re.IGNORECASE)
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
HINT = (
    "now, a time before now such as 90m or 2h ago, one after it such as in 2h, seconds since 1970, or RFC 3339 such as "
    "2026-01-02T03:04:05Z"
)


def seconds_of(text: str, now: float) -> float:
    """Seconds since 1970. Raises ToolFailed."""
    written = text.strip()
    if written.lower() in ("now", ""):
        return now
    if match := _AGO.fullmatch(written):
        return now - int(match[1]) * _SECONDS[match[2].lower()]
    if match := _AHEAD.fullmatch(written):
        return now + int(match[1]) * _SECONDS[match[2].lower()]
    try:
        return float(written)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise ToolFailed(f"{text[:60]!r} is no time: write {HINT}.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def written_as(seconds: float, form: str) -> str:
    """Seconds since 1970 as `unix`, `unix_ms`, `unix_ns` or `rfc3339`. Raises ToolFailed for a time out of bounds."""
    if not 0 <= seconds < 10**11:
        raise ToolFailed(f"A time must lie between 1970 and the year 5138: write {HINT}.")
    match form:
        case "unix_ms":
            return str(int(seconds * 1_000))
        case "unix_ns":
            return str(int(seconds * 1_000_000) * 1_000)
        case "rfc3339":
            return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        case _:
            return f"{seconds:.3f}".rstrip("0").rstrip(".")
