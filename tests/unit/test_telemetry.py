"""What the log shows of what others sent."""

from __future__ import annotations

from backend.telemetry import printable


def test_nobody_outside_writes_a_line_of_the_log_or_speaks_to_the_terminal() -> None:
    event = {
        "event": "request",
        "path": "/api/\x00\n2026 [error] forged\x1b]0;title\x07\u202e",
        "exception": "Traceback:\n\tfile\x1b[2J",
        "ms": 1.5,
        "name": "数据库",
    }
    assert printable(None, "info", event) == {
        "event": "request",
        "path": r"/api/\x00\n2026 [error] forged\x1b]0;title\x07\u202e",
        "exception": "Traceback:\n\tfile" + r"\x1b[2J",
        "ms": 1.5,
        "name": "数据库",
    }
