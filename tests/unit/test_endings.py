"""How processes end is told by name, kept, and said by the doctor."""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backend.operations.doctor.endings import endings
from backend.processes.endings import KEPT, Ending, endings_in, keep_ending
from backend.settings import Settings

NOW = datetime.now(UTC)


def ended(code: int, name: str = "api", *, at: datetime = NOW, for_memory: bool = False) -> Ending:
    return Ending(name=name, at=at, lived_s=12.3, code=code, for_memory=for_memory)


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        (ended(3), "exit code 3"),
        (ended(-signal.SIGSEGV), "SIGSEGV"),
        (ended(-9), "SIGKILL"),
        (ended(-9, for_memory=True), "SIGKILL, for want of memory"),
        (ended(-999), "signal 999"),
    ],
)
def test_an_end_is_told_by_its_name(ending: Ending, reason: str) -> None:
    assert ending.reason == reason
    assert ending.advice


def test_the_last_ends_are_kept_and_whatever_else_stands_there_is_none(tmp_path: Path) -> None:
    assert endings_in(tmp_path) == []
    for code in range(KEPT + 3):
        keep_ending(tmp_path, ended(code))
    assert [ending.code for ending in endings_in(tmp_path)] == list(range(3, KEPT + 3))
    assert endings_in(tmp_path)[-1] == ended(KEPT + 2)
    for broken in ("", "{}", "[1]", '[{"name": 1}]', '[{"at": 5}]'):
        (tmp_path / "endings.json").write_text(broken)
        assert endings_in(tmp_path) == []
    keep_ending(tmp_path / "missing", ended(1))  # nowhere to keep it is no accident


def test_the_doctor_names_who_ended_and_why_and_warns_for_a_day(tmp_path: Path) -> None:
    def found() -> list[Any]:
        return list(endings(Settings(data_dir=tmp_path)))

    assert found() == []
    keep_ending(tmp_path, ended(-9, "worker", at=NOW - timedelta(days=3)))
    for _ in range(2):
        keep_ending(tmp_path, ended(-9, for_memory=True))
    api, worker = found()
    assert (api.status, worker.status, worker.advice) == ("warning", "ok", "")
    assert api.detail.startswith("api ended at ")
    assert api.detail.endswith("SIGKILL, for want of memory; 2 times in a day")
    assert "memory" in api.advice
