"""A job as a worker has just taken it up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from backend.jobs.types import Job


def a_job(**changes: Any) -> Job:
    """A job in its first attempt, about the base `kb`."""
    now = datetime.now(UTC)
    values: dict[str, Any] = {
        "id": "j",
        "kind": "build",
        "knowledge_base_id": "kb",
        "workspace_id": "w",
        "owner_id": "me",
        "status": "running",
        "stuck": False,
        "cancel_requested": False,
        "stages": (),
        "error": "",
        "error_code": "",
        "failures": (),
        "failure_count": 0,
        "result": {},
        "attempt": 1,
        "last_event_id": 2,
        "run_at": None,
        "created_at": now,
        "started_at": now,
        "finished_at": None,
        "heartbeat_at": now,
    }
    return Job(**{**values, **changes})
